/**
 * The decision path (design section 6): principal, evaluation, leaf, receipt. What the caller says about itself
 * is overwritten by what its key proves. Requests that fail before a principal is known are counted, not logged.
 */
import type { Hashing } from '../../src/base/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonValue } from '../../src/codec/json.ts';
import { parseJson } from '../../src/codec/json.ts';
import { canonicalize } from '../../src/codec/jcs.ts';
import { actionIdentity } from '../../src/log/action.ts';
import { draftLeaf, type LeafDraft } from '../../src/log/leaf.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { type Evaluation, evaluate } from '../../src/policy/index.ts';
import type { DecideRequest, DecideResponse } from '../../src/rpc/messages.ts';
import type { EnclaveClock } from '../platform/clock.ts';
import type { Policies } from './policies.ts';

export interface DeciderParts {
  readonly hashing: Hashing;
  readonly clock: EnclaveClock;
  readonly policies: Policies;
  readonly append: (draft: LeafDraft) => Promise<Receipt>;
  /** Leaves that are logged: a parent must be one of them. */
  readonly size: () => number;
  readonly maxValidForMs: number;
}

export interface Decider {
  decide(request: DecideRequest, spkiHash: Uint8Array | null): Promise<DecideResponse>;
  /** Requests refused before a principal was known: sealed as `refused`. */
  readonly refused: number;
}

const NONCE = { min: 16, max: 64 } as const;
const NOTHING: Uint8Array = new Uint8Array(0);
/** What a leaf can hold, in bytes of UTF-8. */
const MAX_NAME = 255;
const MAX_LABELS = 16;
const MAX_LABEL = 64;
const MAX_SNAPSHOT = { bytes: 1_048_576, depth: 64 } as const;

/** A rule's name as a leaf can hold it: wide text is cut at a whole character, never refused. */
function shorten(text: string | null): string | null {
  if (text === null || sizeOf(text) <= MAX_NAME) return text;
  const cut = new TextDecoder().decode(utf8(text).subarray(0, MAX_NAME));
  return cut.endsWith('\ufffd') ? cut.slice(0, -1) : cut;
}

const sizeOf = (text: string): number => utf8(text).length;

function checkRequest(request: DecideRequest, { maxValidForMs, size }: DeciderParts): void {
  const wrong = (field: string, rule: string): never => fail('REQUEST_INVALID', `${field}: ${rule}`);
  if (request.nonce.length < NONCE.min || request.nonce.length > NONCE.max)
    wrong('nonce', `${NONCE.min} to ${NONCE.max} bytes`);
  if (request.interventionPoint === '' || sizeOf(request.interventionPoint) > MAX_NAME)
    wrong('intervention_point', `1 to ${MAX_NAME} bytes`);
  if (sizeOf(request.audience) > MAX_NAME) wrong('audience', `at most ${MAX_NAME} bytes`);
  if (request.requiredLevel > 2) wrong('required_level', '0, 1 or 2');
  if (request.validForMs < 1 || request.validForMs > maxValidForMs)
    wrong('valid_for_ms', `1 to ${maxValidForMs}`);
  const fits = (label: string): boolean => label !== '' && sizeOf(label) <= MAX_LABEL;
  if (request.labels.length > MAX_LABELS || !request.labels.every(fits))
    wrong('labels', `at most ${MAX_LABELS} of 1 to ${MAX_LABEL} bytes`);
  if (request.session.length > 64) wrong('session', 'at most 64 bytes');
  if (request.parent !== null && request.parent >= size()) wrong('parent', 'not a leaf of the log');
}

/** The tool that the call is for: what the policy projected, else the audience that the caller named. */
function audienceOf(evaluation: Evaluation, request: DecideRequest): string | null {
  if (request.audience !== '') return request.audience;
  const { toolName } = evaluation;
  // No tool that a policy knows has such a name: the decision is deny, and its leaf must fit.
  return toolName === null || toolName === '' || sizeOf(toolName) > MAX_NAME ? null : toolName;
}

/** Throws REQUEST_INVALID naming the snapshot and what is wrong with it. */
function readSnapshot(bytes: Uint8Array): JsonValue {
  try {
    return parseJson(bytes, {
      maxBytes: MAX_SNAPSHOT.bytes,
      maxDepth: MAX_SNAPSHOT.depth,
      path: 'snapshot',
    });
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause;
    throw new AssayError('REQUEST_INVALID', cause.message, { cause });
  }
}

export function createDecider(parts: DeciderParts): Decider {
  const { hashing, policies } = parts;
  let refused = 0;

  function refuse(code: 'PRINCIPAL_UNKNOWN' | 'POLICY_MISSING', message: string): never {
    refused++;
    fail(code, message);
  }

  function leafOf(
    request: DecideRequest,
    evaluation: Evaluation,
    found: NonNullable<ReturnType<Policies['find']>>,
    spkiHash: Uint8Array,
  ): LeafDraft {
    const { principal, force } = found;
    const now = parts.clock.now();
    return draftLeaf({
      kind: 'decision',
      tenant: principal.tenant,
      agent: principal.agent,
      principal: spkiHash,
      session: request.session.length > 0 ? request.session : null,
      parent: request.parent ?? null,
      labels: request.labels,
      interventionPoint: request.interventionPoint,
      action:
        evaluation.toolName === null
          ? null
          : actionIdentity(hashing, evaluation.toolName, evaluation.arguments),
      audience: audienceOf(evaluation, request),
      nonce: request.nonce,
      decision: evaluation.decision,
      rule: shorten(evaluation.rule ?? evaluation.reason),
      policyDigest: force.digest,
      requiredLevel: request.requiredLevel,
      notAfter: now + request.validForMs,
      effects: evaluation.effects,
    });
  }

  return {
    async decide(request, spkiHash) {
      if (spkiHash === null) return refuse('PRINCIPAL_UNKNOWN', 'no client certificate');
      while (policies.settled !== null) await policies.settled.catch(() => undefined);
      // From here to `append` nothing awaits: leaves stand in the order of the policies that made them.
      if (policies.version() === 0) return refuse('POLICY_MISSING', 'no policy has been loaded');
      const found = policies.find(spkiHash);
      if (found === null)
        return refuse('PRINCIPAL_UNKNOWN', `no policy maps this client key: ${toHex(spkiHash)}`);
      checkRequest(request, parts);
      const snapshot = readSnapshot(request.snapshot);
      const evaluation = evaluate(found.force.policy, {
        interventionPoint: request.interventionPoint,
        snapshot,
        principal: found.principal,
      });
      const receipt = await parts.append(leafOf(request, evaluation, found, spkiHash));
      return {
        decision: evaluation.decision,
        reason: evaluation.reason ?? '',
        rule: evaluation.rule ?? '',
        message: evaluation.message ?? '',
        target: evaluation.decision === 'transform' ? canonicalize(evaluation.arguments) : NOTHING,
        inputIdentity: evaluation.inputIdentity ?? '',
        enforcedIdentity: evaluation.enforcedIdentity ?? '',
        receipt,
      };
    },
    get refused() {
      return refused;
    },
  };
}
