/** Policies of an enclave on simulated time, with the built-in engine: bundles in one line, appends that can fail. */
import { createPolicies, type Policies } from '../../enclave/decide/index.ts';
import type { EnclaveClock } from '../../enclave/platform/clock.ts';
import { nodeCrypto } from '../../native/index.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { LeafDraft } from '../../src/log/leaf.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { compileBundle, createEngines, encodeBundle } from '../../src/policy/index.ts';
import { cedarModule, toolManifest } from '../policy/support.ts';
import { type Authority, machineClock, makeAuthority, TEST_ORIGIN } from './enclave.ts';
import { simulatedMachine, type SimulatedMachine } from './simulated.ts';

/** SHA-256 of the SPKI of client number `i`. */
export function keyOf(i: number): Uint8Array {
  return nodeCrypto.sha256(Uint8Array.of(i));
}

export interface BundleChanges {
  readonly tenant?: string;
  readonly agent?: string;
  readonly key?: number;
  /** What the one rule for `pay` decides. */
  readonly effect?: string;
  /** Rules in place of that one. */
  readonly rules?: readonly JsonObject[];
  /** Cedar text in place of rules. */
  readonly cedar?: string;
}

export function bundleOf(changes: BundleChanges): Uint8Array {
  const tenant = changes.tenant ?? 'acme';
  const rules = changes.rules ?? [{ id: 'pay-rule', decision: changes.effect ?? 'allow' }];
  const policy: JsonObject =
    changes.cedar === undefined
      ? { type: 'custom', adapter: 'assay/rules/v1', rules }
      : { type: 'cedar', policy_set: changes.cedar };
  return encodeBundle({
    version: 1,
    tenant,
    manifest: toolManifest(policy, ['pay', 'read']),
    principals: [
      { id: 'one', tenant, agent: changes.agent ?? 'agent-1', key: toHex(keyOf(changes.key ?? 1)) },
    ],
  });
}

export interface PolicyBench {
  readonly policies: Policies;
  readonly authorities: readonly Authority[];
  readonly machine: SimulatedMachine;
  readonly clock: EnclaveClock;
  /** `keep`, or the kind of a leaf, in order. */
  readonly events: string[];
  readonly drafts: LeafDraft[];
  readonly append: (draft: LeafDraft) => Promise<Receipt>;
  /** Runs before each append. */
  appending: (draft: LeafDraft) => Promise<void>;
}

export async function policyBench(
  options: { threshold?: number; authorities?: readonly Authority[] } = {},
): Promise<PolicyBench> {
  const authorities = options.authorities ?? [makeAuthority(), makeAuthority()];
  const machine = await simulatedMachine();
  const clock = machineClock(machine);
  const out = {
    authorities,
    machine,
    clock,
    events: [] as string[],
    drafts: [] as LeafDraft[],
    appending: async () => undefined as void,
  };
  const append = async (draft: LeafDraft): Promise<Receipt> => {
    await (out.appending as PolicyBench['appending'])(draft);
    out.events.push(draft.kind);
    out.drafts.push(draft);
    return { leaf: new Uint8Array(0), index: out.drafts.length - 1, proof: [], checkpoint: '' };
  };
  const engines = createEngines({ cedar: cedarModule });
  const policies = createPolicies({
    crypto: nodeCrypto,
    clock,
    origin: TEST_ORIGIN,
    authorities: { threshold: options.threshold ?? 1, keys: authorities.map(({ raw }) => raw) },
    compile: async (bundle) => compileBundle(bundle, { hashing: nodeCrypto, engines }),
    keep: async () => void out.events.push('keep'),
    append,
  });
  return Object.assign(out, { policies, append });
}
