/** `assay trust init --from` and from services on TDX: only proven evidence is believed, and only with that word. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type CommandLine, readCommandLine } from '../../host/cli/options.ts';
import { policyFromService } from '../../host/cli/trust-evidence.ts';
import { GUEST_OPTIONS } from '../../host/cli/trust-guest.ts';
import { TRUST_OPTIONS } from '../../host/cli/trust-options.ts';
import type { AmdFault } from '../../host/simulator/amd/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import { bind, DOMAINS } from '../../src/statement/index.ts';
import type { TrustPolicy } from '../../verifier/index.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { CORPUS, manifest, missing } from '../support/corpus.ts';
import { scratch } from '../support/images.ts';
import { PKI_TIME } from '../support/nitro-pki.ts';
import { CHALLENGE, makeService, sessionOf } from '../support/nitro-service.ts';
import { REPORT_DATA, simulatedAmd } from '../support/simulated-amd.ts';
import { enclaveQuote, INTEL_TIME, MRTD, simulatedIntel, tdQuote } from '../support/simulated-intel.ts';

const { folder, file } = scratch('trust-evidence');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const words = (text: string): readonly string[] => text.split(' ');
const LEVELS = '--min-evaluation-number any --min-tcb-date 2024-03-13 --grace-days none';
const INTEL = words(`--any-service --any-hardware --any platform ${LEVELS}`);
const SNP = words('--any-service --any id_key');
const ZERO = '00'.repeat(48);

const init = (...args: readonly string[]): Promise<CliResult> =>
  assay(['trust', 'init', ...args], { now: INTEL_TIME });
const learn = (path: string, ...args: readonly string[]): Promise<CliResult> =>
  init('--from', path, '--trust-on-first-use', ...args);

/** What a vendor publishes as files of a folder, and its root by name: the options that make its evidence genuine. */
function genuine(
  name: string,
  vendor: { readonly rootName: string; readonly rootSpkiSha256: Uint8Array },
  files: ReadonlyMap<string, Uint8Array>,
): readonly string[] {
  mkdirSync(join(folder, name), { recursive: true });
  for (const [entry, bytes] of files) file(`${name}/${entry}`, bytes);
  return [
    '--collateral',
    join(folder, name),
    '--simulated-root',
    `${vendor.rootName}=${toHex(vendor.rootSpkiSha256)}`,
  ];
}

describe('trust init from evidence', () => {
  let tdx: readonly string[];
  let quote: string;
  beforeAll(async () => {
    const vendor = await simulatedIntel();
    tdx = genuine('tdx', vendor, vendor.collateral('tdx'));
    quote = file('td.quote', tdQuote(vendor));
  });

  it('believes a proven quote of a TD, says so, and accepts that quote from then on', async () => {
    const policy = join(folder, 'learnt.json');
    const made = await learn(quote, ...tdx, ...INTEL, ...words('--challenge any --max-age any -o'), policy);
    expect([made.status, made.err]).toEqual([
      0,
      'assay: this policy believes what the evidence said of itself; every verdict will say trust-on-first-use\n',
    ]);
    const any = [expect.any(String)];
    const shown = (await assay(['trust', 'show', policy, '--json'])).json();
    expect(shown).toMatchObject({
      provenance: 'trust-on-first-use',
      hardware: { ids: 'any' },
      platforms: {
        tdx: {
          mrtd: [toHex(MRTD)],
          owner: { mrconfigid: [ZERO], mrowner: [ZERO], mrownerconfig: [ZERO] },
          tcb: { statuses: ['UpToDate'], advisories: 'none' },
        },
      },
      simulated: { roots: [{ platform: 'tdx' }] },
    });
    // RTMR3 grows while the TD runs.
    expect((shown['platforms'] as { tdx: { rtmrs: object } }).tdx.rtmrs).toEqual({
      '0': any,
      '1': any,
      '2': any,
    });
    const verify = ['verify', quote, ...tdx.slice(0, 2), '--trust', policy, '--json'];
    const judged = (await assay(verify, { now: INTEL_TIME })).json();
    expect(judged).toMatchObject({ verdict: 'trusted', code: null });
    expect(judged['waived']).toContain('trust-on-first-use');
  });

  it('believes enclaves', async () => {
    const vendor = await simulatedIntel();
    const sgx = genuine('sgx', vendor, vendor.collateral('sgx'));
    const made = await learn(file('enclave.quote', enclaveQuote(vendor)), ...sgx, ...INTEL);
    expect(made.json()['platforms']).toMatchObject({
      sgx: { mrenclave: ['01'.repeat(32)], mrsigner: ['02'.repeat(32)], isv_prod_id: [3], min_isv_svn: 4 },
    });
  });

  it('believes guests of SEV-SNP, by the key of the chip or of the provider', async () => {
    const { vendor, guest } = await simulatedAmd([], { product: 'Turin' });
    const chip = genuine('vcek', vendor, vendor.collateral('vcek'));
    const report = file('report.bin', guest.report(REPORT_DATA));
    expect((await learn(report, ...chip, ...SNP, '--pin-hardware')).json()).toMatchObject({
      hardware: { ids: { chip_id: [expect.stringMatching(/^[0-9a-f]{16}$/)] } },
      platforms: {
        snp: {
          measurement: ['b0'.repeat(48)],
          vmpl: [0],
          tcb: { minimum: { Turin: { fmc: expect.any(Number), microcode: expect.any(Number) } } },
          host_data: ['00'.repeat(32)],
        },
      },
    });
    const provider = genuine('vlek', vendor, vendor.collateral('vlek'));
    const shared = file('shared.bin', guest.report(REPORT_DATA, { signer: 'vlek' }));
    expect((await learn(shared, ...provider, ...SNP, '--pin-hardware')).json()).toMatchObject({
      hardware: { ids: { csp_id: [expect.any(String)] } },
    });
  });

  it('pins the machine that the certificate names', async () => {
    const pinned = INTEL.map((word) => (word === '--any-hardware' ? '--pin-hardware' : word));
    expect((await learn(quote, ...tdx, ...pinned)).json()['hardware']).toEqual({
      ids: { platform_instance: [expect.stringMatching(/^[0-9a-f]{32}$/)] },
    });
    expect((await learn(quote, ...tdx, ...INTEL, '--pin-hardware')).err).toContain('exclude each other');
  });

  it('believes nothing that is not proven, or that its own policy would refuse', async () => {
    const forged = tdQuote(await simulatedIntel());
    forged[400] = (forged[400] as number) ^ 1;
    const [collateral, root] = [tdx.slice(0, 2), tdx.slice(2)];
    const cases: readonly (readonly [code: string, status: number, path: string, args: readonly string[]])[] =
      [
        ['COLLATERAL_MISSING', 4, quote, root],
        ['CHAIN_ROOT_UNTRUSTED', 1, quote, collateral],
        ['QUOTE_SIGNATURE_INVALID', 1, file('forged', forged), tdx],
        ['TCB_EVALUATION_TOO_OLD', 1, quote, [...tdx, '--min-evaluation-number', '9999']],
        ['CHAIN_EXPIRED', 1, quote, [...tdx, '--at', '2099-01-01T00:00:00Z']],
        ['PLATFORM_UNKNOWN', 2, quote, [...tdx, '--platform', 'sgx']],
        ['PLATFORM_UNKNOWN', 2, file('nothing', 'abcd'), root],
        ['USAGE', 2, quote, ['--collateral', quote, ...root]],
        ['USAGE', 2, join(folder, 'tdx', 'tcb_info.json'), root],
      ];
    for (const [code, status, path, args] of cases) {
      const result = await learn(path, ...INTEL, ...args);
      expect([args, result.status, result.err.split(':')[1], result.out]).toEqual([
        args,
        status,
        ` ${code}`,
        '',
      ]);
    }
    const silent = await init('--from', quote, ...tdx, ...INTEL);
    expect([silent.status, silent.err]).toEqual([2, expect.stringContaining('does not say what is right')]);
  });

  it.each([
    ['debug', 'TDX_DEBUG_MODE'],
    ['out-of-date', 'TDX_TCB_OUT_OF_DATE'],
    ['migratable', 'TDX_ATTRIBUTES_REFUSED'],
    ['service-td', 'TDX_SERVICE_TD_BOUND'],
    ['revoked', 'CERTIFICATE_REVOKED'],
  ])('refuses a TD with the fault %s', async (fault, code) => {
    const vendor = await simulatedIntel([fault]);
    const own = genuine(fault, vendor, vendor.collateral('tdx'));
    const result = await learn(file('faulty', tdQuote(vendor)), ...INTEL, ...own);
    expect([result.out, result.err.split(':')[1]]).toEqual(['', ` ${code}`]);
  });

  it.each<readonly [AmdFault, string]>([
    ['debug', 'SNP_DEBUG_ALLOWED'],
    ['migration-agent', 'SNP_MIGRATION_AGENT'],
  ])('refuses a guest of SEV-SNP with the fault %s', async (fault, code) => {
    const { vendor, guest } = await simulatedAmd([fault]);
    const own = genuine(`amd-${fault}`, vendor, vendor.collateral('vcek'));
    const result = await learn(file('faulty', guest.report(REPORT_DATA)), ...SNP, '--any-hardware', ...own);
    expect([result.out, result.err.split(':')[1]]).toEqual(['', ` ${code}`]);
  });
});

describe('trust init from a service', () => {
  const said = (args: readonly string[]): CommandLine => {
    const many = { type: 'string', multiple: true } as const;
    return readCommandLine(
      'trust init',
      args,
      { ...TRUST_OPTIONS, ...GUEST_OPTIONS, collateral: many },
      [0, 0],
    );
  };

  it('believes its name and its measurements, when its session ends in the TD that the quote is of', async () => {
    const vendor = await simulatedIntel();
    const service = await makeService({ identity: { platform: 'tdx', challengeRoot: null } });
    const { identity, attestation: made, sessionKey } = service;
    const evidence = vendor.launchTd({ mrtd: MRTD }).quote(bind(nodeCrypto, DOMAINS.identity, made.identity));
    const attestation = { ...made, platform: 'tdx', evidence, challenge: null };
    const endpoint = { attestation, ...sessionOf(identity, attestation, sessionKey) };
    const own = genuine('service', vendor, vendor.collateral('tdx'));
    const guest = [...INTEL.slice(1), '--max-age', 'any', '--challenge', 'session'];
    const policyOf = async (args: readonly string[], from = endpoint): Promise<TrustPolicy> =>
      policyFromService(from, CHALLENGE, INTEL_TIME, said(args));
    expect(await policyOf([...guest, ...own])).toMatchObject({
      provenance: 'trust-on-first-use',
      service: { origin: 'sim.example.org/log', config_digest: toHex(identity.configDigest) },
      platforms: { tdx: { mrtd: [toHex(MRTD)] } },
      simulated: { roots: [{ platform: 'tdx' }] },
    });
    await expect(policyOf([...guest, ...own.slice(2)])).toRejectWith('COLLATERAL_MISSING');
    // A quote has no clock: only a challenge in it proves an age.
    await expect(policyOf([...guest, ...own, '--max-age', '300'])).toRejectWith('CHALLENGE_MISSING');
    const other = { ...endpoint, exporter: new Uint8Array(32) };
    await expect(policyOf([...guest, ...own], other)).toRejectWith('SESSION_MISMATCH');
  });

  it('takes no words of TDX for a service on Nitro', async () => {
    const { attestation, session } = await makeService();
    const policyOf = async (args: readonly string[]): Promise<TrustPolicy> =>
      policyFromService({ attestation, ...session }, CHALLENGE, PKI_TIME, said(args));
    await expect(policyOf(['--min-tcb-date', 'any'])).toRejectWith('USAGE');
    expect(await policyOf([])).toMatchObject({ platforms: { nitro: { debug: 'reject' } } });
  });
});

describe.runIf(CORPUS !== null)('trust init from recorded evidence', () => {
  const learnAt = (path: string, at: string, ...args: readonly string[]): Promise<CliResult> =>
    learn(join(CORPUS as string, path), '--at', at, '--any-service', ...args);

  it('pins a TD with its machine', async () => {
    const from = join(CORPUS as string, 'tdx/collateral/phala-90c06f-2026-02');
    const said = [...words(`${LEVELS} --pin-hardware --any platform --collateral`), from];
    const made = await learnAt('tdx/quotes/tdx_v5_90c06f_go.bin', '2026-02-19T12:00:00Z', ...said);
    expect(made.json()).toMatchObject({
      hardware: { ids: { platform_instance: ['056d0350250988808a9d09103f3e54d5'] } },
      platforms: {
        tdx: {
          mrtd: [
            '7348651a34b2d2d3462822e3a750ec6110125f36757c78480bbfc69cc0d21fb001a1ced3ee19747dda8f750c3bc8f876',
          ],
        },
      },
    });
  });

  it('takes the certificates beside a report of configfs-tsm', async () => {
    const path = 'snp/v3-genoa-configfs-tsm/tsm-report.json';
    const said = words('--pin-hardware --any id_key');
    const bare = await learnAt(path, '2025-05-20T18:31:36Z', ...said);
    expect([bare.status, bare.err]).toEqual([4, expect.stringContaining('the revocation list of ARK-Genoa')]);
    const made = await learnAt(path, '2025-05-20T18:31:36Z', ...said, '--any', 'revocation');
    expect(made.json()).toMatchObject({
      revocation: 'any',
      platforms: { snp: { tcb: { minimum: { Genoa: { bootloader: 10, tee: 0, snp: 23, microcode: 84 } } } } },
    });
  });

  it('takes a document of Nitro', async () => {
    const [path, at] = ['nitro/docs/turnkey-2025-09-16-a.cbor', '2025-09-16T21:25:49Z'];
    const made = (await learnAt(path, at)).json();
    expect(made).toMatchObject({ provenance: 'trust-on-first-use', hardware: { ids: 'any' } });
    const pinned = (await learnAt(path, at, '--pin-hardware')).json();
    expect(pinned['hardware']).toMatchObject({ ids: { pcr4: [expect.any(String)] } });
    expect((await learnAt(path, at, '--any', 'mrtd')).err).toContain('USAGE');
    const debug = 'docs/automata-2024-08-16-debug.cbor';
    const then = manifest('nitro').find((entry) => entry.file === debug)?.verify_at as string;
    expect((await learnAt(`nitro/${debug}`, then)).err).toContain('NITRO_DEBUG_MODE');
  });
});
if (CORPUS === null) it.skip(missing('evidence for trust policies', 3), () => {});
