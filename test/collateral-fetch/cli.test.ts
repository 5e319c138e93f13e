/** `assay collateral fetch`: evidence or a platform in, one bundle out; and how it ends when that cannot be. */
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { memoryPath } from '../../host/collateral/index.ts';
import { parseBundle } from '../../src/collateral/index.ts';
import type { SnpTcb } from '../../src/evidence/snp/index.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { madeKds, serveKds } from '../support/kds-server.ts';
import { DAY } from '../support/made-collateral.ts';
import {
  FMSPC,
  madeBodies,
  type PcsBodies,
  type PcsServer,
  recordedBodies,
  servePcs,
} from '../support/pcs-server.ts';
import { leastReport } from '../support/snp.ts';
import { selfSignedTls, type VendorServer } from '../support/vendor-server.ts';

const T = Date.UTC(2026, 2, 1);
const PLATFORM = ['--tee', 'tdx', '--fmspc', FMSPC.toUpperCase(), '--ca', 'platform'];

let folder = '';
let out = '';
const servers: VendorServer[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-collateral-'));
  out = join(folder, 'bundle.json');
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function started<S extends VendorServer>(server: Promise<S>): Promise<S> {
  servers.push(await server);
  return server;
}

const fetchWith = (args: readonly string[], now = T + DAY): Promise<CliResult> =>
  assay(['collateral', 'fetch', '--cache', join(folder, 'cache'), ...args], { now });
const at = (server: PcsServer): readonly string[] => [
  '--pcs',
  server.origin,
  '--root-crl',
  `${server.origin}/IntelSGXRootCA.der`,
];

describe('assay collateral fetch', () => {
  it('writes what a platform of Intel needs, and says what it is', async () => {
    const server = await started(servePcs(madeBodies(T)));
    const { status, out: said, err } = await fetchWith([...PLATFORM, ...at(server), '-o', out]);
    expect([status, err]).toEqual([0, '']);
    expect(said.split('\n')).toEqual([
      `For Intel tdx FMSPC ${FMSPC}, platform CA`,
      '  TCB info            fetched  ends 2026-03-31T00:00:00Z  evaluation number 18, of 2026-03-01T00:00:00Z',
      '  QE identity         fetched  ends 2026-03-31T00:00:00Z  evaluation number 18, of 2026-03-01T00:00:00Z',
      '  PCK CRL             fetched  ends 2026-03-31T00:00:00Z  3 revoked, of 2026-03-01T00:00:00Z',
      '  root CRL            fetched  ends 2026-03-31T00:00:00Z  0 revoked, of 2026-03-01T00:00:00Z',
      '  evaluation numbers  fetched  ends 2026-03-31T00:00:00Z  evaluation numbers 17, 18',
      `Bundle       ${out}`,
      `SHA-256      ${createHash('sha256').update(readFileSync(out)).digest('hex')}`,
      'Valid until  2026-03-31T00:00:00Z',
      'NOT VERIFIED: assay verify judges it together with evidence',
      '',
    ]);
    const { items } = parseBundle(new Uint8Array(readFileSync(out)));
    expect(items.map(({ kind }) => kind).sort()).toEqual(
      'certificate certificate certificate crl crl qe-identity tcb-evaluation-numbers tcb-info'.split(' '),
    );
  });

  it('writes the same bundle from Intel, from a PCCS with TLS of its own, from the cache and without a network', async () => {
    const bodies = madeBodies(T);
    const tls = selfSignedTls();
    const [pcs, pccs] = [await started(servePcs(bodies)), await started(servePcs(bodies, 'pccs', tls))];
    const ca = join(folder, 'ca.pem');
    writeFileSync(ca, tls.cert);
    const secure = ['--pcs', `${pccs.origin}/sgx/certification/v4/`, '--tls-ca', ca];
    const digests: unknown[] = [];
    for (const args of [at(pcs), secure, at(pcs), [...at(pcs), '--offline'], [...secure, '--offline']]) {
      const done = await fetchWith([...PLATFORM, ...args, '-o', out, '--json']);
      expect([done.status, done.err]).toEqual([0, '']);
      digests.push(done.json()['sha256']);
    }
    expect(new Set(digests).size).toBe(1);
    expect([pcs.asked.length, pccs.asked.length]).toEqual([5, 5]);
    const untrusted = await fetchWith([...PLATFORM, '--pcs', pccs.origin, '--update', 'early', '-o', out]);
    expect([untrusted.status, untrusted.err]).toEqual([
      4,
      expect.stringMatching(/ANSWER_INVALID.*SELF_SIGNED.*--tls-ca/),
    ]);
  });

  it('names the bundle by its SHA-256 in a folder', async () => {
    const server = await started(servePcs(madeBodies(T)));
    mkdirSync(join(folder, 'bundles'));
    const done = await fetchWith([...PLATFORM, ...at(server), '-o', join(folder, 'bundles'), '--json']);
    expect(readdirSync(join(folder, 'bundles'))).toEqual([`${done.json()['sha256']}.json`]);
    expect(done.json()).toMatchObject({
      verified: false,
      bundle: join(folder, 'bundles', `${done.json()['sha256']}.json`),
      valid_until: '2026-03-31T00:00:00Z',
      needs: [`Intel tdx FMSPC ${FMSPC}, platform CA`],
      notes: [],
    });
    const items = done.json()['items'] as Record<string, unknown>[];
    expect(items[0]).toEqual({
      name: 'TCB info',
      url: `${server.origin}/tdx/certification/v4/tcb?fmspc=${FMSPC}`,
      from: 'network',
      fetched_at: '2026-03-02T00:00:00Z',
      kind: 'tcb-info',
      sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      begins: '2026-03-01T00:00:00Z',
      ends: '2026-03-31T00:00:00Z',
      evaluation_number: 18,
    });
  });

  it('reads from a recorded quote what to fetch', async () => {
    if (CORPUS === null) return void missing('tdx', 1);
    const quote = 'quotes/tdx_v4_90c06f_dstack.bin';
    const bodies = recordedBodies('ars-90c06f-2026-03', 'tdx', '90c06f000000', quote);
    const server = await started(servePcs(bodies));
    const args = [join(CORPUS, 'tdx', quote), ...at(server), '-o', out, '--json'];
    const done = await fetchWith(args, Date.UTC(2026, 2, 20));
    expect([done.status, done.err]).toEqual([0, '']);
    expect(done.json()).toMatchObject({
      valid_until: '2026-04-15T22:06:09Z',
      needs: ['Intel tdx FMSPC 90c06f000000, platform CA'],
      notes: [expect.stringMatching(/^No evaluation numbers, which no verdict needs: .* answers 404/)],
    });
  });

  it('reads from a report of AMD what to fetch, in any form, and asks once for two of one chip', async () => {
    const tcb: SnpTcb = { fmc: 1, bootloader: 2, tee: 3, snp: 4, microcode: 81 };
    const hwid = new Uint8Array(8).fill(0xab);
    const report = leastReport();
    report.set(hwid, 0x1a0);
    report.set([1, 2, 3, 4, 0, 0, 0, 81], 0x180);
    const [raw, hex] = [join(folder, 'report.bin'), join(folder, 'report.hex')];
    writeFileSync(raw, report);
    writeFileSync(hex, Buffer.from(report).toString('hex'));
    const server = await started(serveKds(madeKds('Turin', T, { hwid, tcb })));
    const done = await fetchWith([raw, hex, '--kds', server.origin, '-o', out]);
    expect([done.status, done.err]).toEqual([0, '']);
    expect(server.asked.sort()).toEqual([
      '/vcek/v1/Turin/abababababababab?fmcSPL=01&blSPL=02&teeSPL=03&snpSPL=04&ucodeSPL=81',
      '/vcek/v1/Turin/cert_chain',
      '/vcek/v1/Turin/crl',
    ]);
    expect(done.out).toContain('For AMD Turin VCEK, chip abababababababab at 1.2.3.4.81\n');
    expect(done.out).toContain(
      '  VCEK authorities  fetched  ends 2051-01-01T00:00:00Z  SEV-Turin, ARK-Turin\n',
    );
  });

  it('fetches what a product of AMD needs, and says where a VLEK comes from', async () => {
    const server = await started(serveKds(madeKds('Milan', T)));
    const done = await fetchWith(['--product', 'Milan', '--kds', server.origin, '-o', out]);
    expect(done.status).toBe(0);
    expect(done.out).toContain('The VLEK certificate itself is handed to the cloud provider alone');
    expect(server.asked).toHaveLength(4);
    const report = leastReport();
    report[0x48] = 4;
    writeFileSync(join(folder, 'report'), report);
    const turin = await started(serveKds(madeKds('Turin', T)));
    const vlek = await fetchWith([join(folder, 'report'), '--kds', turin.origin, '-o', out]);
    expect(vlek.out).toContain('The VLEK certificate itself is handed to the cloud provider alone');
    expect(turin.asked.every((url) => url.startsWith('/vlek/'))).toBe(true);
  });

  it('says whom it waits for when an answer takes more than a second', async () => {
    const server = await started(servePcs(madeBodies(T)));
    server.next('/qe/identity', (_, response) => void setTimeout(() => response.destroy(), 1_200));
    const done = await fetchWith([...PLATFORM, ...at(server), '-o', out]);
    expect(done.status).toBe(0);
    const host = new URL(server.origin).host;
    expect(done.err).toBe(`asking ${host} …\n`);
  });

  it('says that it could not renew, and that a service has moved on', async () => {
    const server = await started(servePcs(madeBodies(T)));
    await fetchWith([...PLATFORM, ...at(server), '-o', out]);
    server.always('tcb?', { status: 429, headers: { 'retry-after': '900' } });
    const kept = await fetchWith([...PLATFORM, ...at(server), '-o', out], T + 3 * DAY);
    expect([kept.status, kept.err]).toEqual([0, '']);
    expect(kept.out).toContain('  TCB info            from the cache, not renewed  ends');
    expect(kept.out).toMatch(
      /\nTCB info is of 2026-03-02T00:00:00Z: .* answers 429, too many requests, and wants 900 s\n/,
    );
  });
});

describe('assay collateral fetch ends', () => {
  const failing = async (
    args: readonly string[],
    now?: number,
  ): Promise<readonly [number, string | undefined]> => {
    const { status, err } = await fetchWith(args, now);
    expect(existsSync(out)).toBe(false);
    return [status, /^assay: ([A-Z_]+): /m.exec(err)?.[1]];
  };

  it.each<readonly [string, readonly string[]]>([
    ['without an output', PLATFORM],
    ['without a platform', ['-o', 'x']],
    ['with half a platform', ['--tee', 'tdx', '--ca', 'platform', '-o', 'x']],
    ['with a TEE that there is not', ['--tee', 'sev', '--fmspc', FMSPC, '--ca', 'platform', '-o', 'x']],
    ['with an FMSPC that is none', ['--tee', 'tdx', '--fmspc', '90c06f', '--ca', 'platform', '-o', 'x']],
    ['with a product that there is not', ['--product', 'Rome', '-o', 'x']],
    ['with a platform beside evidence', ['evidence', ...PLATFORM, '-o', 'x']],
    [
      'with two ways to say which',
      [...PLATFORM, '--update', 'early', '--evaluation-number', '17', '-o', 'x'],
    ],
    ['with a number that is none', [...PLATFORM, '--evaluation-number', 'latest', '-o', 'x']],
    ['with an update that there is not', [...PLATFORM, '--update', 'late', '-o', 'x']],
    ['with an address that is none', [...PLATFORM, '--pcs', 'pccs.example', '-o', 'x']],
    [
      'with an interface of version 3',
      [...PLATFORM, '--pcs', 'https://x.example/sgx/certification/v3', '-o', 'x'],
    ],
    ['with a CA for nobody', [...PLATFORM, '--tls-ca', 'x', '-o', 'x']],
    ['with an option that there is not', [...PLATFORM, '--insecure', '-o', 'x']],
  ])('%s: status 2', async (_, args) => {
    expect(await failing(args)).toEqual([2, 'USAGE']);
  });

  it('with its help: status 0, or 2 when nothing was said', async () => {
    const asked = await assay(['collateral', '--help']);
    expect([asked.status, asked.out]).toEqual([0, expect.stringContaining('--evaluation-number')]);
    expect((await assay(['collateral'])).status).toBe(2);
    expect((await assay(['collateral', 'forget'])).err).toContain('USAGE');
  });

  it('over evidence that needs nothing, or is none', async () => {
    const file = join(folder, 'evidence');
    writeFileSync(file, Uint8Array.of(0x84, 0x40, 0xa0, 0x40, 0x40));
    expect(await failing([file, '-o', out])).toEqual([2, 'INPUT_UNRECOGNISED']);
    expect(await failing([join(folder, 'none'), '-o', out])).toEqual([2, 'FILE_UNREADABLE']);
  });

  it('over a CA file that is none', async () => {
    const file = join(folder, 'ca');
    writeFileSync(file, 'none');
    const args = [...PLATFORM, '--pcs', 'https://127.0.0.1:1', '--tls-ca', file, '-o', out];
    expect(await failing(args)).toEqual([2, 'PEM_INVALID']);
  });

  it('over a vendor that does not answer, has none, or answers wrongly: status 4', async () => {
    const server = await started(servePcs(madeBodies(T)));
    server.always('/', { status: 403 });
    expect(await failing([...PLATFORM, ...at(server), '-o', out])).toEqual([4, 'COLLATERAL_NOT_SERVED']);
    server.always('/', { body: '<html>' });
    expect(await failing([...PLATFORM, ...at(server), '-o', out])).toEqual([4, 'COLLATERAL_ANSWER_INVALID']);
    server.always('/', { status: 429, headers: { 'retry-after': '999' } });
    expect(await failing([...PLATFORM, ...at(server), '-o', out])).toEqual([4, 'COLLATERAL_RATE_LIMITED']);
    expect(await failing([...PLATFORM, ...at(server), '--offline', '-o', out])).toEqual([
      4,
      'COLLATERAL_MISSING',
    ]);
  });

  it('over http to another machine that nobody has named', async () => {
    const server = await started(servePcs(madeBodies(T)));
    const args = [...PLATFORM, '--pcs', server.origin, '--root-crl', 'https://127.0.0.1:1/', '-o', out];
    server.always('pckcrl', { status: 302, headers: { location: 'http://192.0.2.1/' } });
    expect(await failing([...args, '--offline'])).toEqual([4, 'COLLATERAL_MISSING']);
    expect((await failing([...PLATFORM, ...at(server), '-o', out]))[1]).toBe('COLLATERAL_ANSWER_INVALID');
  });

  it.skipIf(CORPUS === null)(
    'over collateral older than what was seen: status 4, and both are named',
    async () => {
      const now = Date.UTC(2026, 2, 18);
      const recorded = (set: string): PcsBodies =>
        recordedBodies(set, 'tdx', '90c06f000000', 'quotes/tdx_v4_90c06f_dstack.bin');
      const server = await started(servePcs(recorded('ars-90c06f-2026-03')));
      const args = ['--tee', 'tdx', '--fmspc', '90c06f000000', '--ca', 'platform', ...at(server), '-o', out];
      expect((await fetchWith(args, now)).status).toBe(0);
      rmSync(out);
      rmSync(join(folder, 'cache', 'answers'), { recursive: true });
      server.serve(recorded('phala-90c06f-2026-02'));
      const { status, err } = await fetchWith(args, now);
      expect(status).toBe(4);
      expect(err).toMatch(/^assay: COLLATERAL_ROLLED_BACK: TCB info .* was seen before; /);
      expect(existsSync(out)).toBe(false);
    },
  );

  it('remembers nothing that the vendor has not signed, so that a stranger cannot make it refuse the vendor', async () => {
    const server = await started(servePcs(madeBodies(T + DAY, 1_000_000)));
    expect((await fetchWith([...PLATFORM, ...at(server), '-o', out])).status).toBe(0);
    rmSync(join(folder, 'cache', 'answers'), { recursive: true });
    server.serve(madeBodies(T, 18));
    expect((await fetchWith([...PLATFORM, ...at(server), '-o', out])).status).toBe(0);
  });

  it('over a memory that is damaged: status 2, and leaves it as it is', async () => {
    const server = await started(servePcs(madeBodies(T)));
    const path = memoryPath(join(folder, 'cache'));
    mkdirSync(join(folder, 'cache'));
    writeFileSync(path, '{}');
    expect(await failing([...PLATFORM, ...at(server), '-o', out])).toEqual([2, 'COLLATERAL_MEMORY_INVALID']);
    expect(readFileSync(path, 'utf8')).toBe('{}');
    expect(server.asked).toEqual([]);
  });
});
