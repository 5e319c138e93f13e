/** What an audit says: one word, one code, the grades that qualify it, and the facts. */
import { formatTime } from '../../src/base/clock.ts';
import type { AssayError, Code } from '../../src/base/errors.ts';
import { UNDETERMINED } from '../../src/base/undetermined.ts';
import { toHex } from '../../src/base/hex.ts';
import type { VerdictWord } from '../verdict.ts';
import type { Epochs } from './epochs.ts';
import type { LeafCounts } from './leaves.ts';

/** Something found, with the smallest place that shows it. */
export interface Finding {
  readonly code: Code;
  readonly message: string;
}

/** Keys are those of the JSON that `--json` prints. */
export interface AuditReport {
  readonly verdict: VerdictWord;
  /** Null when trusted; else the first finding in the order of the checks. */
  readonly code: Code | null;
  /** `VERIFIED`, or `code`; then what qualifies it: UNSEALED_TAIL, UNWITNESSED, TIME_UNANCHORED, CLOCK_UNANCHORED. */
  readonly grades: readonly ('VERIFIED' | Code)[];
  readonly findings: readonly Finding[];
  readonly trust_sha256: string | null;
  /** What the trust policy opted out of. */
  readonly waived: readonly string[];
  readonly origin: string | null;
  readonly simulated: boolean | null;
  readonly size: number | null;
  readonly root: string | null;
  /** Leaves under the last seal with evidence. */
  readonly sealed_size: number;
  /** Leaves after it that need a seal. */
  readonly unsealed: number;
  readonly seals: { readonly count: number; readonly quoted: number };
  readonly epochs: readonly {
    readonly epoch: number;
    readonly platform: string;
    readonly boot_id: string;
    readonly first_leaf: number;
    readonly started: string;
    readonly time_anchored: boolean;
  }[];
  readonly leaves: LeafCounts;
  readonly first_time: string | null;
  readonly last_time: string | null;
  /** Receipts of the auditor's that agree with the log. */
  readonly receipts: number;
}

/** What is known when the audit ends; all of it on success, less on failure. */
export interface Facts {
  origin: string | null;
  simulated: boolean | null;
  size: number | null;
  root: Uint8Array | null;
  sealedSize: number;
  unsealed: number;
  seals: number;
  quoted: number;
  epochs: Epochs;
  starts: readonly { readonly epoch: number; readonly index: number; readonly time: number }[];
  counts: LeafCounts;
  span: { readonly first: number; readonly last: number } | null;
  receipts: number;
  /** Numbers of the first and last seal whose clock nobody had anchored; null when there is none. */
  unanchored: { readonly first: number; readonly last: number } | null;
}

export function noFacts(): Facts {
  return {
    origin: null,
    simulated: null,
    size: null,
    root: null,
    sealedSize: 0,
    unsealed: 0,
    seals: 0,
    quoted: 0,
    epochs: new Map(),
    starts: [],
    counts: { kinds: {}, decisions: {} },
    span: null,
    receipts: 0,
    unanchored: null,
  };
}

export interface Conclusion {
  readonly failure: AssayError | null;
  /** Found on the way, of less weight. */
  readonly qualifications: readonly Finding[];
  readonly trustSha256: string | null;
  readonly waived: readonly string[];
}

/** A qualification that keeps a log from being trusted: then nothing but the log itself says when it was. */
const DECISIVE: readonly Code[] = ['TIME_UNANCHORED'];

export function conclude(
  facts: Facts,
  { failure, qualifications, trustSha256, waived }: Conclusion,
): AuditReport {
  const decisive = qualifications.find(({ code }) => DECISIVE.includes(code)) ?? null;
  const code = failure?.code ?? decisive?.code ?? null;
  const grade: 'VERIFIED' | Code = failure?.code ?? 'VERIFIED';
  const first: Finding[] = failure === null ? [] : [{ code: failure.code, message: failure.message }];
  const report: AuditReport = {
    verdict: wordFor(code),
    code,
    grades: [grade, ...qualifications.map((finding) => finding.code)],
    findings: [...first, ...qualifications],
    trust_sha256: trustSha256,
    waived,
    origin: facts.origin,
    simulated: facts.simulated,
    size: facts.size,
    root: facts.root === null ? null : toHex(facts.root),
    sealed_size: facts.sealedSize,
    unsealed: facts.unsealed,
    seals: { count: facts.seals, quoted: facts.quoted },
    epochs: facts.starts.flatMap(({ epoch, index, time }) => {
      const known = facts.epochs.get(epoch);
      if (known === undefined) return [];
      const { platform, bootId } = known.service;
      return {
        epoch,
        platform,
        boot_id: toHex(bootId),
        first_leaf: index,
        started: formatTime(time),
        time_anchored: known.anchored,
      };
    }),
    leaves: facts.counts,
    first_time: facts.span === null ? null : formatTime(facts.span.first),
    last_time: facts.span === null ? null : formatTime(facts.span.last),
    receipts: facts.receipts,
  };
  return Object.freeze(report);
}

function wordFor(code: Code | null): VerdictWord {
  if (code === null) return 'trusted';
  return UNDETERMINED.has(code) ? 'undetermined' : 'rejected';
}
