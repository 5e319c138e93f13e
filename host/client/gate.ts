/**
 * The tool's side of the bargain: no receipt, no action. `requireDecision` checks that a receipt allows exactly
 * this call (tool, canonical arguments after the policy's transform, audience, caller, nonce), is recent enough,
 * good enough, and has not been used here before. It returns the arguments to act on, or throws.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import type { Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import type { JsonValue } from '../../src/codec/json.ts';
import { actionIdentity } from '../../src/log/action.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { type VerifiedService, verifyReceiptForAction } from '../../verifier/index.ts';

export interface GateOptions {
  /** The enclave whose decisions count: from `connect(...).service`, or judged from a stored attestation. */
  readonly service: VerifiedService;
  /** This tool server's name: receipts for another audience are refused. */
  readonly audience: string;
  /** The least receipt level: 0 checkpoint, 1 sealed, 2 sealed and witnessed. */
  readonly level: 0 | 1 | 2;
  readonly now: () => Millis;
  /** How many unexpired receipts to remember; when full, new ones are refused rather than old ones forgotten. */
  readonly capacity?: number;
}

/** What the caller presents with a call. */
export interface PresentedCall {
  readonly tool: string;
  /** The arguments the tool will act on: after the transform, if there was one. */
  readonly arguments: JsonValue;
  readonly receipt: Receipt;
  /** The nonce that this tool server gave out for the call, or that the caller chose and shows. */
  readonly nonce: Uint8Array;
  /** SHA-256 of the caller's public key, as the tool server's own transport authenticated it. */
  readonly principal: Uint8Array;
}

export interface Gate {
  /** Resolves with the arguments to act on; throws a typed code otherwise. Consumes the receipt. */
  admit(call: PresentedCall): Promise<JsonValue>;
}

const CAPACITY = 1_000_000;

export function requireDecision(options: GateOptions): Gate {
  const { service, audience, level, now } = options;
  const capacity = options.capacity ?? CAPACITY;
  /** Place in the log to expiry, in the order of use; what has expired cannot be replayed and may be dropped. */
  const used = new Map<string, Millis>();
  /** Receipts that expired before this may be forgotten; a clock that is set back must not revive them. */
  let forgottenTo: Millis = 0;

  function forgetExpired(at: Millis): void {
    if (used.size < capacity) return;
    for (const [key, expires] of used) if (expires < at) used.delete(key);
    forgottenTo = Math.max(forgottenTo, at);
    if (used.size >= capacity) fail('GATE_FULL', `${capacity} unexpired receipts are remembered already`);
  }

  return {
    async admit(call) {
      const at = now();
      const { leaf } = await verifyReceiptForAction(call.receipt, {
        service,
        crypto: nodeCrypto,
        audience,
        action: actionIdentity(nodeCrypto, call.tool, call.arguments),
        nonce: call.nonce,
        principal: call.principal,
        level,
        now: at,
      });
      const key = `${service.origin} ${leaf.index} ${toHex(call.nonce)}`;
      if (used.has(key)) fail('RECEIPT_REPLAYED', `the receipt of leaf ${leaf.index} has been used here`);
      const expires = leaf.notAfter ?? Number.MAX_SAFE_INTEGER;
      if (expires < forgottenTo)
        fail('RECEIPT_EXPIRED', 'the decision had expired before the clock was set back');
      forgetExpired(at);
      used.set(key, expires);
      return call.arguments;
    },
  };
}
