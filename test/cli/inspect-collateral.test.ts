/** `assay inspect` of collateral: what vendors say, as tables; and nothing of it can move a cursor. */
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { recogniseCollateral, writeBundle } from '../../src/collateral/index.ts';
import { certificate, extension, extensions, name } from '../support/certificates.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { authority, crl, DAY, evaluationNumbers, qeIdentity, tcbInfo } from '../support/made-collateral.ts';

const inspect = (stdin: Uint8Array | string, ...args: string[]): Promise<CliResult> =>
  assay(['inspect', '-', ...args], { stdin });
const ISSUED = Date.UTC(2026, 10, 1);
const items = (content: Uint8Array | string): ReturnType<typeof recogniseCollateral> =>
  recogniseCollateral({ name: 'x', bytes: typeof content === 'string' ? utf8(content) : content });

describe('inspect', () => {
  const list = crl({ issuer: 'Some CA', from: ISSUED, to: ISSUED + DAY, number: 7, revoked: [3, 300] });

  it('shows a revocation list, in DER and in PEM', async () => {
    const shown = await inspect(list, '--json');
    expect(shown.json()).toMatchObject({
      verified: false,
      kind: 'crl',
      issuer: 'Some CA',
      this_update: '2026-11-01T00:00:00Z',
      next_update: '2026-11-02T00:00:00Z',
      number: '0x7',
      revoked_count: 2,
      revoked: [{ serial: '03' }, { serial: '012c' }],
    });
    expect((await inspect(formatPem('X509 CRL', list), '--json')).out).toBe(shown.out);
  });

  it('shows the first certificates that are revoked, and counts the others', async () => {
    const revoked = Array.from({ length: 18 }, (_, i) => i + 1);
    const long = crl({ issuer: 'Some CA', from: ISSUED, to: ISSUED + DAY, revoked });
    const { out } = await inspect(long);
    expect(out).toMatch(/^ {2}revoked_count {5}18$/m);
    expect(out).toMatch(/^ {4}10 /m);
    expect(out).not.toMatch(/^ {4}11 /m);
    expect(out).toMatch(/^ {4}and 2 more; --json lists them all$/m);
    expect((await inspect(long, '--json')).json()['revoked']).toHaveLength(18);
  });

  it('lists what a bundle has, with when each ends', async () => {
    const bundle = writeBundle(
      [
        tcbInfo('tdx', '00806f050000', { issued: ISSUED, number: 19 }),
        qeIdentity('tdx', { issued: ISSUED, ends: ISSUED + DAY }),
        evaluationNumbers('tdx', [18, 19], ISSUED),
        list,
        authority('Intel SGX Root CA'),
      ].flatMap(items),
    );
    const { out } = await inspect(bundle);
    const rows = out.split('\n').map((line) => line.replace(/ {2,}/g, '|'));
    expect(rows.slice(1, 3)).toEqual([
      '|kind|of|from|until',
      expect.stringMatching(/^\|certificate\|Intel SGX Root CA\|/),
    ]);
    expect(rows).toContain('|crl|Some CA: 2 revoked|2026-11-01T00:00:00Z|2026-11-02T00:00:00Z');
    expect(rows).toContain('|qe-identity|TD_QE, evaluation 18|2026-11-01T00:00:00Z|2026-11-02T00:00:00Z');
    expect(rows).toContain(
      '|tcb-info|TDX 00806f050000, evaluation 19|2026-11-01T00:00:00Z|2026-12-01T00:00:00Z',
    );
    expect(rows).toContain('|tcb-evaluation-numbers|TDX|2026-11-01T00:00:00Z|2026-12-01T00:00:00Z');
    const json = (await inspect(bundle, '--json')).json();
    expect(json).toMatchObject({ verified: false, valid_until: '2026-11-02T00:00:00Z' });
    expect(json['items']).toHaveLength(5);
  });

  it('lists the others beside a certificate that is broken in what a vendor wrote', async () => {
    const sgx = extension('1.2.840.113741.1.13.1', false, Uint8Array.of(5, 0));
    const pem = formatPem('CERTIFICATE', certificate({ subject: name('a PCK'), rest: extensions(sgx) }));
    const shown = await inspect(`${pem}${formatPem('X509 CRL', list)}`);
    expect(shown.out).toMatch(/^ {4}certificate {2}a PCK: DER_TYPE +/m);
    expect(shown.out).toMatch(/^ {4}crl {10}Some CA: 2 revoked /m);
    expect((await inspect(pem)).err).toMatch(/^assay: DER_TYPE: /);
  });

  it('says what is broken, and takes none of it for evidence', async () => {
    expect((await inspect(list.subarray(0, 60))).err).toMatch(/^assay: DER_/);
    expect((await inspect('{"tcbInfo":{},"signature":"00"}')).err).toMatch(/^assay: COLLATERAL_INVALID: /);
    expect((await inspect('{"type":"assay/collateral/v1"}')).err).toMatch(/^assay: BUNDLE_INVALID: /);
    for (const content of [
      list,
      formatPem('X509 CRL', list),
      tcbInfo('sgx', '00906ed50000', { issued: ISSUED }),
    ])
      expect((await assay(['verify', '-'], { stdin: content })).err).toMatch(/^assay: USAGE: .*no evidence/);
    // In base64 it is no file that --collateral would read, and nothing here reads it either.
    expect((await inspect(toBase64(list))).err).toMatch(/^assay: PLATFORM_UNKNOWN: /);
  });

  it('lets no name in it move the cursor', async () => {
    const evil = tcbInfo('tdx', '00806f050000', { issued: ISSUED }).replace(
      '"tcbLevels"',
      `"tdxModuleIdentities":${JSON.stringify([
        {
          id: '\u001b[2J\n  module',
          mrsigner: '00'.repeat(48),
          attributes: '00'.repeat(8),
          attributesMask: '00'.repeat(8),
          tcbLevels: [
            {
              tcb: { isvsvn: 1 },
              tcbDate: '2024-01-01T00:00:00Z',
              tcbStatus: 'UpToDate',
              advisoryIDs: ['\u202e'],
            },
          ],
        },
      ])},"tcbLevels"`,
    );
    const { status, out } = await inspect(evil);
    expect([status, /[^\n -~]/.test(out)]).toEqual([0, false]);
    expect(out).toContain('\\u{1b}[2J\\u{a}  MODULE');
    const named = await inspect(crl({ issuer: '\u001b[2Jx', from: ISSUED, to: ISSUED + DAY }));
    expect([named.status, /[^\n -~]/.test(named.out)]).toEqual([0, false]);
  });
});

describe.runIf(CORPUS !== null)('inspect recorded collateral', () => {
  const text = async (file: string): Promise<readonly string[]> =>
    (await assay(['inspect', join(CORPUS as string, file)])).out.split('\n').slice(1);

  it('has the levels of a TCB info as a table, and what its columns are', async () => {
    const lines = await text('tdx/collateral/ars-90c06f-2026-03/tcb_info.json');
    const advisories = 'INTEL-SA-01036 INTEL-SA-01079 INTEL-SA-01099 INTEL-SA-01103 INTEL-SA-01111';
    expect(lines.slice(0, 14)).toEqual([
      '  kind              tcb-info',
      '  sha256            c5e1117ebb1e16d5ce86e6fc248dfd05046d5cb5f02a6abef3b79f6ce2b9feff',
      '  size              4268',
      '  issue_date        2026-03-16T22:06:09Z',
      '  next_update       2026-04-15T22:06:09Z',
      '  tee               tdx',
      '  version           3',
      '  fmspc             90c06f000000',
      '  pce_id            0000',
      '  tcb_evaluation_data_number 18',
      '  tdx_module.attributes_mask ffffffffffffffff',
      '  levels of the platform, as served:',
      '    status     TCB date    SGX components                   PCE  TDX components                   advisories',
      '    UpToDate   2024-11-13  3 3 2 2 4 1 0 5 0 0 0 0 0 0 0 0  13   5 0 3 0 0 0 0 0 0 0 0 0 0 0 0 0',
    ]);
    expect(lines[14]).toBe(
      `    OutOfDate  2024-03-13  2 2 2 2 3 1 0 5 0 0 0 0 0 0 0 0  13   5 0 2 0 0 0 0 0 0 0 0 0 0 0 0 0  ${advisories}`,
    );
    expect(lines).toContain('  sgx[7]            OS/VMM: SEAMLDR ACM');
    const module = lines.indexOf('  module TDX_01:');
    expect(lines.slice(module + 4, module + 8)).toEqual([
      '    ISVSVN  status     TCB date    advisories',
      '    6       UpToDate   2024-11-13',
      '    4       OutOfDate  2024-03-13  INTEL-SA-01036 INTEL-SA-01099',
      '    2       OutOfDate  2023-08-09  INTEL-SA-01036 INTEL-SA-01099',
    ]);
  });

  it('shows the other statements', async () => {
    const identity = await text('tdx/collateral/phala-90c06f-2026-02/qe_identity.json');
    expect(identity).toContain('  id                TD_QE');
    expect(identity).toContain('    4       UpToDate  2024-11-13');
    const numbers = await text('tdx/tcbeval/tdx_tcb_evaluation_2025-10.json');
    expect(numbers.slice(7, 9)).toEqual([
      '    number  TCB date    recovery event',
      '    20      2025-08-13  2025-08-12',
    ]);
  });

  it('shows lists of both vendors, and bundles of others', async () => {
    const amd = await text('snp/crl/genoa-vcek.crl.pem');
    expect(amd).toContain('  issuer            ARK-Genoa');
    expect(amd).toContain('    020001   2022-10-31T12:00:00Z');
    const intel = await text('tdx/collateral/phala-90c06f-2026-02/pck_crl.der');
    expect(intel).toContain('    and 41 more; --json lists them all');
    const bundle = await text('tdx/bundles/phala_tdx_quote_collateral.json');
    expect(bundle[1]).toBe(
      '    tcb-info     TDX b0c06f000000, evaluation 17        2025-06-19T10:16:03Z  2025-07-19T10:16:03Z',
    );
    expect(bundle.at(-2)).toBe('  valid_until       2025-07-19T10:00:35Z');
  });
});
if (CORPUS === null) it.skip(missing('collateral for inspect', 3), () => {});
