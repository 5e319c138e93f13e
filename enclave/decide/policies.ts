/**
 * Policies in force, by tenant, and the orders that put them there (design section 6). An order is accepted only
 * when enough authorities signed it, it has not expired, its version is the next, its `previous` is the last
 * order of the log, and its bundle compiles. Its leaf is durable before the first decision under it.
 */
import { equalBytes, u64be } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import { draftLeaf, type Leaf, type LeafDraft } from '../../src/log/leaf.ts';
import { policiesDigest } from '../../src/log/policies.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { type CompiledPolicy, parseBundle, type Principal } from '../../src/policy/index.ts';
import { checkPolicyOrder, parseSignedOrder, verifyOrder } from '../../src/statement/order.ts';
import type { Authorities } from '../config.ts';
import type { EnclaveClock } from '../platform/clock.ts';

export interface PolicyInForce {
  readonly policy: CompiledPolicy;
  readonly version: number;
  /** SHA-256 of the bundle's bytes: stands in every decision's leaf. */
  readonly digest: Uint8Array;
  /** SHA-256 of the order's bytes: what the next order must name. */
  readonly order: Uint8Array;
}

export interface PoliciesParts {
  readonly crypto: Crypto;
  readonly clock: EnclaveClock;
  readonly origin: string;
  readonly authorities: Authorities;
  /** Compiles a bundle; hostile text is tried in a throwaway worker first. */
  readonly compile: (bundle: Uint8Array) => Promise<CompiledPolicy>;
  /** Keeps bytes in the host's store under their digest, durably. */
  readonly keep: (bytes: Uint8Array) => Promise<void>;
  readonly append: (draft: LeafDraft) => Promise<Receipt>;
}

export interface Loaded {
  readonly receipt: Receipt;
  readonly version: number;
}

export interface Policies {
  find(spkiHash: Uint8Array): { readonly principal: Principal; readonly force: PolicyInForce } | null;
  /** Resolves with the leaf's receipt once the new policy is in force. */
  load(order: Uint8Array, bundle: Uint8Array): Promise<Loaded>;
  /** Takes up what the log says is in force, with bytes that the host gives and the digests decide. */
  restore(leaf: Leaf, order: Uint8Array, bundle: Uint8Array): Promise<void>;
  /** While an order is being logged, decisions wait for its outcome. */
  readonly settled: Promise<unknown> | null;
  /** `policiesDigest` of what is in force, as seals carry it; null before the first order. */
  digest(): Uint8Array | null;
  version(): number;
}

const MAX_TENANTS = 1_024;

export function createPolicies(parts: PoliciesParts): Policies {
  const { crypto } = parts;
  const inForce = new Map<string, PolicyInForce>();
  /** One order at a time: each is judged by the one before. */
  let loading: Promise<unknown> | null = null;
  let settled: Promise<unknown> | null = null;

  /** A client key has one tenant, or restarts and reloads could change for whom it speaks. */
  function requireOwnPrincipals(tenant: string, policy: CompiledPolicy): void {
    for (const [other, force] of inForce)
      for (const { id, key } of other === tenant ? [] : policy.principals)
        if (force.policy.principal(fromHex(key)) !== null)
          fail('POLICY_PRINCIPAL_DUPLICATE', `the key of ${id} belongs to a principal of another tenant`);
  }

  /** Everything that can be said of an order and its bundle; `now` is null when the log is replayed. */
  async function admit(
    orderBytes: Uint8Array,
    bundle: Uint8Array,
    now: Millis | null,
  ): Promise<{ tenant: string; force: PolicyInForce }> {
    const signed = parseSignedOrder(orderBytes);
    const { keys, threshold } = parts.authorities;
    const order = await verifyOrder(signed, { kind: 'policy', authorities: keys, threshold, crypto });
    const digest = crypto.sha256(bundle);
    // Only what was signed is read at all.
    if (!equalBytes(digest, order.bundleDigest))
      fail('ORDER_BUNDLE_MISMATCH', 'the bundle is not the one that was signed');
    const { tenant } = parseBundle(bundle);
    const current = inForce.get(tenant);
    if (current === undefined && inForce.size >= MAX_TENANTS)
      fail('ORDER_OUT_OF_SEQUENCE', `more than ${MAX_TENANTS} tenants`);
    // A replayed log is believed for the sequence: only its last order of each tenant is at hand.
    const replayed = { version: order.version - 1, digest: order.previous ?? new Uint8Array(0) };
    const last =
      now === null
        ? order.version === 1
          ? null
          : replayed
        : current === undefined
          ? null
          : { version: current.version, digest: current.order };
    checkPolicyOrder(order, { origin: parts.origin, tenant, bundleDigest: digest, current: last, now });
    const policy = await parts.compile(bundle);
    requireOwnPrincipals(tenant, policy);
    return { tenant, force: { policy, version: order.version, digest, order: crypto.sha256(signed.order) } };
  }

  async function loadNow(orderBytes: Uint8Array, bundle: Uint8Array): Promise<Loaded> {
    const { tenant, force } = await admit(orderBytes, bundle, parts.clock.now());
    await parts.keep(orderBytes);
    await parts.keep(bundle);
    const logging = parts.append(
      draftLeaf({
        kind: 'policy_change',
        tenant,
        policyDigest: force.digest,
        references: { order: crypto.sha256(orderBytes), bundle: force.digest, version: u64be(force.version) },
      }),
    );
    settled = logging;
    try {
      const receipt = await logging;
      inForce.set(tenant, force);
      return { receipt, version: force.version };
    } finally {
      settled = null;
    }
  }

  return {
    find(spkiHash) {
      for (const force of inForce.values()) {
        const principal = force.policy.principal(spkiHash);
        if (principal !== null) return { principal, force };
      }
      return null;
    },
    async load(order, bundle) {
      while (loading !== null) await loading.catch(() => undefined);
      const loaded = loadNow(order, bundle);
      loading = loaded;
      try {
        return await loaded;
      } finally {
        loading = null;
      }
    },
    async restore(leaf, orderBytes, bundle) {
      const named = (name: string, bytes: Uint8Array): void => {
        const digest = leaf.references[name];
        if (digest === undefined || !equalBytes(crypto.sha256(bytes), digest))
          fail('POLICY_MISSING', `the store gave another ${name} than the log names`);
      };
      named('order', orderBytes);
      named('bundle', bundle);
      const { tenant, force } = await admit(orderBytes, bundle, null);
      if (tenant !== leaf.tenant) fail('POLICY_MISSING', 'the order is of another tenant than its leaf');
      inForce.set(tenant, force);
    },
    get settled() {
      return settled;
    },
    digest: () =>
      policiesDigest(crypto, new Map([...inForce].map(([tenant, { digest }]) => [tenant, digest]))),
    version: () => Math.max(0, ...[...inForce.values()].map(({ version }) => version)),
  };
}
