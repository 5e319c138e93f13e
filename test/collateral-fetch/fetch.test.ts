/** Fetching over real HTTP: what vendors serve, what a cache between or an attacker serves instead, and what is kept. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AmdNeed,
  amdResources,
  type Channel,
  createHttpGet,
  createPace,
  fetchAll,
  type Fetched,
  type FetchOptions,
  type IntelNeed,
  intelResources,
  memoryPath,
  needOf,
  openCache,
  pcsAddresses,
  readMemory,
  remember,
  type Resource,
} from '../../host/collateral/index.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import type { CollateralItem } from '../../src/collateral/index.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { CORPUS, corpusBytes, missing } from '../support/corpus.ts';
import { madeKds, recordedGenoa, serveKds } from '../support/kds-server.ts';
import { authority, crl, DAY, qeIdentity, tcbInfo, vcek } from '../support/made-collateral.ts';
import { patience, type TestPatience } from '../support/patience.ts';
import {
  chainOf,
  FMSPC,
  madeBodies,
  type PcsBodies,
  type PcsServer,
  recordedBodies,
  servePcs,
} from '../support/pcs-server.ts';
import type { Answer, VendorServer } from '../support/vendor-server.ts';

const T = Date.UTC(2026, 2, 1);
const NEED: IntelNeed = { vendor: 'intel', tee: 'tdx', fmspc: FMSPC, ca: 'platform' };
const MILAN: AmdNeed = {
  vendor: 'amd',
  product: 'Milan',
  key: 'vcek',
  chip: {
    hwid: new Uint8Array(64).fill(7),
    tcb: { fmc: null, bootloader: 4, tee: 0, snp: 24, microcode: 219 },
  },
};
const CHIP = MILAN.chip as NonNullable<AmdNeed['chip']>;

let folder = '';
let waiting: TestPatience;
const servers: VendorServer[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-fetch-'));
  waiting = patience(T + DAY);
});
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
  rmSync(folder, { recursive: true, force: true });
});

async function started<S extends VendorServer>(server: Promise<S>): Promise<S> {
  servers.push(await server);
  return server;
}

function options(more: Partial<FetchOptions> = {}): FetchOptions {
  return {
    ...waiting,
    get: createHttpGet({ named: [], authorities: null, timeoutMs: 2_000 }),
    cache: openCache(folder),
    pace: createPace(folder, 10_000, waiting),
    memory: readMemory(memoryPath(folder)),
    offline: false,
    attempts: 2,
    ...more,
  };
}

const intel = (server: PcsServer, channel: Channel = 'standard', need = NEED): readonly Resource[] =>
  intelResources(need, pcsAddresses(server.origin, `${server.origin}/IntelSGXRootCA.der`), channel);
const amd = (server: VendorServer, need = MILAN): readonly Resource[] => amdResources(need, server.origin);

async function fetched(
  resources: readonly Resource[],
  more: Partial<FetchOptions> = {},
): Promise<readonly Fetched[]> {
  const { fetched: all } = await fetchAll(resources, options(more));
  await remember(
    memoryPath(folder),
    all.flatMap(({ items }) => items),
    resources[0]?.channel ?? 'standard',
  );
  return all;
}

const itemsOf = (all: readonly Fetched[]): readonly CollateralItem[] => all.flatMap(({ items }) => items);
const kindsOf = (all: readonly Fetched[]): readonly string[] => all.map(({ items }) => items[0]?.kind ?? '');
const sources = (all: readonly Fetched[]): readonly string[] => all.map(({ from }) => from);

describe('from Intel', () => {
  it('come two statements, two lists, the numbers in force and the issuers of all', async () => {
    const bodies = madeBodies(T);
    const server = await started(servePcs(bodies));
    const all = await fetched(intel(server));
    expect(kindsOf(all)).toEqual(['tcb-info', 'qe-identity', 'crl', 'crl', 'tcb-evaluation-numbers']);
    expect(sources(all)).toEqual(['network', 'network', 'network', 'network', 'network']);
    const [info] = all;
    expect(info?.items.slice(1).map(({ bytes }) => bytes)).toEqual(chainOf(bodies.signingChain));
    const names = itemsOf(all).flatMap((item) =>
      item.kind === 'certificate' ? [item.certificate.subject.commonName] : [],
    );
    expect(new Set(names)).toEqual(
      new Set(['Intel SGX TCB Signing', 'Intel SGX Root CA', 'Intel SGX PCK Platform CA']),
    );
  });

  it('come from a PCCS the same items, out of hexadecimal text', async () => {
    const bodies = madeBodies(T);
    const [pcs, pccs] = [await started(servePcs(bodies)), await started(servePcs(bodies, 'pccs'))];
    const direct = await fetched(intel(pcs));
    const cached = await fetched(intelResources(NEED, pcsAddresses(pccs.origin, null), 'standard'));
    expect(itemsOf(cached).map(({ bytes }) => bytes)).toEqual(itemsOf(direct).map(({ bytes }) => bytes));
  });

  it('come the recorded bodies unchanged, byte for byte', async () => {
    if (CORPUS === null) return void missing('tdx', 1);
    const quote = 'quotes/tdx_v4_00806f_gcp_cos113.bin';
    const recorded = recordedBodies('automata-00806f-2025-10', 'tdx', '00806F050000', quote);
    const numbers = corpusBytes('tdx', 'tcbeval/tdx_tcb_evaluation_2025-10.json');
    const server = await started(servePcs({ ...recorded, numbers }));
    const resources = intel(server, 'standard', needOf(corpusBytes('tdx', quote)) as IntelNeed);
    waiting.set(Date.UTC(2025, 9, 20));
    const { tcbInfo, qeIdentity, pckCrl, rootCrl } = recorded;
    const served = [tcbInfo, qeIdentity, pckCrl, rootCrl, numbers] as readonly Uint8Array[];
    for (const from of ['network', 'cache'] as const) {
      const all = await fetched(resources);
      expect(new Set(sources(all))).toEqual(new Set([from]));
      expect(all).toHaveLength(5);
      served.forEach((body, i) => expect(equalBytes(all[i]?.items[0]?.bytes as Uint8Array, body)).toBe(true));
    }
  });

  it('may come without the list of numbers, and without nothing else', async () => {
    const server = await started(servePcs(madeBodies(T)));
    const absences: readonly (readonly [Answer, string])[] = [
      [{ status: 404 }, 'COLLATERAL_NOT_SERVED'],
      [{ status: 503 }, 'COLLATERAL_UNREACHABLE'],
      [{ body: '<!DOCTYPE html>' }, 'COLLATERAL_ANSWER_INVALID'],
    ];
    for (const [answer, code] of absences) {
      server.always('tcbevaluation', answer);
      const { fetched: all, absent } = await fetchAll(intel(server), options());
      expect(kindsOf(all)).toEqual(['tcb-info', 'qe-identity', 'crl', 'crl']);
      expect(absent.map(({ resource, because }) => [resource.name, because.code])).toEqual([
        ['evaluation numbers', code],
      ]);
    }
    server.always('/qe/identity', { status: 404 });
    await expect(fetched(intel(server, 'early'))).toRejectWith('COLLATERAL_NOT_SERVED');
  });

  it('comes nothing for a platform that Intel does not know, and no number that it has given up', async () => {
    const server = await started(servePcs(madeBodies(T)));
    const other = { ...NEED, fmspc: '000000000000' };
    await expect(fetched(intel(server, 'standard', other))).toRejectWith('COLLATERAL_NOT_SERVED');
    server.always('tcbEvaluationDataNumber=12', { status: 410 });
    await expect(fetched(intel(server, 12))).toRejectWith('COLLATERAL_NOT_SERVED');
    expect(server.asked.filter((url) => url.includes('tcb?') && url.endsWith('=12'))).toHaveLength(1);
  });
});

describe('an answer that is not what was asked for', () => {
  const info = (fmspc: string, tee: 'tdx' | 'sgx' = 'tdx'): string => tcbInfo(tee, fmspc, { issued: T });
  const pemOf = (der: Uint8Array): string => formatPem('CERTIFICATE', der);
  const window = { from: T, to: T + 30 * DAY };
  const wrong: readonly (readonly [string, string, Partial<PcsBodies>])[] = [
    ['TCB info of another platform', 'tcb?', { tcbInfo: info('00806F050000') }],
    ['TCB info of another TEE', 'tcb?', { tcbInfo: info(FMSPC, 'sgx') }],
    ['another statement', 'tcb?', { tcbInfo: qeIdentity('tdx', { issued: T }) }],
    ['an identity of another enclave', 'qe/identity', { qeIdentity: qeIdentity('sgx', { issued: T }) }],
    [
      'a list of another authority',
      'pckcrl',
      { pckCrl: crl({ issuer: 'Intel SGX PCK Processor CA', ...window }) },
    ],
    ['a list of another root', 'Root', { rootCrl: crl({ issuer: 'Intel SGX Root CB', ...window }) }],
    ['a certificate in place of a list', 'Root', { rootCrl: authority('Intel SGX Root CA') }],
    ['a page of a portal', 'tcb?', { tcbInfo: '<!DOCTYPE html><title>Log in</title>' }],
    ['nothing', 'tcb?', { tcbInfo: '' }],
    ['JSON of something else', 'tcb?', { tcbInfo: '{"error":"none"}' }],
    ['a statement that is cut off', 'tcb?', { tcbInfo: info(FMSPC).slice(0, 500) }],
    [
      'a list that is cut off',
      'pckcrl',
      { pckCrl: crl({ issuer: 'Intel SGX PCK Platform CA', ...window }).slice(0, 80) },
    ],
    ['a statement without issuers', 'tcb?', { signingChain: '' }],
    ['issuers that are none', 'tcb?', { signingChain: 'here you are' }],
    ['issuers that are cut off', 'tcb?', { signingChain: pemOf(authority('x')).slice(0, 300) }],
    [
      'issuers with a list among them',
      'tcb?',
      { signingChain: formatPem('X509 CRL', crl({ issuer: 'x', ...window })) },
    ],
    [
      'numbers of another TEE',
      'tcbevaluation',
      { numbers: madeBodies(T).numbers?.toString().replace('"TDX"', '"SGX"') ?? '' },
    ],
  ];

  it.each(wrong)('is refused, and not kept: %s', async (_, part, changes) => {
    const server = await started(servePcs(madeBodies(T, 18, changes)));
    const asked = intel(server).filter(({ url }) => url.includes(part));
    const resources = asked.map((resource) => ({ ...resource, optional: false }));
    expect(resources).toHaveLength(1);
    await expect(fetched(resources)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    expect(readdirSync(folder)).not.toContain('answers');
  });

  it('is refused when its issuers are not URL-encoded', async () => {
    const server = await started(servePcs(madeBodies(T)));
    server.always('tcb?', { body: info(FMSPC), headers: { 'tcb-info-issuer-chain': '%E0%A4' } });
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_ANSWER_INVALID');
  });

  it('is refused when it has another evaluation number than the one asked for', async () => {
    const server = await started(servePcs(madeBodies(T, 18)));
    await expect(fetched(intel(server, 17))).toRejectWith('COLLATERAL_ANSWER_INVALID');
    expect(await fetched(intel(server, 18))).toHaveLength(5);
  });

  it('is refused when its time has passed or has not come', async () => {
    const server = await started(servePcs(madeBodies(T)));
    waiting.set(T + 30 * DAY);
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_STALE');
    waiting.set(T - 2 * DAY);
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_ANSWER_INVALID');
    // A clock that is a little behind is no reason.
    waiting.set(T - DAY / 2);
    expect(await fetched(intel(server))).toHaveLength(5);
  });
});

describe('from AMD', () => {
  it('come the authorities, the list and the certificate of the chip', async () => {
    const server = await started(serveKds(madeKds('Milan', T, CHIP)));
    const all = await fetched(amd(server));
    expect(kindsOf(all)).toEqual(['certificate', 'crl', 'certificate']);
    expect(all.map(({ items }) => items.length)).toEqual([2, 1, 1]);
    const provider = await fetched(amd(server, { ...MILAN, key: 'vlek', chip: null }));
    const names = itemsOf(provider).map((item) =>
      item.kind === 'certificate' ? item.certificate.subject.commonName : item.kind,
    );
    expect(names).toEqual(['SEV-VLEK-Milan', 'ARK-Milan', 'crl']);
  });

  it('come the recorded certificates and list unchanged', async () => {
    if (CORPUS === null) return void missing('snp', 1);
    const file = 'v5-genoa-model-a0';
    const certificate = corpusBytes('snp', `${file}/vcek.der`);
    const need = needOf(corpusBytes('snp', `${file}/report.bin`)) as AmdNeed;
    const hwid = Buffer.from(need.chip?.hwid as Uint8Array).toString('hex');
    const bodies = recordedGenoa(certificate, hwid);
    const server = await started(serveKds(bodies));
    waiting.set(Date.UTC(2025, 9, 1));
    const [authorities, list] = await fetched(amd(server, { ...need, chip: null }));
    expect(authorities?.items.map(({ bytes }) => bytes)).toEqual(
      ['SEV-Genoa', 'ARK-Genoa'].map((name) => bodies.authorities.get(name)),
    );
    expect(list?.items[0]?.bytes).toEqual(bodies.crl);
    // The certificate was issued after the list had ended, so they are never current together.
    waiting.set(Date.UTC(2026, 6, 1));
    const [key] = await fetched(amd(server, need).slice(2));
    expect(key?.items[0]?.bytes).toEqual(certificate);
  });

  const others: readonly (readonly [string, Uint8Array])[] = [
    ['another chip', vcek('Milan', new Uint8Array(64).fill(8), CHIP.tcb)],
    ['other versions', vcek('Milan', CHIP.hwid, { ...CHIP.tcb, microcode: 218 })],
    ['another processor', vcek('Genoa', CHIP.hwid, CHIP.tcb)],
    ['nobody', authority('SEV-VCEK')],
    ['a processor that nobody knows', vcek('Venice', CHIP.hwid, CHIP.tcb)],
  ];

  it.each(others)('no certificate is taken that is of %s', async (_, body) => {
    const server = await started(serveKds(madeKds('Milan', T, CHIP)));
    server.always('?blSPL=', { body });
    await expect(fetched(amd(server))).toRejectWith('COLLATERAL_ANSWER_INVALID');
  });

  it('no authorities are taken of another product, and no list', async () => {
    const server = await started(serveKds(madeKds('Milan', T, CHIP)));
    const genoa = madeKds('Genoa', T);
    const pem = [...genoa.authorities.values()].map((der) => formatPem('CERTIFICATE', der));
    server.next('cert_chain', { body: pem.slice(0, 2).join('') });
    await expect(fetched(amd(server))).toRejectWith('COLLATERAL_ANSWER_INVALID');
    server.next('cert_chain', { body: formatPem('CERTIFICATE', authority('SEV-Milan')) });
    await expect(fetched(amd(server))).toRejectWith('COLLATERAL_ANSWER_INVALID');
    waiting.set(waiting.now() + DAY);
    server.next('crl', { body: genoa.crl });
    await expect(fetched(amd(server))).toRejectWith('COLLATERAL_ANSWER_INVALID');
  });

  it('certificates of chips are asked for at a distance, and never twice', async () => {
    const server = await started(serveKds(madeKds('Milan', T, CHIP)));
    await fetched(amd(server));
    expect(waiting.slept).toEqual([]);
    waiting.set(waiting.now() + 5_000);
    const other = { ...CHIP, tcb: { ...CHIP.tcb, bootloader: 3 } };
    await expect(fetched(amd(server, { ...MILAN, chip: other }))).toRejectWith('COLLATERAL_NOT_SERVED');
    expect(waiting.slept).toEqual([5_000]);
    const before = server.asked.length;
    waiting.set(T + 20 * DAY);
    const again = await fetched(amd(server));
    expect(sources(again)).toEqual(['network', 'network', 'cache']);
    expect(server.asked.slice(before).some((url) => url.includes('?blSPL='))).toBe(false);
  });

  it('a limit that AMD names is kept by everybody here', async () => {
    const server = await started(serveKds(madeKds('Milan', T, CHIP)));
    server.next('?blSPL=', { status: 429, headers: { 'retry-after': '30' } });
    await fetched(amd(server));
    expect(waiting.slept).toEqual([30_000]);
    const limit: Answer = { status: 429, headers: { 'retry-after': '90' } };
    const other = amd(server, { ...MILAN, chip: { ...CHIP, hwid: new Uint8Array(64).fill(9) } });
    server.next('?blSPL=', limit);
    await expect(fetched(other)).toRejectWith('COLLATERAL_RATE_LIMITED');
    const asked = server.asked.length;
    // Nobody asks before that, another process neither.
    await expect(fetched(other)).toRejectWith('COLLATERAL_RATE_LIMITED');
    expect(server.asked).toHaveLength(asked);
  });
});

describe('what is kept', () => {
  it('is used for a day, and asked for again after it', async () => {
    const server = await started(servePcs(madeBodies(T)));
    await fetched(intel(server));
    expect(server.asked).toHaveLength(5);
    waiting.set(waiting.now() + DAY - 1);
    expect(new Set(sources(await fetched(intel(server))))).toEqual(new Set(['cache']));
    expect(server.asked).toHaveLength(5);
    waiting.set(waiting.now() + 1);
    expect(new Set(sources(await fetched(intel(server))))).toEqual(new Set(['network']));
    expect(server.asked).toHaveLength(10);
  });

  it('is not used beyond what the vendor has signed, however young it is', async () => {
    const server = await started(servePcs(madeBodies(T)));
    waiting.set(T + 30 * DAY - 1_000);
    await fetched(intel(server));
    waiting.set(T + 30 * DAY);
    server.serve(madeBodies(T + 29 * DAY));
    expect(new Set(sources(await fetched(intel(server))))).toEqual(new Set(['network']));
  });

  it('is used when the vendor is silent, with a word, until it ends', async () => {
    const server = await started(servePcs(madeBodies(T)));
    await fetched(intel(server));
    waiting.set(T + 10 * DAY);
    server.always('/', { status: 503 });
    const all = await fetched(intel(server));
    expect(new Set(sources(all))).toEqual(new Set(['kept']));
    expect(all[0]?.because?.code).toBe('COLLATERAL_UNREACHABLE');
    expect(all[0]?.at).toBe(T + DAY);
    waiting.set(T + 30 * DAY);
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_UNREACHABLE');
  });

  it('is not used when the vendor answers, but wrongly', async () => {
    const server = await started(servePcs(madeBodies(T)));
    await fetched(intel(server));
    waiting.set(T + 10 * DAY);
    server.serve(madeBodies(T, 18, { tcbInfo: 'changed on the way' }));
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_ANSWER_INVALID');
  });

  it('is asked for again when it was kept by a clock that is ahead', async () => {
    const server = await started(servePcs(madeBodies(T)));
    waiting.set(T + 20 * DAY);
    await fetched(intel(server));
    waiting.set(T + 10 * DAY);
    expect(new Set(sources(await fetched(intel(server))))).toEqual(new Set(['network']));
  });

  it('is asked for again when its file is damaged, or holds what was not asked for', async () => {
    const server = await started(servePcs(madeBodies(T)));
    const [resource] = intel(server) as [Resource];
    await fetched([resource]);
    const cache = openCache(folder);
    const good = cache.read(resource.url);
    const [name] = readdirSync(join(folder, 'answers'));
    const path = join(folder, 'answers', name as string);
    writeFileSync(path, readFileSync(path, 'utf8').replace('"at"', '"At"'));
    expect(sources(await fetched([resource]))).toEqual(['network']);
    cache.write(resource.url, { ...(good as NonNullable<typeof good>), body: new Uint8Array(3) });
    expect(sources(await fetched([resource]))).toEqual(['network']);
    expect(cache.read(resource.url)?.body).toEqual(good?.body);
  });

  it('is all there is without a network, and must be there and current', async () => {
    const server = await started(servePcs(madeBodies(T, 18, { numbers: null })));
    const off = { offline: true };
    await expect(fetched(intel(server), off)).toRejectWith('COLLATERAL_MISSING');
    await fetched(intel(server));
    waiting.set(T + 29 * DAY);
    const asked = server.asked.length;
    const all = await fetched(intel(server), off);
    expect([all.length, new Set(sources(all))]).toEqual([4, new Set(['cache'])]);
    waiting.set(T + 30 * DAY);
    await expect(fetched(intel(server), off)).toRejectWith('COLLATERAL_STALE');
    expect(server.asked).toHaveLength(asked);
  });
});

describe('what is older than what was seen', () => {
  it('is refused: a statement with a lower number, one of before, and a list of before', async () => {
    const server = await started(servePcs(madeBodies(T + 5 * DAY, 19)));
    waiting.set(T + 6 * DAY);
    await fetched(intel(server));
    waiting.set(T + 8 * DAY);
    server.serve(madeBodies(T + 7 * DAY, 18));
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_ROLLED_BACK');
    server.serve(madeBodies(T, 19));
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_ROLLED_BACK');
    const old = madeBodies(T, 19);
    // What came beside an old statement was kept; now it is due.
    waiting.set(waiting.now() + DAY);
    server.serve(madeBodies(T + 7 * DAY, 19, { pckCrl: old.pckCrl }));
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_ROLLED_BACK');
    server.serve(madeBodies(T + 7 * DAY, 19));
    expect(await fetched(intel(server))).toHaveLength(5);
  });

  it('is refused from another server as well, and names both', async () => {
    const [vendor, mirror] = [
      await started(servePcs(madeBodies(T + DAY))),
      await started(servePcs(madeBodies(T), 'pccs')),
    ];
    await fetched(intel(vendor));
    const resources = intelResources(NEED, pcsAddresses(mirror.origin, null), 'standard');
    await expect(fetched(resources)).rejects.toThrow(
      new RegExp(
        `TCB info from ${mirror.origin}.* of 2026-03-01T00:00:00Z, number 18, and one of 2026-03-02T00:00:00Z, number 18 was seen before`,
      ),
    );
  });

  it('is not taken from the cache either, when something newer came by another way', async () => {
    const server = await started(servePcs(madeBodies(T)));
    await fetched(intel(server));
    const { items } = (await fetched(intel(await started(servePcs(madeBodies(T + DAY, 19))))))[0] as Fetched;
    await remember(memoryPath(folder), items);
    const off = { offline: true };
    await expect(fetched(intel(server).slice(0, 1), off)).toRejectWith('COLLATERAL_MISSING');
    await expect(fetched(intel(server).slice(0, 1))).toRejectWith('COLLATERAL_ROLLED_BACK');
  });

  it('is no statement of a number that was asked for, and none of the usual after the newest', async () => {
    const server = await started(servePcs(madeBodies(T, 20)));
    await fetched(intel(server, 'early'));
    server.serve(madeBodies(T, 18));
    expect(await fetched(intel(server).slice(0, 4))).toHaveLength(4);
    server.serve(madeBodies(T, 17));
    expect(await fetched(intel(server, 17).slice(0, 4))).toHaveLength(4);
    expect(await fetched(intel(server, 17).slice(0, 4))).toHaveLength(4);
  });

  it('is a list of numbers, although no verdict needs it', async () => {
    const server = await started(servePcs(madeBodies(T, 19)));
    await fetched(intel(server));
    waiting.set(T + 3 * DAY);
    const { numbers } = madeBodies(T + 2 * DAY, 18);
    server.serve(madeBodies(T + 2 * DAY, 19, { numbers }));
    await expect(fetched(intel(server))).toRejectWith('COLLATERAL_ROLLED_BACK');
  });

  it('is a list of AMD with a lower number', async () => {
    const server = await started(serveKds(madeKds('Milan', T, CHIP)));
    await fetched(amd(server));
    waiting.set(T + 9 * DAY);
    const issuer = 'ARK-Milan';
    server.next('crl', { body: crl({ issuer, from: T + DAY, to: T + 365 * DAY, number: 5 }) });
    await expect(fetched(amd(server))).toRejectWith('COLLATERAL_ROLLED_BACK');
    server.next('crl', { body: crl({ issuer, from: T + DAY, to: T + 365 * DAY, number: 7 }) });
    expect(await fetched(amd(server))).toHaveLength(3);
  });
});
