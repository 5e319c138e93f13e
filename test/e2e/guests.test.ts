/**
 * Whole services on simulated TDX and SEV-SNP hardware as `make build` leaves them: store, hardware with its enclave,
 * relay, each a process. The same life as on Nitro, and what is particular to hardware that signs no time and needs
 * endorsements.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import {
  type AssayClient,
  connect,
  type ConnectOptions,
  createClientIdentity,
} from '../../host/client/index.ts';
import {
  type DevHome,
  devHome,
  genesisOrder,
  launchSystem,
  ORIGIN,
  signOrder,
  type System,
  type SystemOptions,
} from '../../host/launch/index.ts';
import { readAuthorityKey } from '../../host/policy/index.ts';
import { auditCopy, copyLog, sealNow } from '../../host/story/log-attacks.ts';
import { withChecksum } from '../../images/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { MAX_TIME } from '../../src/base/clock.ts';
import type { Code } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { parseBundle } from '../../src/collateral/index.ts';
import { parseQuote, type TdReport } from '../../src/evidence/intel/index.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import { formatReceiptFile, parseReceiptFile } from '../../src/log/files.ts';
import { encodeBundle } from '../../src/policy/index.ts';
import { formatAttestation, parseAttestation } from '../../src/statement/attestation.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Identity } from '../../src/statement/identity.ts';
import { encodePolicyOrder, encodeSignedOrder } from '../../src/statement/order.ts';
import { Seal } from '../../src/statement/seal.ts';
import { parseTrustPolicy, verifyReceipt } from '../../verifier/index.ts';
import { toolManifest } from '../policy/support.ts';
import { GUEST_KINDS, type GuestKind } from '../support/guests.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-e2e-guests-'));
const running: System[] = [];
const clients: AssayClient[] = [];
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  for (const system of running.splice(0)) await system.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Copies, so that another build or service of this checkout changes nothing in the middle. */
function installationOf(kind: GuestKind): DevHome & { readonly builtTrust: string } {
  const built = devHome(kind);
  const own = (name: string): string => join(folder, kind, name);
  mkdirSync(join(folder, kind));
  const copies = {
    image: own('enclave.img'),
    keyPolicy: own('key-policy.json'),
    builtTrust: own('trust.json'),
    simulator: own('simulator'),
  };
  for (const part of Object.keys(copies) as (keyof typeof copies)[])
    cpSync(built[part] as string, copies[part], { recursive: true });
  return { ...built, ...copies };
}

const identity = createClientIdentity();
const bundle = encodeBundle({
  version: 1,
  tenant: 'acme',
  manifest: toolManifest(
    {
      type: 'custom',
      adapter: 'assay/rules/v1',
      rules: [{ id: 'small', when: [{ path: '$policy_target.cents', lte: 5_000 }], decision: 'allow' }],
    },
    ['pay'],
  ),
  principals: [{ id: 'one', tenant: 'acme', agent: 'agent-1', key: toHex(identity.principal) }],
});
const pay = (cents: number) => ({
  interventionPoint: 'pre_tool_call',
  snapshot: { tool_call: { name: 'pay', args: { cents } } },
  audience: 'shop.example',
  nonce: new Uint8Array(randomBytes(16)),
});

interface Expected {
  /** Fault, what the enclave says of the custodian, what a client says when the custodian colludes. */
  readonly faults: readonly (readonly [string, Code, Code])[];
  readonly mismatch: Code;
}

const EXPECTED: Readonly<Record<GuestKind, Expected>> = {
  tdx: {
    faults: [
      ['debug', 'KEY_RELEASE_DENIED', 'TDX_DEBUG_MODE'],
      ['out-of-date', 'KEY_RELEASE_DENIED', 'TDX_TCB_OUT_OF_DATE'],
      ['revoked', 'KMS_REQUEST_REFUSED', 'CERTIFICATE_REVOKED'],
      ['tampered-tcb-info', 'KMS_REQUEST_REFUSED', 'COLLATERAL_SIGNATURE_INVALID'],
      ['wrong-binding', 'KMS_REQUEST_REFUSED', 'STATEMENT_NOT_BOUND'],
    ],
    mismatch: 'TDX_MEASUREMENT_MISMATCH',
  },
  snp: {
    faults: [
      ['debug', 'KEY_RELEASE_DENIED', 'SNP_DEBUG_ALLOWED'],
      ['vmpl', 'KEY_RELEASE_DENIED', 'SNP_VMPL_MISMATCH'],
      ['revoked-ask', 'KMS_REQUEST_REFUSED', 'CERTIFICATE_REVOKED'],
      ['tampered-crl', 'KMS_REQUEST_REFUSED', 'COLLATERAL_SIGNATURE_INVALID'],
      ['wrong-binding', 'KMS_REQUEST_REFUSED', 'STATEMENT_NOT_BOUND'],
    ],
    mismatch: 'SNP_MEASUREMENT_MISMATCH',
  },
};

describe.each(GUEST_KINDS)('a service on simulated %s hardware', (kind) => {
  const home = installationOf(kind);
  const authority = readAuthorityKey(home.authorityKey);
  const trust = parseTrustPolicy(new Uint8Array(readFileSync(home.builtTrust)));
  const { faults, mismatch } = EXPECTED[kind];
  const storeOf = (name: string): string => join(folder, kind, `store-${name}`);
  const order = encodeSignedOrder(
    signOrder(
      authority,
      'policy',
      encodePolicyOrder({
        origin: ORIGIN,
        tenant: 'acme',
        version: 1,
        previous: null,
        bundleDigest: nodeCrypto.sha256(bundle),
        notAfter: Date.now() + 3_600_000,
      }),
    ),
  );

  async function launch(store: string, changes: Partial<SystemOptions> = {}): Promise<System> {
    const system = await launchSystem({
      platform: kind,
      simulator: home.simulator,
      image: home.image,
      store: storeOf(store),
      genesis: genesisOrder(authority, Date.now()),
      keyPolicy: home.keyPolicy,
      ...changes,
    });
    running.push(system);
    return system;
  }

  async function stop(system: System): Promise<void> {
    running.splice(running.indexOf(system), 1);
    await system.stop();
  }

  async function open({ url }: System, options: Partial<ConnectOptions> = {}): Promise<AssayClient> {
    const client = await connect(url, { trust, identity, ...options });
    clients.push(client);
    return client;
  }

  /** The program with one bit of its text changed, and its checksum made right again. */
  function otherImage(): string {
    const bytes = new Uint8Array(readFileSync(home.image));
    const at = Buffer.from(bytes).indexOf('no policy maps this client key');
    bytes[at] = (bytes[at] as number) ^ 0x20;
    const path = join(folder, kind, 'other.img');
    writeFileSync(path, withChecksum(bytes));
    return path;
  }

  it('decides, seals, and goes on after a restart with the same keyring', async () => {
    const first = await launch('life');
    expect(first.hardware.ready).toMatchObject({ root: { platform: kind }, simulated: true });
    const one = await open(first);
    expect(one.verdict).toMatchObject({
      verdict: 'trusted',
      platform: kind,
      simulated: true,
      unverified: [],
    });
    expect(one.service).toMatchObject({ origin: ORIGIN, epoch: 1, clock: 'unanchored' });
    expect(one.service.custody).toMatch(new RegExp(`^sim-kms:assay-sim:${kind}:key/`));
    expect(parseBundle(one.attestation.endorsements as Uint8Array).items.length).toBeGreaterThanOrEqual(4);
    expect(Identity.decode(one.attestation.identity).challengeRoot).not.toBeNull();
    await one.loadPolicy(order, bundle);
    const allowed = await one.decide(pay(1_999));
    expect(allowed).toMatchObject({ decision: 'allow', rule: 'small' });
    expect((await one.decide(pay(9_999))).decision).toBe('deny');

    const seal = await one.seal(new Uint8Array(32).fill(9));
    const { reportData } =
      kind === 'tdx' ? (parseQuote(seal.evidence).body as TdReport) : parseSnpReport(seal.evidence);
    expect(reportData).toEqual(bind(nodeCrypto, DOMAINS.seal, seal.statement));
    const said = Seal.decode(seal.statement);
    // A clock that nothing vouches for says so, and its error is as large as a time can be.
    expect(said).toMatchObject({ origin: ORIGIN, epoch: 1, clockSource: 'guest-unanchored' });
    expect(said.clockErrorMs).toBeGreaterThanOrEqual(MAX_TIME);
    expect(said.challengeRoot).not.toBeNull();
    expect(await one.status()).toMatchObject({ state: 'SERVING', platform: kind, simulated: true });
    const file = { receipt: allowed.receipt, attestation: one.attestation, seal: null };
    expect(parseReceiptFile(formatReceiptFile(file))).toEqual(file);
    await stop(first);

    const two = await open(await launch('life'));
    expect(two.service).toMatchObject({ epoch: 2, keyring: one.service.keyring });
    expect(two.service.bootId).not.toEqual(one.service.bootId);
    expect((await two.status()).policyVersion).toBe(1);
    await verifyReceipt(allowed.receipt, one.service, nodeCrypto);
    expect((await two.receipt(allowed.receipt.index)).leaf).toEqual(allowed.receipt.leaf);
    expect((await two.decide(pay(5))).leaf).toMatchObject({ epoch: 2, rule: 'small' });
    await expect(two.loadPolicy(order, bundle)).toRejectWith('ORDER_OUT_OF_SEQUENCE');
    await sealNow(two);
    const { size } = await two.status();
    const copy = join(folder, kind, 'audit');
    mkdirSync(copy);
    const bundleFolder = await copyLog(storeOf('life'), copy, size);
    const report = await auditCopy({ trust }, bundleFolder, [file]);
    expect(report).toMatchObject({ verdict: 'trusted', receipts: 1 });
    expect(report.grades).toContain('CLOCK_UNANCHORED');
    expect(report.epochs.map(({ platform }) => platform)).toEqual([kind, kind]);
    // Who exports the log without what the vendor says about the hardware leaves it undetermined, not wrong.
    for (const epoch of [1, 2]) {
      const path = join(bundleFolder, `epochs/${epoch}`);
      const attestation = parseAttestation(new Uint8Array(readFileSync(path)));
      writeFileSync(path, formatAttestation({ ...attestation, endorsements: null }));
    }
    await expect(auditCopy({ trust }, bundleFolder, [])).resolves.toMatchObject({
      verdict: 'undetermined',
      code: 'COLLATERAL_MISSING',
    });
  });

  it('killed without warning, loses no decision that was acknowledged', async () => {
    const system = await launch('killed');
    const client = await open(system);
    await client.loadPolicy(order, bundle);
    const acknowledged: number[] = [];
    const deciding = (async () => {
      for (let i = 0; i < 500; i++) acknowledged.push((await client.decide(pay(i))).receipt.index);
    })().catch(() => undefined);
    while (acknowledged.length < 20) await sleep(5);
    system.hardware.child.kill('SIGKILL');
    await deciding;
    const before = client.service.keyring;
    await system.restart('hardware');
    const next = await open(system);
    expect(next.service).toMatchObject({ epoch: 2, keyring: before });
    for (const index of [acknowledged[0], acknowledged.at(-1)] as number[])
      expect((await next.receipt(index)).index).toBe(index);
    expect((await next.decide(pay(1))).leaf.epoch).toBe(2);
  });

  it('wants our challenge in the quote, and gives one quote for many', async () => {
    const system = await launch('fresh');
    const fresh = await Promise.all([1, 2, 3, 4].map(() => open(system)));
    expect(fresh.every(({ verdict }) => verdict.verdict === 'trusted')).toBe(true);
    const lax = { ...trust, freshness: { max_age_seconds: 300, nonce: 'session' } } as const;
    await expect(open(system, { trust: lax })).toRejectWith('CHALLENGE_MISSING');
  });

  it(`gives another image no key, and with a colluding custodian no client: ${mismatch}`, async () => {
    const image = otherImage();
    await expect(launch('other', { image })).toRejectWith('KEY_RELEASE_DENIED');
    expect(existsSync(join(storeOf('other'), 'keyring'))).toBe(false);
    const system = await launch('other', { image, custodianColludes: true });
    await expect(open(system)).toRejectWith(mismatch);
    await stop(system);
    // Its keyring opens for nobody else, whoever holds the release key.
    await expect(launch('other', { custodianColludes: true })).toRejectWith('KEYRING_BIRTH');
  });

  it('whose clock was set back does not start: CLOCK_BEFORE_LOG', async () => {
    await stop(await launch('clock'));
    await expect(launch('clock', { clockOffsetMs: -600_000 })).toRejectWith('CLOCK_BEFORE_LOG');
  });

  it('whose keyring lost its endorsements does not start: KEYRING_BIRTH', async () => {
    await stop(await launch('endorsed'));
    const path = join(storeOf('endorsed'), 'keyring');
    const keyring = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
    expect(keyring['birth_endorsements']).toBeTypeOf('string');
    delete keyring['birth_endorsements'];
    writeFileSync(path, JSON.stringify(keyring));
    await expect(launch('endorsed')).toRejectWith('KEYRING_BIRTH');
  });

  it('does not run on the hardware of another vendor', async () => {
    const platform = kind === 'tdx' ? 'snp' : 'tdx';
    await expect(launch('elsewhere', { platform })).rejects.toThrow();
    expect(existsSync(join(storeOf('elsewhere'), 'keyring'))).toBe(false);
  });

  it.each(faults)(
    'with %s gets no key (%s), and with a colluding custodian no client (%s)',
    async (fault, denied, refused) => {
      await expect(launch(`${fault}-1`, { faults: [fault] })).toRejectWith(denied);
      const system = await launch(`${fault}-2`, { faults: [fault], custodianColludes: true });
      await expect(open(system)).toRejectWith(refused);
    },
  );
});
