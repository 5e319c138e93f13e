/** `assay inspect` of quotes and of what configfs-tsm hands out, in every form that people have them in. */
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { corpusBytes, corpusText, CORPUS, missing } from '../support/corpus.ts';
import { scratch } from '../support/images.ts';
import { leastQuote, quoteBytes } from '../support/intel.ts';
import { enclaveQuote, simulatedIntel, tdQuote } from '../support/simulated-intel.ts';
import { leastReport } from '../support/snp.ts';

const { folder, file } = scratch('inspect-quotes');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const inspect = (stdin: Uint8Array | string, ...args: string[]): Promise<CliResult> =>
  assay(['inspect', '-', ...args], { stdin });

describe('inspect', () => {
  it('shows quotes of a TD, raw, in hexadecimal and in base64', async () => {
    const quote = tdQuote(await simulatedIntel());
    const base64 = toBase64(quote);
    const [raw, ...others] = await Promise.all(
      [quote, toHex(quote), `0x${toHex(quote)}\n`, base64, base64.replace(/(.{76})/g, '$1\n')].map((form) =>
        inspect(form, '--json'),
      ),
    );
    for (const other of others) expect(other?.out).toBe(raw?.out);
    expect(raw?.json()).toMatchObject({
      verified: false,
      platform: 'tdx',
      version: 4,
      body_type: 2,
      type: 'td10',
      mrtd: 'd0'.repeat(48),
      rtmrs: [expect.any(String), expect.any(String), expect.any(String), expect.any(String)],
      flags: { debug: false, sept_ve_disable: true },
      reserved_attributes: '0x0',
      quoting_enclave: { type: 'sgx', flags: { debug: false } },
      certification: { kind: 'chain', certificates: 3 },
      certificates: [{ fmspc: expect.any(String), configuration: expect.any(Object) }, {}, {}],
    });
    expect(raw?.json()).not.toHaveProperty('mrservicetd');
  });

  it('shows quotes of an enclave, and what has no certificate', async () => {
    const shown = (await inspect(enclaveQuote(await simulatedIntel()), '--json')).json();
    expect(shown).toMatchObject({ platform: 'sgx', mrenclave: '01'.repeat(32), isvprodid: 3, isvsvn: 4 });
    const ppid = leastQuote({ version: 3, certificationType: 1, certification: new Uint8Array(36) });
    const bare = await inspect(ppid);
    expect(bare.out).toMatch(/^ {2}certification\.kind ppid$/m);
    expect(bare.out).toMatch(/^NOT VERIFIED/);
    expect((await inspect(leastQuote().subarray(0, 300))).status).toBe(2);
  });

  it('takes a report and its certificates out of a folder of configfs-tsm', async () => {
    const path = join(folder, 'report0');
    mkdirSync(path);
    expect((await assay(['inspect', path])).err).toContain('FILE_UNREADABLE: ');
    file('report0/outblob', leastReport());
    const alone = (await assay(['inspect', path, '--json'])).json();
    expect(alone).toMatchObject({ platform: 'snp', product: 'Turin' });
    expect(alone).not.toHaveProperty('collateral');
    file('report0/provider', 'sev_guest\n');
    file('report0/auxblob', new Uint8Array(24));
    expect((await assay(['inspect', path, '--json'])).json()).toMatchObject({
      platform: 'snp',
      collateral: { items: [], ignored: [{ name: join(path, 'auxblob'), code: null }] },
    });
    file('report0/outblob', '');
    expect((await assay(['inspect', path])).err).toContain('INPUT_UNRECOGNISED: ');
  });

  it('takes the same as JSON, in base64 of either alphabet', async () => {
    const report = leastReport();
    report.set([0xfb, 0xff, 0xfe], 0x50);
    const url = toBase64(report).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
    for (const outblob of [toBase64(report), url])
      expect(
        (await inspect(JSON.stringify({ provider: 'sev_guest\n', outblob }), '--json')).json(),
      ).toMatchObject({
        platform: 'snp',
        report_data: `fbfffe${'00'.repeat(61)}`,
      });
    const broken = { outblob: toBase64(report), auxblob: 'a certificate?' };
    for (const wrong of [{ outblob: '*' }, { outblob: '' }, { outblob: 7 }, { auxblob: '' }, broken, [url]])
      expect((await inspect(JSON.stringify(wrong))).err).toMatch(/^assay: INPUT_UNRECOGNISED: /);
  });

  it('takes evidence for evidence, whatever stands inside it', async () => {
    const pem = formatPem('CERTIFICATE', new Uint8Array(300));
    const quote = leastQuote({ certification: utf8(`${pem}`) });
    expect((await inspect(quote)).err).not.toContain('COLLATERAL');
    const table = new Uint8Array(4_000).fill(1);
    // The array of four that a COSE_Sign1 is, then an entry as tables of certificates begin with.
    table.set([0x84], 0);
    table.set(Buffer.from('63da758de6644564adc5f4b93be8accd', 'hex'), 24);
    expect((await inspect(table)).err).not.toContain('COLLATERAL');
  });
});

describe('whatever the input', () => {
  const bytes = fc.uint8Array({ maxLength: 600 });
  const json = fc.record({ type: fc.string(), outblob: fc.base64String(), auxblob: fc.base64String() });
  const any = fc.oneof(
    bytes,
    fc.string().map(utf8),
    bytes.map((random) => utf8(toBase64(random))),
    fc.oneof(json, fc.json()).map((value) => utf8(JSON.stringify(value))),
    fc.tuple(bytes, fc.nat(1_183)).map(([noise, at]) => {
      const report = leastReport();
      report.set(noise.subarray(0, 1_184 - at), at);
      return report;
    }),
    fc.tuple(bytes, fc.nat(600)).map(([noise, at]) => {
      const quote = leastQuote();
      quote.set(noise.subarray(0, quote.length - at), at);
      return quote;
    }),
  );

  it('is shown, or refused with a code, and moves no cursor', async () => {
    await fc.assert(
      fc.asyncProperty(any, async (input) => {
        const { status, out, err } = await inspect(input);
        // 1 is a report that nobody signed, 4 one of a processor that is not known: readable, and not shown.
        expect([0, 1, 2, 4]).toContain(status);
        expect(err).not.toContain('INTERNAL');
        expect(/[^\n -~]/.test(out + err)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });
});

describe.runIf(CORPUS !== null)('inspect recorded evidence', () => {
  it('says of a quote which platform it comes from', async () => {
    const { out } = await inspect(quoteBytes('quotes/tdx_v5_90c06f_go.bin'));
    const lines = out.split('\n');
    for (const line of [
      '  platform          tdx',
      '  version           5',
      '  type              td15',
      '  tee_tcb_svn       0b010400000000000000000000000000',
      '  tee_tcb_svn2      0d010400000000000000000000000000',
      '  tdattributes      0000001000000000',
      '  flags             sept_ve_disable; not debug, migratable, pks, key_locker, perfmon',
      '  rtmrs[2]          6369b9c9a3b791ebcbdc5a0bb9536cfb57f50df2b393b33c8b29616d3568baa61f4b59dc6092e31ea8764bcbdfc69f20',
      '  certificates[0].fmspc 90c06f000000',
      '  certificates[0].ppid 2734b654f553596897eaadfb5667a954',
      '  certificates[0].platform_instance_id 056d0350250988808a9d09103f3e54d5',
      '  certificates[0].configuration dynamic_platform, cached_keys, smt_enabled',
      '  certificates[0].components [4,4,2,2,4,1,0,5,0,0,0,0,0,0,0,0]',
    ])
      expect(lines).toContain(line);
    expect(out).not.toContain('rtmrs[3]');
  });

  it('shows what an agent wrote of configfs-tsm, and what came beside it', async () => {
    const text = corpusText('snp', 'v3-genoa-configfs-tsm/tsm-report.json');
    const { out } = await inspect(text);
    expect(out.slice(out.indexOf('  collateral')).split('\n')).toEqual([
      '  collateral beside it:',
      '    kind         of         from                  until',
      '    certificate  ARK-Genoa  2022-01-26T15:34:37Z  2047-01-26T15:34:37Z',
      '    certificate  SEV-Genoa  2022-10-31T13:33:48Z  2047-10-31T13:33:48Z',
      '    certificate  SEV-VCEK   2025-04-20T18:31:36Z  2032-04-20T18:31:36Z',
      '  valid_until       2032-04-20T18:31:36Z',
      '',
    ]);
    // The kernel's folder holds the same two as they are.
    const { outblob, auxblob } = JSON.parse(text) as { outblob: string; auxblob: string };
    const path = join(folder, 'recorded');
    mkdirSync(path);
    file('recorded/outblob', new Uint8Array(Buffer.from(outblob, 'base64url')));
    file('recorded/auxblob', new Uint8Array(Buffer.from(auxblob, 'base64url')));
    const from = (await assay(['inspect', path])).out;
    expect(from).toBe(out);
    const at = ['--at', '2025-05-20T18:31:36Z', '--json'];
    const judged = await Promise.all([
      assay(['verify', path, ...at]),
      assay(['verify', '-', ...at], { stdin: text }),
    ]);
    expect(judged.map((one) => one.json()['verdict'])).toEqual(['authentic', 'authentic']);
  });

  it('does not take for evidence what only has some in it', async () => {
    const report = corpusBytes('tdx', 'bundles/dstack_quote_report.json');
    expect((await inspect(report)).err).toContain('INPUT_UNRECOGNISED: ');
  });
});
if (CORPUS === null) it.skip(missing('tdx and snp for inspect', 3), () => {});
