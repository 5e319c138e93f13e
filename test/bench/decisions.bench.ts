/**
 * Decisions per second, whole: client, enclave and store as three processes, TLS 1.3 over the Unix transport, each
 * decision durably logged before it is answered. With the built-in engine and with the sample Cedar policy, 64 and
 * 1 in flight; fdatasync, Ed25519, P-384 and Cedar alone in the same run. Needs `make build`; about a minute.
 */
import { closeSync, fdatasyncSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { randomBytes } from 'node:crypto';
import { createClientIdentity, openChannel } from '../../host/client/index.ts';
import { devHome, genesisOrder, launchSystem, ORIGIN, signOrder } from '../../host/launch/index.ts';
import { buildPolicyFolder, loadCedarModule, readAuthorityKey } from '../../host/policy/index.ts';
import { generateSigner, nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { compileBundle, createEngines, encodeBundle, evaluate, parseBundle } from '../../src/policy/index.ts';
import { Enclave } from '../../src/rpc/service.ts';
import { encodePolicyOrder, encodeSignedOrder } from '../../src/statement/order.ts';

const ROUNDS = Number(process.env['ROUNDS'] ?? 5);
const SECONDS = Number(process.env['SECONDS'] ?? 2);

const sorted = (values: readonly number[]): number[] => values.toSorted((a, b) => a - b);
const quantile = (values: readonly number[], q: number): number =>
  sorted(values)[Math.floor((values.length - 1) * q)] as number;
const median = (values: readonly number[]): number => quantile(values, 0.5);
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const rateOf = (work: () => void, count: number): number => {
  const rates = Array.from({ length: ROUNDS }, () => {
    const start = performance.now();
    for (let i = 0; i < count; i++) work();
    return (1_000 * count) / (performance.now() - start);
  });
  return median(rates);
};

/** The same policy as the sample's, in the built-in language. */
const RULES: JsonObject = {
  agent_control_specification_version: '0.3.1-beta',
  policies: {
    shop: {
      type: 'custom',
      adapter: 'assay/rules/v1',
      rules: [
        {
          id: 'read-tools',
          when: [{ path: '$tool.name', in: ['search_orders', 'get_order', 'list_products'] }],
          decision: 'allow',
        },
        {
          id: 'refund-within-limit',
          when: [
            { path: '$tool.name', eq: 'refund' },
            { path: '$policy_target.amount_cents', gt: 0 },
            { path: '$policy_target.amount_cents', lte: 5000 },
          ],
          decision: 'allow',
        },
        { id: 'refund-above-limit', when: [{ path: '$tool.name', eq: 'refund' }], decision: 'escalate' },
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
  tools: { search_orders: {}, get_order: {}, list_products: {}, refund: {} },
};

const home = devHome();
const authority = readAuthorityKey(home.authorityKey);
const cedarIdentity = createClientIdentity();
const rulesIdentity = createClientIdentity();
const sample = parseBundle(buildPolicyFolder(resolve(import.meta.dirname, '../../host/cli/sample')));
const cedarBundle = encodeBundle({
  ...sample,
  principals: sample.principals.map((one) => ({ ...one, key: toHex(cedarIdentity.principal) })),
});
const rulesBundle = encodeBundle({
  version: 1,
  tenant: 'bench',
  manifest: RULES,
  principals: [
    { id: 'bench', tenant: 'bench', agent: 'shop-assistant', key: toHex(rulesIdentity.principal) },
  ],
});

function orderFor(bundle: Uint8Array): Uint8Array {
  const order = encodePolicyOrder({
    origin: ORIGIN,
    tenant: parseBundle(bundle).tenant,
    version: 1,
    previous: null,
    bundleDigest: nodeCrypto.sha256(bundle),
    notAfter: Date.now() + 3_600_000,
  });
  return encodeSignedOrder(signOrder(authority, 'policy', order));
}

/** The sample's refund, as the story asks for it. */
const SNAPSHOT = utf8(
  JSON.stringify({ tool_call: { name: 'refund', args: { order: 'A-17', amount_cents: 1_999 } } }),
);

function request() {
  return {
    interventionPoint: 'pre_tool_call',
    snapshot: SNAPSHOT,
    audience: 'shop.example',
    nonce: new Uint8Array(randomBytes(16)),
    requiredLevel: 0,
    validForMs: 60_000,
    session: new Uint8Array(0),
    parent: null,
    labels: [],
  };
}

/** CPU time that a process has used, in milliseconds (Linux proc(5): utime and stime, in hundredths of a second). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

async function load(
  channel: Awaited<ReturnType<typeof openChannel>>,
  flight: number,
): Promise<{ rate: number; times: number[] }> {
  const times: number[] = [];
  const start = performance.now();
  const end = start + SECONDS * 1_000;
  let count = 0;
  await Promise.all(
    Array.from({ length: flight }, async () => {
      while (performance.now() < end) {
        const at = performance.now();
        const { decision } = await channel.call(Enclave.Decide, request());
        if (decision !== 'allow') throw new Error(`decided ${decision}`);
        times.push(performance.now() - at);
        count++;
      }
    }),
  );
  return { rate: (1_000 * count) / (performance.now() - start), times };
}

function fdatasyncAlone(folder: string, bytes: number): number {
  const fd = openSync(join(folder, 'alone'), 'w');
  const data = new Uint8Array(bytes);
  const times = Array.from({ length: 300 }, () => {
    writeSync(fd, data);
    const at = performance.now();
    fdatasyncSync(fd);
    return performance.now() - at;
  });
  closeSync(fd);
  return median(times);
}

const folder = mkdtempSync(join(tmpdir(), 'assay-bench-'));
const system = await launchSystem({
  simulator: home.simulator,
  image: home.image,
  store: join(folder, 'store'),
  genesis: genesisOrder(authority, Date.now()),
  keyPolicy: home.keyPolicy,
});
const pids = [system.hardware.ready['pid'] as number, system.store.child.pid as number, process.pid];
try {
  const sync = fdatasyncAlone(folder, 500);
  print(`fdatasync alone, after 500 bytes: p50 ${sync.toFixed(3)} ms`);
  const ed25519 = generateSigner('Ed25519');
  print(`Ed25519 alone: ${Math.round(rateOf(() => ed25519.sign(SNAPSHOT), 2_000))} signatures/s`);
  const p384 = generateSigner('ES384');
  print(`P-384 alone: ${Math.round(rateOf(() => p384.sign(SNAPSHOT), 200))} signatures/s`);
  const engines = createEngines({ cedar: loadCedarModule() });
  for (const [name, bundle, identity] of [
    ['built-in engine', rulesBundle, rulesIdentity],
    ['sample Cedar policy', cedarBundle, cedarIdentity],
  ] as const) {
    const policy = compileBundle(bundle, { hashing: nodeCrypto, engines });
    const principal = policy.principal(identity.principal);
    const snapshot = JSON.parse(new TextDecoder().decode(SNAPSHOT));
    print(
      `${name} alone: ${Math.round(rateOf(() => void evaluate(policy, { interventionPoint: 'pre_tool_call', snapshot, principal }), 2_000))} evaluations/s`,
    );
    const channel = await openChannel(system.enclave, {
      tls: { key: identity.key, cert: identity.cert },
    });
    await channel.call(Enclave.LoadPolicy, { order: orderFor(bundle), bundle });
    await load(channel, 64);
    for (const flight of [64, 1]) {
      const rounds: { rate: number; times: number[] }[] = [];
      const before = pids.map(cpuMs);
      for (let round = 0; round < ROUNDS; round++) rounds.push(await load(channel, flight));
      const times = rounds.flatMap((round) => round.times);
      const p50 = quantile(times, 0.5);
      const [enclave, store, client] = pids.map((pid, i) =>
        Math.round((1_000 * (cpuMs(pid) - (before[i] as number))) / times.length),
      );
      print(
        `${name}, ${flight} in flight: ${Math.round(median(rounds.map(({ rate }) => rate)))} decisions/s, p50 ${p50.toFixed(3)} ms, p99 ${quantile(times, 0.99).toFixed(3)} ms` +
          (flight === 1 ? ` (fdatasync p50 + ${(p50 - sync).toFixed(3)} ms)` : '') +
          `; CPU a decision: enclave ${enclave}, store ${store}, client ${client} µs`,
      );
    }
    channel.close();
  }
} finally {
  await system.stop();
  rmSync(folder, { recursive: true, force: true });
}
