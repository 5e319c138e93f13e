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
import {
  checkPolicyOrder,
  parseSignedOrder,
  type PolicyOrder,
  verifyOrder,
} from '../../src/statement/order.ts';
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
/** Orders with their bundles, of which all but one wait. */
const MAX_LOADING = 16;

/** An order whose signatures hold, with the bundle that it names. */
interface Signed {
  readonly bytes: Uint8Array;
  readonly order: PolicyOrder;
  readonly orderDigest: Uint8Array;
  readonly bundle: Uint8Array;
  readonly bundleDigest: Uint8Array;
}

export function createPolicies(parts: PoliciesParts): Policies {
  const { crypto } = parts;
  const inForce = new Map<string, PolicyInForce>();
  /** One order at a time: each is judged by the one before. */
  let loading: Promise<unknown> | null = null;
  let atOnce = 0;
  let settled: Promise<unknown> | null = null;

  /** A client key has one tenant, or restarts and reloads could change for whom it speaks. */
  function requireOwnPrincipals(tenant: string, policy: CompiledPolicy): void {
    for (const [other, force] of inForce)
      for (const { id, key } of other === tenant ? [] : policy.principals)
        if (force.policy.principal(fromHex(key)) !== null)
          fail('POLICY_PRINCIPAL_DUPLICATE', `the key of ${id} belongs to a principal of another tenant`);
  }

  /** Only what the authorities signed is read, and only that may wait. */
  async function authenticate(bytes: Uint8Array, bundle: Uint8Array): Promise<Signed> {
    const signed = parseSignedOrder(bytes);
    const { keys, threshold } = parts.authorities;
    const order = await verifyOrder(signed, { kind: 'policy', authorities: keys, threshold, crypto });
    const bundleDigest = crypto.sha256(bundle);
    if (!equalBytes(bundleDigest, order.bundleDigest))
      fail('ORDER_BUNDLE_MISMATCH', 'the bundle is not the one that was signed');
    return { bytes, order, orderDigest: crypto.sha256(signed.order), bundle, bundleDigest };
  }

  /** Whether a signed order may follow what is in force; `now` is null when the log is replayed. */
  async function admit(
    { order, orderDigest, bundle, bundleDigest }: Signed,
    now: Millis | null,
  ): Promise<{ tenant: string; force: PolicyInForce }> {
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
    checkPolicyOrder(order, { origin: parts.origin, tenant, bundleDigest, current: last, now });
    const policy = await parts.compile(bundle);
    requireOwnPrincipals(tenant, policy);
    return { tenant, force: { policy, version: order.version, digest: bundleDigest, order: orderDigest } };
  }

  async function loadNow(signed: Signed): Promise<Loaded> {
    const { tenant, force } = await admit(signed, parts.clock.now());
    await parts.keep(signed.bytes);
    await parts.keep(signed.bundle);
    const logging = parts.append(
      draftLeaf({
        kind: 'policy_change',
        tenant,
        policyDigest: force.digest,
        references: {
          order: crypto.sha256(signed.bytes),
          bundle: force.digest,
          version: u64be(force.version),
        },
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
      const signed = await authenticate(order, bundle);
      if (atOnce >= MAX_LOADING) fail('POLICY_BUSY', `${atOnce} orders are being loaded`);
      atOnce += 1;
      try {
        while (loading !== null) await loading.catch(() => undefined);
        const loaded = loadNow(signed).finally(() => {
          loading = null;
        });
        loading = loaded;
        return await loaded;
      } finally {
        atOnce -= 1;
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
      const { tenant, force } = await admit(await authenticate(orderBytes, bundle), null);
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
