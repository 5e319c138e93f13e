/** The client against a service whose hardware is simulated in this process, and against the lies it could tell. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { createAttestor, createQuoter } from '../../enclave/attest/index.ts';
import { handler, serveRpc } from '../../enclave/server/index.ts';
import {
  attestEndpoint,
  type AssayClient,
  connect,
  type ConnectOptions,
  createClientIdentity,
} from '../../host/client/index.ts';
import { openMitm } from '../../host/story/man-in-the-middle.ts';
import { generateSigner, nodeCrypto } from '../../native/index.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { toHex } from '../../src/base/hex.ts';
import { attestationToWire } from '../../src/rpc/convert.ts';
import type { DecideRequest, DecideResponse } from '../../src/rpc/messages.ts';
import { Enclave } from '../../src/rpc/service.ts';
import type { Identity } from '../../src/statement/identity.ts';
import { readTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { testEnclave } from '../support/enclave.ts';
import { TestLog } from '../support/log.ts';
import { MEASURED, type SimulatedMachine } from '../support/simulated.ts';

const undo: (() => unknown)[] = [];
afterEach(async () => {
  for (const one of undo.splice(0).toReversed()) await one();
});

const caller = createClientIdentity();

interface Service {
  readonly url: string;
  /** The same on loopback. */
  readonly port: number;
  readonly trust: TrustPolicy;
  readonly log: TestLog;
  readonly machine: SimulatedMachine;
  /** What Decide answers, from the honest answer. */
  answer: (honest: DecideResponse, request: DecideRequest) => DecideResponse;
  connect(changes?: Partial<ConnectOptions>): Promise<AssayClient>;
}

interface ServiceChanges {
  readonly identity?: Partial<Identity>;
  readonly faults?: readonly string[];
  readonly nonce?: 'quote' | 'session' | 'any';
}

async function service(changes: ServiceChanges = {}): Promise<Service> {
  const { machine, platform, keys, clock, configDigest } = await testEnclave({
    faults: changes.faults ?? [],
  });
  const log = new TestLog({ time: machine.now });
  const epoch = log.startEpoch();
  log.loadPolicy();
  const identity = {
    platform: 'nitro',
    simulated: true,
    origin: log.origin,
    epoch: epoch.epoch,
    bootId: keys.bootId,
    epochKey: epoch.key.raw,
    sessionKey: ed25519Raw(keys.session.spki),
    tlsSpkiHash: keys.tls.spkiHash,
    hpkeKey: keys.hpke.publicKey,
    keyring: epoch.service.keyring.map((entry) => ({ ...entry })),
    custody: 'test',
    configDigest,
    witnessPolicyDigest: null,
    gpuDigest: null,
    ...changes.identity,
  };
  const attestor = createAttestor({
    hashing: nodeCrypto,
    quoter: createQuoter(
      platform,
      () => 0n,
      () => undefined,
    ),
    clock,
    keys,
    identity,
    named: [{ name: 'log', key: log.log.raw }],
  });
  const out = { log, machine, answer: ((honest) => honest) as Service['answer'] };
  const handlers = [
    handler(Enclave.Attest, async ({ challenge, fresh }, context) => {
      const attestation = fresh ? await attestor.fresh(challenge) : await attestor.current();
      const proof = attestor.session(attestation, challenge, context.exporter(challenge));
      const { statement: session, signature: sessionSignature } = proof;
      return { attestation: attestationToWire(attestation), session, sessionSignature };
    }),
    handler(Enclave.Decide, async (request, { peerSpkiHash }) => {
      const { index } = log.decide({ nonce: request.nonce, principal: peerSpkiHash });
      const honest = {
        decision: 'allow',
        reason: '',
        rule: 'rule-1',
        message: '',
        target: new Uint8Array(0),
      };
      const receipt = log.receipt(index);
      return out.answer({ ...honest, inputIdentity: '', enforcedIdentity: '', receipt }, request);
    }),
    handler(Enclave.GetReceipt, async ({ index }) => log.receipt(index)),
    handler(Enclave.LoadPolicy, async () => ({ receipt: { ...log.receipt(0), proof: [] }, version: 1 })),
  ];
  const server = serveRpc({ tls: keys.tls, handlers });
  const folder = mkdtempSync(join(tmpdir(), 'assay-connect-'));
  const path = join(folder, 's');
  const [unix, tcp] = [
    createServer((socket) => server.accept(socket)),
    createServer((socket) => server.accept(socket)),
  ];
  await new Promise<void>((resolve) => unix.listen(path, resolve));
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve));
  undo.push(() => {
    server.close();
    unix.close();
    tcp.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const { rootName: name, rootSpkiSha256 } = machine.hardware;
  const trust = readTrustPolicy({
    version: 1,
    service: { origin: log.origin, config_digest: toHex(configDigest), policy_authorities: 'any' },
    hardware: { ids: 'any' },
    platforms: { nitro: { pcrs: { '0': [toHex(MEASURED.pcr0)] }, debug: 'reject' } },
    freshness: { max_age_seconds: 300, nonce: changes.nonce ?? 'session' },
    revocation: 'any',
    simulated: { roots: [{ platform: 'nitro', spki_sha256: toHex(rootSpkiSha256), name }] },
    witnesses: 'none',
  });
  const url = `unix:${path}`;
  return Object.assign(out, {
    url,
    port: (tcp.address() as { port: number }).port,
    trust,
    connect: async (options: Partial<ConnectOptions> = {}) => {
      const client = await connect(url, { trust, identity: caller, now: () => machine.now, ...options });
      undo.push(() => client.close());
      return client;
    },
  });
}

const asked = { interventionPoint: 'pre_tool_call', snapshot: { tool_call: { name: 'x', args: {} } } };

describe('connecting', () => {
  it('verifies the service and the session, then decides with a verified receipt', async () => {
    const one = await service();
    const client = await one.connect();
    expect(client.verdict).toMatchObject({ verdict: 'trusted', simulated: true });
    expect(client.service).toMatchObject({ origin: one.log.origin, epoch: 1 });
    const decision = await client.decide({ ...asked, nonce: new Uint8Array(16).fill(4) });
    expect(decision).toMatchObject({ decision: 'allow', reason: null, rule: 'rule-1', target: null });
    expect(decision.leaf.nonce).toEqual(new Uint8Array(16).fill(4));
    expect((await client.receipt(1)).index).toBe(1);
  });

  it('asks for a quote of its own where the trust policy wants one, or the caller', async () => {
    for (const one of [await service({ nonce: 'quote' }), await service()]) {
      const client = await one.connect({ fresh: true });
      expect(client.attestation.challenge).toMatchObject({ index: 0, count: 1, path: [] });
    }
  });

  it('needs a trust policy also where no compiler asks for it: EXPECTATION_MISSING', async () => {
    const { url } = await service();
    await expect(connect(url, {} as ConnectOptions)).toRejectWith('EXPECTATION_MISSING');
  });

  it.each<[string, string, ServiceChanges, Partial<ConnectOptions>]>([
    ['NITRO_DEBUG_MODE', 'in debug mode', { faults: ['debug'] }, {}],
    ['CHAIN_EXPIRED', 'with a leaf that has expired', { faults: ['expired-leaf'] }, {}],
    ['CHAIN_ROOT_UNTRUSTED', 'under another root', { faults: ['wrong-root'] }, {}],
    [
      'CHALLENGE_MISMATCH',
      'with the nonce of another request',
      { faults: ['replayed-nonce'] },
      { fresh: true },
    ],
    ['SERVICE_ORIGIN_MISMATCH', 'of another name', { identity: { origin: 'sim.example.org/other' } }, {}],
    [
      'SERVICE_CONFIG_MISMATCH',
      'of another configuration',
      { identity: { configDigest: new Uint8Array(32) } },
      {},
    ],
    ['SIMULATED_MISMATCH', 'that says that it is real', { identity: { simulated: false } }, {}],
    ['SESSION_MISMATCH', 'that names another TLS key', { identity: { tlsSpkiHash: new Uint8Array(32) } }, {}],
    [
      'SESSION_SIGNATURE_INVALID',
      'that names another session key',
      { identity: { sessionKey: ed25519Raw(generateSigner('Ed25519').spki) } },
      {},
    ],
    ['STATEMENT_MISMATCH', 'whose log key is not in its keyring', { identity: { keyring: [] } }, {}],
    ['EVIDENCE_TOO_OLD', 'whose quote is too old', {}, { now: () => Date.UTC(2026, 10, 20, 13) }],
  ])('is refused with %s to a service %s', async (code, _what, changes, options) => {
    const one = await service(changes);
    const got = await one.connect(options).then(
      () => 'CONNECTED',
      (error: { code?: string }) => error.code,
    );
    expect(got).toBe(code);
  });

  it('is refused through a relay that ends TLS itself: SESSION_MISMATCH', async () => {
    const one = await service();
    const mitm = await openMitm({ host: '127.0.0.1', port: one.port });
    undo.push(() => mitm.close());
    const opened = connect(mitm.url, { trust: one.trust, now: () => one.machine.now });
    await expect(opened).toRejectWith('SESSION_MISMATCH');
  });

  it('can be had without judging: evidence, session proof, and what the channel shows', async () => {
    const one = await service();
    const challenge = new Uint8Array(32).fill(3);
    const endpoint = await attestEndpoint(one.url, challenge);
    expect(endpoint.attestation.challenge).not.toBeNull();
    expect(endpoint.exporter).toHaveLength(32);
    const current = await attestEndpoint(one.url, challenge, { fresh: false });
    expect(current.attestation.challenge).toBeNull();
    expect(current.tlsSpkiHash).toEqual(endpoint.tlsSpkiHash);
    expect(current.exporter).not.toEqual(endpoint.exporter);
  });
});

describe('a session', () => {
  it('ends with the evidence that it stands on: SESSION_EXPIRED', async () => {
    const one = await service();
    const client = await one.connect();
    one.machine.now = client.service.validUntil - 1;
    await client.decide(asked);
    one.machine.now = client.service.validUntil;
    const calls = [
      () => client.decide(asked),
      () => client.receipt(0),
      () => client.checkpoint(),
      () => client.seal(),
      () => client.status(),
      () => client.loadPolicy(new Uint8Array(0), new Uint8Array(0)),
    ];
    for (const call of calls) await expect(call).toRejectWith('SESSION_EXPIRED');
    one.machine.now -= 1_000;
    await expect(client.decide(asked)).rejects.toThrow();
  });

  it('without an identity decides nothing: PRINCIPAL_UNKNOWN', async () => {
    const one = await service();
    const client = await connect(one.url, { trust: one.trust, now: () => one.machine.now });
    undo.push(() => client.close());
    await expect(client.decide(asked)).toRejectWith('PRINCIPAL_UNKNOWN');
    expect(one.log.size).toBe(2);
  });
});

describe('an answer that is not what was logged', () => {
  const lies: [
    string,
    string,
    (log: TestLog, honest: DecideResponse, request: DecideRequest) => DecideResponse,
  ][] = [
    ['another decision', 'DECISION_MISMATCH', (_, honest) => ({ ...honest, decision: 'deny' })],
    ['no decision', 'DECISION_MISMATCH', (_, honest) => ({ ...honest, decision: '' })],
    [
      'the receipt of another request',
      'DECISION_MISMATCH',
      (log, honest) => ({
        ...honest,
        receipt: log.receipt(log.decide({ principal: caller.principal }).index),
      }),
    ],
    [
      'the receipt of another caller',
      'DECISION_MISMATCH',
      (log, honest, { nonce }) => ({ ...honest, receipt: log.receipt(log.decide({ nonce }).index) }),
    ],
    [
      'a receipt of no decision',
      'DECISION_MISMATCH',
      (log, honest) => ({ ...honest, receipt: log.receipt(0) }),
    ],
    [
      'a receipt of another place',
      'INCLUSION_INVALID',
      (_, honest) => ({ ...honest, receipt: { ...honest.receipt, index: 0 } }),
    ],
    [
      'a receipt of another log',
      'CHECKPOINT_ORIGIN_MISMATCH',
      (_, honest) => {
        const other = new TestLog({ origin: 'sim.example.org/other' });
        other.startEpoch();
        return { ...honest, receipt: other.receipt(0) };
      },
    ],
    [
      'a receipt that only the log key signed',
      'NOT_HARDWARE_BOUND',
      (_, honest) => {
        const { checkpoint } = honest.receipt;
        const lines = checkpoint.split('\n').filter((line) => !line.includes('/epoch/'));
        return { ...honest, receipt: { ...honest.receipt, checkpoint: lines.join('\n') } };
      },
    ],
  ];
  it.each(lies)('%s: %s', async (_name, code, lie) => {
    const one = await service();
    const client = await one.connect();
    one.answer = (honest, request) => lie(one.log, honest, request);
    const got = await client.decide(asked).then(
      () => 'BELIEVED',
      (error: { code?: string }) => error.code,
    );
    expect(got).toBe(code);
  });

  it('is no receipt of a policy either', async () => {
    const client = await (await service()).connect();
    await expect(client.loadPolicy(new Uint8Array(1), new Uint8Array(1))).toRejectWith('INCLUSION_INVALID');
  });
});
