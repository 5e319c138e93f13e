/**
 * Judges receipts. `verifyReceipt` says that the leaf stands in the service's log; `verifyReceiptForAction` is the
 * one documented way to let a tool act on a decision: it takes every expectation, and none can be left out.
 */
import type { Millis } from '../src/base/clock.ts';
import { equalBytes } from '../src/base/bytes.ts';
import type { Crypto } from '../src/base/crypto.ts';
import { type Code, fail } from '../src/base/errors.ts';
import {
  decodeLeaf,
  type Leaf,
  leafHash,
  openCheckpoint,
  type OpenedCheckpoint,
  type Receipt,
  type VerifiedCheckpoint,
  verifyCheckpoint,
  verifyInclusion,
} from '../src/log/index.ts';
import { type LogAuthority, logKeyOf, requireSimulatedAgreement } from './log-authority.ts';
import type { VerifiedSeal } from './seal.ts';

/** A receipt with a seal of its head, which lifts it to level 1. */
export interface SealedReceipt {
  readonly receipt: Receipt;
  readonly seal: VerifiedSeal;
}

/** 0: covered by a signed checkpoint. 1: sealed. 2: sealed and witnessed, which no receipt here reaches yet. */
export type ReceiptLevel = 0 | 1 | 2;

export interface VerifiedReceipt {
  readonly leaf: Leaf;
  readonly checkpoint: VerifiedCheckpoint;
  readonly level: ReceiptLevel;
  readonly simulated: boolean;
  /** What is true of the receipt and a reader must know: `UNWITNESSED`, `CLOCK_UNANCHORED`. */
  readonly notes: readonly Code[];
}

/** A receipt that allows one action. */
export interface VerifiedDecision extends VerifiedReceipt {
  readonly leaf: Leaf & { readonly kind: 'decision'; readonly decision: 'allow' | 'transform' };
}

export interface ActionExpectations {
  /** The service whose decisions count, from its judged attestation. */
  readonly service: LogAuthority & { readonly validUntil: Millis };
  readonly crypto: Crypto;
  /** The name of the tool server that asks. */
  readonly audience: string;
  /** `actionIdentity` of the call that is about to happen. */
  readonly action: Uint8Array;
  readonly nonce: Uint8Array;
  /** SHA-256 of the caller's SubjectPublicKeyInfo. */
  readonly principal: Uint8Array;
  /** The least level; a leaf that requires more gets more. */
  readonly level: ReceiptLevel;
  readonly now: Millis;
}

/** No witness has cosigned: this release knows none (design section 7). */
const NOTES: readonly Code[] = Object.freeze(['UNWITNESSED']);
/** Its times, `not_after` among them, are those of a clock that whoever runs the machine can set. */
const UNANCHORED: readonly Code[] = Object.freeze(['UNWITNESSED', 'CLOCK_UNANCHORED']);

async function verifyHead(
  opened: OpenedCheckpoint,
  service: LogAuthority,
  crypto: Crypto,
): Promise<VerifiedCheckpoint> {
  if (opened.epochs.length > 0 && !opened.epochs.includes(service.epoch))
    fail(
      'RECEIPT_EPOCH_MISMATCH',
      `signed in epoch ${opened.epochs.join(', ')}, judged was epoch ${service.epoch}`,
    );
  const { origin, epoch, epochKey } = service;
  return verifyCheckpoint(opened, { origin, epoch, epochKey, logKey: logKeyOf(service, crypto) }, crypto);
}

function isSealed(input: Receipt | SealedReceipt): input is SealedReceipt {
  return 'receipt' in input;
}

/**
 * Proves that the leaf stands at its index in the log whose head both keys signed. Throws NOTE_*, CHECKPOINT_*,
 * LEAF_*, `NOT_HARDWARE_BOUND`, `INCLUSION_INVALID`, `RECEIPT_INDEX_MISMATCH`, `RECEIPT_EPOCH_MISMATCH`,
 * `LOG_KEY_MISMATCH`, `SIMULATED_MISMATCH`, `SEAL_HEAD_MISMATCH`. It does not say what was decided: read `leaf`.
 */
export async function verifyReceipt(
  input: Receipt | SealedReceipt,
  service: LogAuthority,
  crypto: Crypto,
): Promise<VerifiedReceipt> {
  const receipt = isSealed(input) ? input.receipt : input;
  const leaf = decodeLeaf(receipt.leaf);
  const opened = openCheckpoint(receipt.checkpoint);
  requireSimulatedAgreement(service);
  const checkpoint = await verifyHead(opened, service, crypto);
  const { index, proof } = receipt;
  const { size, root } = checkpoint;
  verifyInclusion(crypto, { index, size, root, proof, leafHash: leafHash(crypto, receipt.leaf) });
  if (leaf.index !== index)
    fail('RECEIPT_INDEX_MISMATCH', `the leaf says index ${leaf.index}, the receipt ${index}`);
  // A later epoch may cover an earlier one's leaves; no epoch covers leaves of the future.
  if (leaf.epoch > service.epoch)
    fail('RECEIPT_EPOCH_MISMATCH', `a leaf of epoch ${leaf.epoch} in epoch ${service.epoch}`);
  const level = isSealed(input) ? sealedLevel(input.seal, checkpoint, service) : 0;
  const notes = service.clock === 'unanchored' ? UNANCHORED : NOTES;
  return Object.freeze({ leaf, checkpoint, level, simulated: service.simulated, notes });
}

/** The seal must be of exactly this head: then what the checkpoint covers, the seal covers. */
function sealedLevel(
  seal: VerifiedSeal,
  checkpoint: VerifiedCheckpoint,
  service: LogAuthority,
): ReceiptLevel {
  const { origin, treeSize, root, bootId } = seal.statement;
  const same =
    origin === checkpoint.origin && treeSize === checkpoint.size && equalBytes(bootId, service.bootId);
  if (!same || !equalBytes(root, checkpoint.root))
    fail(
      'SEAL_HEAD_MISMATCH',
      `the seal is of size ${treeSize}, the receipt's head of size ${checkpoint.size}`,
    );
  return 1;
}

const EXPECTED: readonly (keyof ActionExpectations)[] = [
  'service',
  'crypto',
  'audience',
  'action',
  'nonce',
  'principal',
  'level',
  'now',
];

/** JavaScript callers and casts get past the types, so the same is asked at run time. */
function requireAll(expectations: ActionExpectations): void {
  for (const name of EXPECTED)
    if (expectations?.[name] === undefined || expectations[name] === null)
      fail('EXPECTATION_MISSING', `${name} is not given`);
  const { level, now, service } = expectations;
  if (![0, 1, 2].includes(level)) fail('EXPECTATION_MISSING', 'level is not 0, 1 or 2');
  for (const time of [now, service.validUntil])
    if (!Number.isSafeInteger(time)) fail('EXPECTATION_MISSING', 'now and validUntil are milliseconds');
}

const REFUSALS: Readonly<Record<'deny' | 'warn' | 'escalate', Code>> = {
  deny: 'DECISION_DENY',
  warn: 'DECISION_WARN',
  escalate: 'DECISION_ESCALATE',
};

/** Only allow and transform let an action happen; the caller acts on the transformed arguments. */
function requireAllowed(leaf: Leaf): asserts leaf is VerifiedDecision['leaf'] {
  if (leaf.kind !== 'decision' || leaf.decision === null)
    fail('RECEIPT_NOT_DECISION', `a leaf of kind ${leaf.kind} decides nothing`);
  if (leaf.decision !== 'allow' && leaf.decision !== 'transform')
    fail(REFUSALS[leaf.decision], `the decision is ${leaf.decision}, rule ${leaf.rule ?? 'none'}`);
}

function requireSame(got: Uint8Array | null, wanted: Uint8Array, code: Code, what: string): void {
  if (got === null || !equalBytes(got, wanted)) fail(code, `the decision is for another ${what}`);
}

/**
 * Verifies a receipt for exactly one action; resolves only if the action may happen now. Single use is the
 * caller's to keep: one nonce, one action. Throws what `verifyReceipt` throws, `EXPECTATION_MISSING`,
 * `RECEIPT_NOT_DECISION`, `DECISION_DENY|WARN|ESCALATE`, `RECEIPT_AUDIENCE|ACTION|NONCE|PRINCIPAL_MISMATCH`,
 * `RECEIPT_LEVEL_TOO_LOW`, `RECEIPT_EXPIRED`, `SERVICE_EXPIRED`.
 */
export async function verifyReceiptForAction(
  input: Receipt | SealedReceipt,
  expectations: ActionExpectations,
): Promise<VerifiedDecision> {
  requireAll(expectations);
  const { service, crypto, audience, action, nonce, principal, now } = expectations;
  if (now > service.validUntil) fail('SERVICE_EXPIRED', 'the judgement of the service is no longer valid');
  const verified = await verifyReceipt(input, service, crypto);
  const { leaf } = verified;
  requireAllowed(leaf);
  if (leaf.epoch !== service.epoch)
    fail(
      'RECEIPT_EPOCH_MISMATCH',
      `decided in epoch ${leaf.epoch}, the service is in epoch ${service.epoch}`,
    );
  if (leaf.audience !== audience)
    fail('RECEIPT_AUDIENCE_MISMATCH', `the decision is for ${leaf.audience ?? 'no audience'}`);
  requireSame(leaf.action, action, 'RECEIPT_ACTION_MISMATCH', 'action');
  requireSame(leaf.nonce, nonce, 'RECEIPT_NONCE_MISMATCH', 'nonce');
  requireSame(leaf.principal, principal, 'RECEIPT_PRINCIPAL_MISMATCH', 'principal');
  const level = Math.max(expectations.level, leaf.requiredLevel ?? 0);
  if (verified.level < level)
    fail('RECEIPT_LEVEL_TOO_LOW', `level ${verified.level}, needed is level ${level}`);
  if (leaf.notAfter === null || now > leaf.notAfter)
    fail(
      'RECEIPT_EXPIRED',
      `the decision ${leaf.notAfter === null ? 'names no time limit' : 'is past its time'}`,
    );
  return { ...verified, leaf };
}
