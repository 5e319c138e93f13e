/** A verdict for people, on recorded evidence of TDX, SGX and SEV-SNP: what is said, and in which words. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderClaims, renderVerdict } from '../../host/cli/report.ts';
import { malformedVerdict, type Verdict } from '../../verifier/index.ts';
import { assay } from '../support/cli.ts';
import { CORPUS, missing } from '../support/corpus.ts';

const recorded = (file: string): string => join(CORPUS as string, file);

async function report(
  file: string,
  at: string,
  ...collateral: readonly string[]
): Promise<readonly string[]> {
  const beside = collateral.flatMap((folder) => ['--collateral', recorded(folder)]);
  const { out } = await assay(['verify', recorded(file), '--at', at, ...beside]);
  return out.split('\n').map((line) => line.trimEnd());
}

describe.runIf(CORPUS !== null)('a verdict on recorded evidence', () => {
  it('says by how much a platform is out of date, since when, and what would close which advisories', async () => {
    const lines = await report(
      'tdx/quotes/tdx_v4_00806f_gce_outofdate.bin',
      '2025-02-14T00:00:00Z',
      'tdx/collateral/dcaprs-00806f-2025-02',
    );
    expect(lines).toEqual([
      'AUTHENTIC  genuine, but not appraised: give --trust to say what is acceptable',
      '  platform          tdx',
      '  judged            archive, at 2025-02-14T00:00:00Z',
      '  valid until       2025-03-15T03:39:00Z',
      '  TCB               OutOfDate, of 2023-08-09, evaluation 17',
      '  advisories        INTEL-SA-00960, INTEL-SA-00982, INTEL-SA-00986',
      '  short             sgx[0] (BIOS: Early Microcode Update) is 6, needs 7: 1 short',
      '  short             sgx[1] (OS/VMM: SGX Late Microcode Update) is 6, needs 7: 1 short',
      '  closes            INTEL-SA-00960, INTEL-SA-00982, INTEL-SA-00986',
      '  out of date       since 2024-03-13',
      '  mrtd              935be7742dd89c6a4df6dba8353d89041ae0f052beef993b1e7f4524d3bc57650df20e5582158352e1240b3f1fed55d8',
      '  FMSPC             00806f050000',
      '  PPID              85d50af2ad61799ebce974b7b0978b46',
      '  instance          636025db476bf6ba974793ccec6e4e75',
      '  configuration     dynamic_platform, smt_enabled; not cached_keys',
      '  root              Intel SGX Root CA',
      '  checks            25 of 25 passed',
      '  not performed     appraisal',
      '  evidence          sha256 d7dbcb124e9a734b2dc5bf32c731cd80597c5ca20602e697a6a10c3d17b30009',
      '',
    ]);
  });

  it('says what newer collateral makes of the platform, and who else may move the guest', async () => {
    const lines = await report(
      'tdx/quotes/tdx_v5_90c06f_alibaba_servicetd.bin',
      '2025-06-20T12:00:00Z',
      'tdx/collateral/automata-90c06f-2025-06',
      'tdx/collateral/phala-90c06f-2026-02',
    );
    const advisories = 'INTEL-SA-01036, INTEL-SA-01079, INTEL-SA-01099, INTEL-SA-01103, INTEL-SA-01111';
    expect(lines.slice(4, 7)).toEqual([
      '  TCB               UpToDate, of 2024-03-13, evaluation 17',
      '  advisories        none',
      `  forecast          with evaluation 18: OutOfDate (${advisories})`,
    ]);
    expect(lines.filter((line) => /^ {2}(rtmr\d|service TD) /.test(line))).toEqual([
      '  rtmr0             cdf337cef3d59099c809ca0dd38c7ba70d026b8680726e394268ad97c9d620bbd805b3148bf10034a4d205f3fd1d6723',
      '  rtmr1             149796dc1c439aca2250b2c731722ffb220504cf0b38eeda05e675aae0dfb536fb9c73c64cd3bd98aae4b2e876541a15',
      '  rtmr2             f5902739f8e3f2adef35391d7a3c8237da62ab25c75857953d547ad249270d76c1be21bf6a8aec2a22852e972c537c7f',
      '  service TD        383c87d3bbb047b2d171eaca95312ede99f258088dc788f6ae2ccf8b6dd848fe8d47629e08b3f6cbd4a00dd47a5a033d',
    ]);
  });

  it('says that no level fits, and that the host can read the memory', async () => {
    const unsupported = await report(
      'tdx/quotes/tdx_v4_b0c06f_tappd.bin',
      '2025-06-20T12:00:00Z',
      'tdx/collateral/phala-b0c06f-2025-06',
    );
    expect(unsupported.slice(4, 7)).toEqual([
      '  TCB               TcbNotSupported, of no date, evaluation 17',
      '  advisories        none',
      '  short             sgx[7] (OS/VMM: SEAMLDR ACM) is 3, needs 5: 2 short',
    ]);
    const debug = await report(
      'tdx/quotes/tdx_v4_50806f_DEBUG.bin',
      '2023-07-01T01:00:00Z',
      'tdx/collateral/go-50806f-2023-06',
    );
    expect(debug).toContain('  debug             ON: the host reads the memory');
  });

  it('says which enclave it is', async () => {
    const lines = await report(
      'tdx/quotes/sgx_v3_00606a_automata.bin',
      '2025-08-16T00:00:00Z',
      'tdx/collateral/automata-00606a-2025-08',
    );
    expect(lines.slice(1, 14)).toEqual([
      '  platform          sgx',
      '  judged            archive, at 2025-08-16T00:00:00Z',
      '  valid until       2025-09-14T04:36:46Z',
      '  TCB               SWHardeningNeeded, of 2024-03-13, evaluation 17',
      '  advisories        INTEL-SA-00615',
      '  mrenclave         a4f45c39dac622cb1dd32ddb35a52ec92db41d0fa88a1c911c49e59c534f61cd',
      '  mrsigner          8f2dbc0f9c5d3378d596974b2deed1f93223cc49242899f83809bcc92546132c',
      '  product           0, version 0',
      '  FMSPC             00606a000000',
      '  PPID              186950b6d8d014d89f0c144d1d90ebad',
      '  instance          7f96822f9d6421e505d4f256f65c5338',
      '  configuration     dynamic_platform; not cached_keys, smt_enabled',
      '  root              Intel SGX Root CA',
    ]);
  });

  it('warns of reports of a Milan, by the key of the chip', async () => {
    const lines = await report(
      'snp/v3-milan-caci/report.bin',
      '2026-03-01T00:00:00Z',
      'snp/v3-milan-caci',
      'snp/roots',
    );
    expect(lines.slice(1, 17)).toEqual([
      '  platform          snp',
      '  judged            archive, at 2026-03-01T00:00:00Z',
      '  valid until       2033-02-05T01:04:33Z',
      '  processor         Milan-B0, report version 3',
      '  signer            VCEK, until 2033-02-05T01:04:33Z',
      '  WARNING           software can extract the root seed of the VCEKs of a Milan, so reports of an affected chip can be forged at any versions (arXiv:2605.12990)',
      '  TCB reported      bootloader 4, tee 0, snp 24, microcode 219',
      '  firmware          1.55.29',
      '  measurement       5feee30d6d7e1a29f403d70a4198237ddfb13051a2d6976439487c609388ed7f98189887920ab2fa0096903a0c23fca1',
      '  host data         4f4448c67f3c8dfc8de8a5e37125d807dadcc41f06cf23f615dbd52eec777d10',
      '  ID key            0ad79ceb0b648b0e6a90d8aa9f6ea24c33a968b6632085353145e8b19a4741a2dab9ba342e13be4fc0d225e889cc1a58',
      '  guest             VMPL 0, version 2, ABI 0.31, policy smt',
      '  platform          smt, ecc, alias_check; not tsme, rapl_disabled, ciphertext_hiding, iommu_write_safe, tio',
      '  chip              4ffb5cb4fd594f3fee6528fc3fb10370bb38abe89dcd5ba2cf0ab6a11df2ca282add516bef45a890a8c9f9732bdca68f9f3f16c42e846030a800295dbeb19ba5',
      '  root              ARK-Milan',
      '  checks            16 of 17 passed',
    ]);
  });

  it('names the provider of a shared key, and versions that are not the reported ones', async () => {
    const lines = await report(
      'snp/v3-milan-aws-vlek/report.bin',
      '2025-06-01T00:00:00Z',
      'snp/v3-milan-aws-vlek',
      'snp/roots',
    );
    expect(lines.slice(4, 12)).toEqual([
      '  processor         Milan, report version 3',
      '  signer            VLEK of CN=cc-us-east-2.amazonaws.com, until 2025-12-10T22:14:21Z',
      '  TCB reported      bootloader 4, tee 0, snp 24, microcode 217',
      '  TCB launch        bootloader 4, tee 0, snp 24, microcode 219',
      '  TCB committed     bootloader 4, tee 0, snp 24, microcode 219',
      '  TCB current       bootloader 4, tee 0, snp 24, microcode 220',
      '  firmware          1.55.29',
      '  measurement       8922ebbdd00ec2c541f36a6e7a82a8773a7accb451ed67bc94e740dbe92c93c4e8c9af857f5ceeb5a493df2a570d7bf0',
    ]);
  });

  it('judges what configfs-tsm handed out with the certificates beside it', async () => {
    const at = '2025-05-20T18:31:36Z';
    const lines = await report('snp/v3-genoa-configfs-tsm/tsm-report.json', at, 'snp/crl');
    expect(lines.slice(0, 6)).toEqual([
      'AUTHENTIC  genuine, but not appraised: give --trust to say what is acceptable',
      '  platform          snp',
      '  judged            archive, at 2025-05-20T18:31:36Z',
      '  valid until       2025-11-03T01:00:00Z',
      '  processor         Genoa, report version 3',
      '  signer            VCEK, until 2032-04-20T18:31:36Z',
    ]);
    expect(lines).toContain(
      "  revocation        AMD's list of 2024-10-23T04:36:24Z, until 2025-11-03T01:00:00Z",
    );
  });
});
if (CORPUS === null) it.skip(missing('tdx and snp in verdicts for people', 7), () => {});

describe('a verdict for people', () => {
  const BARE: Verdict = malformedVerdict('USAGE', null, 'live');
  const text = (changes: Partial<Verdict>): string =>
    renderVerdict({ ...BARE, ...changes }, { colour: false });

  it('has all claims of a platform without a rendering of its own, and none of what is not authentic', () => {
    expect(text({ platform: 'nitro', claims: { version: 1, x: 'y' } })).toContain('  x                 y\n');
    expect(text({ platform: 'tdx' })).toBe(
      'REJECTED  USAGE\n  platform          tdx\n  checks            0 of 0 passed\n',
    );
  });

  it('says of SEV-SNP what falls short of the trust policy', () => {
    const tcb_short = [
      { tcb: 'launch', part: 'microcode', has: 84, needs: 219 },
      { tcb: 'reported', part: 'fmc', has: -1, needs: 1 },
    ];
    const out = text({ platform: 'snp', claims: { version: 5, tcb_short } });
    expect(out).toContain('  short             launch: microcode is 84, needs 219: 135 short\n');
    expect(out).toContain('  short             reported: no fmc, needs 1\n');
  });

  it('says that a guest may be debugged, and when what runs is not what was launched', () => {
    const guest_policy = { abi: '1.55', smt: true, migration_agent: true, debug: true };
    expect(text({ platform: 'snp', claims: { version: 3, vmpl: 1, guest_svn: 0, guest_policy } })).toContain(
      '  guest             DEBUG ON: the host reads the memory; VMPL 1, ABI 1.55, policy smt, migration_agent\n',
    );
    const [launch, current] = [{ tcb_status: 'OutOfDate' }, { tcb_status: 'UpToDate' }];
    const claims = { version: 4, tcb_status: 'TDRelaunchAdvised', tcb_date: null, launch, current };
    expect(text({ platform: 'tdx', claims: { ...claims, tcb_evaluation_data_number: 17 } })).toContain(
      '  TCB               TDRelaunchAdvised, of no date, evaluation 17; launched as OutOfDate, runs as UpToDate\n',
    );
  });

  it('shows claims that are not of the platform, and lets none of them move the cursor', () => {
    const identity = { origin: 'sim.\u001b[2Jx' };
    const out = text({
      platform: 'snp',
      claims: { version: 3, identity, ek_csp_id: 'a\u202eb\n  signer  VCEK' },
    });
    expect(out).toContain('  identity.origin   sim.\\u{1b}[2Jx\n');
    expect(out).toContain(' of a\\u{202e}b\\u{a}  signer  VCEK');
    expect(/[^\n -~]/.test(out)).toBe(false);
  });

  it('says bits and versions in one line, and registers one by one', () => {
    expect(
      renderClaims({
        bits: { smt: true, tsme: false, keys: null },
        none: { a: false, b: false },
        tcb: { raw: '0a17', snp: 23 },
        mixed: { abi: 31, smt: true },
        long: ['00'.repeat(48), 'ab'.repeat(48)],
        words: ['a', 'b'],
        open: { a: null, b: null },
      }),
    ).toEqual([
      '  bits              smt; not tsme; not stated keys',
      '  none              none; not a, b',
      '  tcb               raw 0a17, snp 23',
      '  mixed             abi 31; smt',
      `  long[1]           ${'ab'.repeat(48)}`,
      '  words             ["a","b"]',
    ]);
  });
});
