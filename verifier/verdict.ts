/**
 * What a judgement looks like (design section 3, rule 2, and section 8): every check by name, what was not
 * performed, what the trust policy waived, and one word for all of it. Same inputs, same verdict, byte for byte.
 */
import { formatTime, type Millis } from '../src/base/clock.ts';
import { AssayError, type Code } from '../src/base/errors.ts';
import { UNDETERMINED } from '../src/base/undetermined.ts';
import type { JsonObject } from '../src/codec/json.ts';

export type CheckStatus = 'pass' | 'fail' | 'skipped';

export interface PlannedCheck {
  /** Stable: `chain.validity`. */
  readonly name: string;
  /** What it implements: a document and its section. */
  readonly clause: string;
}

export interface Check extends PlannedCheck {
  readonly status: CheckStatus;
  /** Why it failed, or why it could not be performed. */
  readonly code: Code | null;
}

/** `trusted`: authentic and acceptable. `authentic`: not appraised. `undetermined`: something needed is missing. */
export type VerdictWord = 'trusted' | 'authentic' | 'rejected' | 'undetermined';

/** Keys are those of the JSON that `--json` prints. */
export interface Verdict {
  readonly verdict: VerdictWord;
  readonly code: Code | null;
  readonly platform: string | null;
  /** Null when that could not be found out. */
  readonly simulated: boolean | null;
  readonly mode: 'live' | 'archive';
  /** RFC 3339; null when evidence was to give its own time and could not be read. */
  readonly at: string | null;
  /** Earliest end of chain and collateral: a session ends then. Null unless authentic. */
  readonly valid_until: string | null;
  readonly evidence_sha256: string | null;
  readonly trust_sha256: string | null;
  readonly checks: readonly Check[];
  /** Checks that were not performed though nobody waived them. Empty when trusted. */
  readonly unverified: readonly string[];
  /** What the trust policy opted out of. */
  readonly waived: readonly string[];
  readonly claims: JsonObject;
}

interface Outcome {
  readonly status: CheckStatus;
  readonly error: AssayError | null;
}

const PASSED: Outcome = Object.freeze({ status: 'pass', error: null });

/** Names of plans that cannot change; most are the same from one judgement to the next. */
const NAMES = new WeakMap<readonly PlannedCheck[], ReadonlySet<string>>();

function namesOf(plan: readonly PlannedCheck[]): ReadonlySet<string> {
  const known = NAMES.get(plan);
  if (known !== undefined) return known;
  const names = new Set(plan.map(({ name }) => name));
  if (Object.isFrozen(plan)) NAMES.set(plan, names);
  return names;
}

/** Collects the outcome of each planned check. One log serves one judgement. */
export class CheckLog {
  readonly #plan: readonly PlannedCheck[];
  readonly #names: ReadonlySet<string>;
  readonly #done = new Map<string, Outcome>();
  readonly #waived: string[] = [];
  readonly #idle = new Set<string>();

  constructor(plan: readonly PlannedCheck[]) {
    this.#plan = plan;
    this.#names = namesOf(plan);
  }

  /** Runs a check that later ones stand on: records its outcome, and throws when it fails. */
  demand<T>(name: string, body: () => T): T {
    this.#requirePlanned(name);
    try {
      const value = body();
      this.#record(name, PASSED);
      return value;
    } catch (error) {
      return this.#failed(name, error);
    }
  }

  async demandAsync<T>(name: string, body: () => Promise<T>): Promise<T> {
    this.#requirePlanned(name);
    try {
      const value = await body();
      this.#record(name, PASSED);
      return value;
    } catch (error) {
      return this.#failed(name, error);
    }
  }

  /** Runs a check on which nothing depends: a failure is recorded and decides the verdict, and the others still run. */
  judge(name: string, body: () => void): void {
    this.#requirePlanned(name);
    try {
      this.demand(name, body);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
    }
  }

  async judgeAsync(name: string, body: () => Promise<void>): Promise<void> {
    this.#requirePlanned(name);
    try {
      await this.demandAsync(name, body);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
    }
  }

  /** The trust policy opts out of this check. */
  waive(name: string): void {
    this.#waived.push(name);
    this.#record(name, { status: 'skipped', error: null });
  }

  /** The question does not arise here, for instance freshness of archived evidence. */
  notApplicable(name: string): void {
    this.#idle.add(name);
    this.#record(name, { status: 'skipped', error: null });
  }

  /** Records what the trust policy waives that is no check of its own. */
  note(waived: string): void {
    this.#waived.push(waived);
  }

  /** The first failure in the order of the plan that decides: what is wrong goes before what is missing. */
  get failure(): AssayError | null {
    const errors = this.#plan.flatMap(({ name }) => this.#done.get(name)?.error ?? []);
    return errors.find((error) => !error.undetermined) ?? errors[0] ?? null;
  }

  get checks(): readonly Check[] {
    return Object.freeze(
      this.#plan.map(({ name, clause }) => {
        const outcome = this.#done.get(name);
        return Object.freeze({
          name,
          status: outcome?.status ?? 'skipped',
          code: outcome?.error?.code ?? null,
          clause,
        });
      }),
    );
  }

  get waived(): readonly string[] {
    return Object.freeze([...this.#waived]);
  }

  get unverified(): readonly string[] {
    const open = this.#plan.filter(({ name }) => {
      const status = this.#done.get(name)?.status ?? 'skipped';
      return status === 'skipped' && !this.#waived.includes(name) && !this.#idle.has(name);
    });
    return Object.freeze(open.map(({ name }) => name));
  }

  /** Whether this check was performed and held. */
  passed(name: string): boolean {
    return this.#done.get(name)?.status === 'pass';
  }

  /** Whether every check was done and held, but that nothing from outside the evidence says when it was made. */
  get onlyTimeOpen(): boolean {
    const { failure, unverified } = this;
    return failure?.code === 'TIME_UNANCHORED' && unverified.length === 1 && unverified[0] === 'time-anchor';
  }

  /** Throws the deciding failure, if there is one. */
  settle(): void {
    const { failure } = this;
    if (failure !== null) throw failure;
  }

  #failed(name: string, error: unknown): never {
    if (error instanceof AssayError)
      this.#record(name, { status: error.undetermined ? 'skipped' : 'fail', error });
    throw error;
  }

  /** A defect of ours: no code of a judgement, so that nobody takes it for the finding of a check and goes on. */
  #requirePlanned(name: string): void {
    if (!this.#names.has(name)) throw new Error(`check ${name} is not in the plan`);
  }

  #record(name: string, outcome: Outcome): void {
    this.#requirePlanned(name);
    this.#done.set(name, outcome);
  }
}

export interface VerdictParts {
  readonly platform: string | null;
  readonly simulated: boolean | null;
  readonly mode: 'live' | 'archive';
  readonly at: Millis | null;
  readonly validUntil: Millis | null;
  readonly evidenceSha256: string | null;
  readonly trustSha256: string | null;
  readonly claims: JsonObject;
}

/** Closes a log. Trusted takes an appraisal (a trust policy), no failure and nothing unverified. */
export function concludeVerdict(log: CheckLog, parts: VerdictParts): Verdict {
  const { failure } = log;
  const appraised = parts.trustSha256 !== null;
  const unverified = log.unverified;
  return Object.freeze({
    verdict: word(failure, parts.simulated !== null, appraised, unverified),
    code: failure?.code ?? null,
    platform: parts.platform,
    simulated: parts.simulated,
    mode: parts.mode,
    at: parts.at === null ? null : formatTime(parts.at),
    valid_until: parts.validUntil === null ? null : formatTime(parts.validUntil),
    evidence_sha256: parts.evidenceSha256,
    trust_sha256: parts.trustSha256,
    checks: log.checks,
    unverified: appraised ? unverified : Object.freeze([...unverified, 'appraisal']),
    waived: log.waived,
    claims: parts.claims,
  });
}

function word(
  failure: AssayError | null,
  proven: boolean,
  appraised: boolean,
  unverified: readonly string[],
): VerdictWord {
  if (failure !== null && !failure.undetermined) return 'rejected';
  // What could not be verified for want of something, of time or collateral, is not authentic for that.
  if (!proven) return 'undetermined';
  if (!appraised) return 'authentic';
  return failure === null && unverified.length === 0 ? 'trusted' : 'undetermined';
}

/** A verdict about input that never became evidence: a bad file, flag or trust policy. */
export function malformedVerdict(code: Code, at: Millis | null, mode: 'live' | 'archive'): Verdict {
  const verdict: VerdictWord = UNDETERMINED.has(code) ? 'undetermined' : 'rejected';
  return Object.freeze({
    verdict,
    code,
    platform: null,
    simulated: null,
    mode,
    at: at === null ? null : formatTime(at),
    valid_until: null,
    evidence_sha256: null,
    trust_sha256: null,
    checks: [],
    unverified: [],
    waived: [],
    claims: {},
  });
}

/** One line of JSON, keys in the order of the design. */
export function formatVerdict(verdict: Verdict): string {
  return JSON.stringify(verdict);
}
