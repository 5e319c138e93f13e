/**
 * Orders: bytes that k of n authorities sign (design section 6). A policy order puts a bundle in force for a
 * tenant; a genesis order allows an enclave without a keyring to make one. What is signed is
 * bind(`order/policy`) or bind(`order/genesis`) of the exact order bytes, so neither passes for the other.
 */
import { equalBytes } from '../base/bytes.ts';
import type { Millis } from '../base/clock.ts';
import type { Crypto, Hashing } from '../base/crypto.ts';
import { ed25519Spki } from '../base/ed25519.ts';
import { fail } from '../base/errors.ts';
import { toHex } from '../base/hex.ts';
import {
  bytes,
  field,
  list,
  optional,
  record,
  text,
  time,
  uint,
  type RecordCodec,
} from '../codec/cbor-record.ts';
import { bind, DOMAINS, type Domain } from './bind.ts';
import { bytes32, origin } from './fields.ts';

export interface PolicyOrder {
  readonly origin: string;
  readonly tenant: string;
  /** 1 for the first order of a tenant, then one more each time. */
  readonly version: number;
  /** SHA-256 of the bytes of the previous order; null for version 1. */
  readonly previous: Uint8Array | null;
  /** SHA-256 of the bundle bytes. */
  readonly bundleDigest: Uint8Array;
  /** Not accepted at or after this time; an accepted order stays in force. */
  readonly notAfter: Millis;
}

export const PolicyOrder: RecordCodec<PolicyOrder> = record<PolicyOrder>('policy order', {
  origin: field(1, origin()),
  tenant: field(2, text({ min: 1, max: 512 })),
  version: field(3, uint()),
  previous: field(4, optional(bytes32())),
  bundleDigest: field(5, bytes32()),
  notAfter: field(6, time()),
});

export interface GenesisOrder {
  readonly origin: string;
  /** The keyring to be made, when the signers chose its identifier. */
  readonly keyringId: Uint8Array | null;
  readonly notAfter: Millis;
  /** Random, so that two births never have the same order. */
  readonly nonce: Uint8Array;
}

export const GenesisOrder: RecordCodec<GenesisOrder> = record<GenesisOrder>('genesis order', {
  origin: field(1, origin()),
  keyringId: field(2, optional(bytes(16))),
  notAfter: field(3, time()),
  nonce: field(4, bytes32()),
});

export interface Orders {
  readonly policy: PolicyOrder;
  readonly genesis: GenesisOrder;
}

export type OrderKind = keyof Orders;

export interface OrderSignature {
  /** Raw Ed25519 public key of an authority. */
  readonly key: Uint8Array;
  readonly signature: Uint8Array;
}

/** An order with signatures; nothing in it is believed before `verifyOrder`. */
export interface SignedOrder {
  /** The exact bytes that were signed. */
  readonly order: Uint8Array;
  readonly signatures: readonly OrderSignature[];
}

export const MAX_ORDER_SIGNATURES = 64;
export const MAX_ORDER_BYTES = 4_096;

const OrderSignature: RecordCodec<OrderSignature> = record<OrderSignature>('signature', {
  key: field(1, bytes32()),
  signature: field(2, bytes(64)),
});

const SignedOrder: RecordCodec<SignedOrder> = record<SignedOrder>('signed order', {
  order: field(1, bytes({ min: 1, max: MAX_ORDER_BYTES })),
  signatures: field(2, list(OrderSignature, { max: MAX_ORDER_SIGNATURES })),
});

const CODECS: { readonly [K in OrderKind]: RecordCodec<Orders[K]> } = {
  policy: PolicyOrder,
  genesis: GenesisOrder,
};
const ORDER_DOMAINS: Readonly<Record<OrderKind, Domain>> = {
  policy: DOMAINS.policyOrder,
  genesis: DOMAINS.genesisOrder,
};

/** Throws the ParseError of the codec. */
export function decodePolicyOrder(order: Uint8Array): PolicyOrder {
  return PolicyOrder.decode(order);
}

export function decodeGenesisOrder(order: Uint8Array): GenesisOrder {
  return GenesisOrder.decode(order);
}

export function encodePolicyOrder(order: PolicyOrder): Uint8Array {
  return PolicyOrder.encode(order);
}

export function encodeGenesisOrder(order: GenesisOrder): Uint8Array {
  return GenesisOrder.encode(order);
}

/** The binary form, as it travels over RPC and is kept in the log's objects. */
export function encodeSignedOrder(signed: SignedOrder): Uint8Array {
  return SignedOrder.encode(signed);
}

/** Reads the binary form. Throws the ParseError of the codec. */
export function parseSignedOrder(signed: Uint8Array): SignedOrder {
  return SignedOrder.decode(signed);
}

/** What an authority signs: 64 bytes. */
export function orderMessage(hashing: Hashing, kind: OrderKind, order: Uint8Array): Uint8Array {
  return bind(hashing, ORDER_DOMAINS[kind], order);
}

export interface OrderAuthorities<K extends OrderKind> {
  readonly kind: K;
  /** Raw Ed25519 keys, from the measured configuration. */
  readonly authorities: readonly Uint8Array[];
  readonly threshold: number;
  readonly crypto: Crypto;
}

/**
 * Checks who signed and returns the decoded order. Distinct keys are counted; signatures of keys that are not
 * authorities do not count, and one signature of an authority that does not verify spoils the order. Throws
 * ORDER_AUTHORITIES_INVALID, ORDER_THRESHOLD_NOT_MET, SIGNATURE_INVALID, KEY_INVALID or the codec's ParseError.
 */
export async function verifyOrder<K extends OrderKind>(
  signed: SignedOrder,
  { kind, authorities, threshold, crypto }: OrderAuthorities<K>,
): Promise<Orders[K]> {
  const allowed = new Set(authorities.map(toHex));
  if (!Number.isSafeInteger(threshold) || threshold < 1 || threshold > allowed.size)
    fail('ORDER_AUTHORITIES_INVALID', `a threshold of ${threshold} of ${allowed.size} distinct authorities`);
  const order = CODECS[kind].decode(signed.order);
  const message = orderMessage(crypto, kind, signed.order);
  const counted = new Set<string>();
  for (const { key, signature } of signed.signatures) {
    const name = toHex(key);
    if (!allowed.has(name)) continue;
    const verifier = await crypto.importKey('Ed25519', ed25519Spki(key));
    await verifier.verify(message, signature);
    counted.add(name);
  }
  if (counted.size < threshold)
    fail(
      'ORDER_THRESHOLD_NOT_MET',
      `${counted.size} of ${threshold} needed authorities signed the ${kind} order`,
    );
  return order;
}

/** Where an order would take effect, as the enclave and an auditor know it from the log. */
export interface OrderPlace {
  readonly origin: string;
  /** The tenant of the bundle that comes with the order. */
  readonly tenant: string;
  /** SHA-256 of the bundle bytes that come with the order. */
  readonly bundleDigest: Uint8Array;
  /** The last accepted order of the tenant with SHA-256 of its bytes; null before the first. */
  readonly current: { readonly version: number; readonly digest: Uint8Array } | null;
  /** Null replays the log, where time has passed since the order was accepted. */
  readonly now: Millis | null;
}

/**
 * Decides whether a verified order may take effect here. Throws ORDER_MISDIRECTED, ORDER_BUNDLE_MISMATCH,
 * ORDER_OUT_OF_SEQUENCE or ORDER_EXPIRED.
 */
export function checkPolicyOrder(order: PolicyOrder, place: OrderPlace): void {
  if (order.origin !== place.origin)
    fail('ORDER_MISDIRECTED', `the order is for origin ${order.origin}, this is ${place.origin}`);
  if (order.tenant !== place.tenant)
    fail('ORDER_MISDIRECTED', `the order is for tenant ${order.tenant}, the bundle for ${place.tenant}`);
  if (!equalBytes(order.bundleDigest, place.bundleDigest))
    fail('ORDER_BUNDLE_MISMATCH', 'the bundle is not the one that the order names');
  const next = (place.current?.version ?? 0) + 1;
  if (order.version !== next)
    fail('ORDER_OUT_OF_SEQUENCE', `the order has version ${order.version}, the next is ${next}`);
  if (!sameDigest(order.previous, place.current?.digest ?? null))
    fail('ORDER_OUT_OF_SEQUENCE', 'the order does not name the last order of the log as its previous one');
  if (place.now !== null && place.now >= order.notAfter) fail('ORDER_EXPIRED', 'the order has expired');
}

/** Decides whether a verified genesis order is for this service and still meant. */
export function checkGenesisOrder(
  order: GenesisOrder,
  place: { readonly origin: string; readonly now: Millis },
): void {
  if (order.origin !== place.origin)
    fail('ORDER_MISDIRECTED', `the order is for origin ${order.origin}, this is ${place.origin}`);
  if (place.now >= order.notAfter) fail('ORDER_EXPIRED', 'the order has expired');
}

function sameDigest(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a === null || b === null ? a === b : equalBytes(a, b);
}
