/** A whole service for a test: the real programs, with a store folder, a policy and a client of the test's own. */
import { join } from 'node:path';
import { readFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { buildTrustPolicy, readMeasurements } from '../../host/cli/trust-make.ts';
import {
  type AssayClient,
  type ClientIdentity,
  connect,
  createClientIdentity,
  type Decision,
} from '../../host/client/index.ts';
import {
  devHome,
  genesisOrder,
  launchSystem,
  ORIGIN,
  signOrder,
  type System,
} from '../../host/launch/index.ts';
import { readAuthorityKey } from '../../host/policy/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { encodeBundle } from '../../src/policy/index.ts';
import { encodePolicyOrder, encodeSignedOrder } from '../../src/statement/order.ts';
import type { TrustPolicy } from '../../verifier/index.ts';

export interface TestSystem {
  readonly system: System;
  readonly identity: ClientIdentity;
  readonly trust: TrustPolicy;
  /** Folder of the store. */
  readonly store: string;
  /** Verifies the service and connects through the relay. */
  connect(): Promise<AssayClient>;
}

const TENANT = 'test';
const RULES: JsonObject = {
  agent_control_specification_version: '0.3.1-beta',
  policies: {
    shop: {
      type: 'custom',
      adapter: 'assay/rules/v1',
      rules: [
        { id: 'small-refund', when: [{ path: '$policy_target.cents', lte: 5_000 }], decision: 'allow' },
      ],
    },
  },
  intervention_points: {
    pre_tool_call: {
      policy_target: '$snap.tool_call.args',
      tool_name_from: '$snap.tool_call.name',
      policy: { id: 'shop' },
    },
  },
  tools: { refund: {} },
};

/** A decision call must not hang for longer: whatever dies is noticed and answered by an error. */
const CALL_MS = 15_000;

/** Starts the built service on `folder`/store, or on `store`, and loads a policy that knows the client. */
export async function startSystem(
  folder: string,
  store: string = join(folder, 'store'),
): Promise<TestSystem> {
  const home = devHome();
  const authority = readAuthorityKey(home.authorityKey);
  const identity = createClientIdentity();
  const facts = readMeasurements(new Uint8Array(readFileSync(home.measurements)), home.measurements);
  const trust = buildTrustPolicy(facts, { anyService: false });
  const system = await launchSystem({
    simulator: home.simulator,
    image: home.image,
    store,
    genesis: genesisOrder(authority, Date.now()),
    keyPolicy: home.keyPolicy,
  });
  const open = (): Promise<AssayClient> => connect(system.url, { trust, identity, timeoutMs: CALL_MS });
  try {
    const client = await open();
    const bundle = encodeBundle({
      version: 1,
      tenant: TENANT,
      manifest: RULES,
      principals: [{ id: 'client', tenant: TENANT, agent: 'assistant', key: toHex(identity.principal) }],
    });
    const order = encodePolicyOrder({
      origin: ORIGIN,
      tenant: TENANT,
      version: 1,
      previous: null,
      bundleDigest: nodeCrypto.sha256(bundle),
      notAfter: Date.now() + 3_600_000,
    });
    await client.loadPolicy(encodeSignedOrder(signOrder(authority, 'policy', order)), bundle);
    client.close();
  } catch (error) {
    await system.stop();
    throw error;
  }
  return { system, identity, trust, store, connect: open };
}

/** One refund that the policy allows. The receipt has been verified when this resolves. */
export function decide(client: AssayClient): Promise<Decision> {
  return client.decide({
    interventionPoint: 'pre_tool_call',
    snapshot: { tool_call: { name: 'refund', args: { order: 'A-17', cents: 1_999 } } },
    audience: 'shop.example',
    nonce: new Uint8Array(randomBytes(16)),
  });
}
