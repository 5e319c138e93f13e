/** Files told by their content: what each form yields, what is broken, and what is no collateral at all. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import * as der from '../../src/codec/der-write.ts';
import { formatPem } from '../../src/codec/pem.ts';
import {
  type CollateralItem,
  mergeCollateral,
  NO_COLLATERAL,
  readCollateral,
  recogniseCollateral,
} from '../../src/collateral/index.ts';
import { EMPTY, SPKI } from '../support/certificates.ts';
import { amdTable, CERTIFICATE, CRL, QE_IDENTITY, SAMPLES, TCB_INFO } from '../support/collateral.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';

const found = (bytes: Uint8Array | string): readonly CollateralItem[] =>
  recogniseCollateral({ name: 'file', bytes: typeof bytes === 'string' ? utf8(bytes) : bytes });
const kinds = (bytes: Uint8Array | string): readonly string[] => found(bytes).map(({ kind }) => kind);

const PEM = formatPem('CERTIFICATE', CERTIFICATE);
const LIST = formatPem('X509 CRL', CRL);

describe('a file that holds collateral', () => {
  it.each(SAMPLES)('of the kind $kind, alone', ({ kind, bytes }) => {
    const items = found(bytes);
    expect(items.map((item) => [item.kind, toHex(item.bytes)])).toEqual([[kind, toHex(bytes)]]);
    expect([items, items[0]].every(Object.isFrozen)).toBe(true);
  });

  it('of PEM: certificates and lists, with text and other blocks between them', () => {
    const other = formatPem('PUBLIC KEY', SPKI);
    expect(kinds(`# chain\n${PEM}${other}and the list\r\n${LIST}${PEM}`)).toEqual([
      'certificate',
      'certificate',
      'crl',
    ]);
  });

  it('as views of it, never as Buffers', () => {
    const whole = concat(Uint8Array.of(1, 2, 3), TCB_INFO, CRL);
    for (const [from, to] of [
      [3, 3 + TCB_INFO.length],
      [3 + TCB_INFO.length, whole.length],
    ] as const) {
      const buffer = Buffer.from(whole.buffer, from, to - from);
      const [item] = recogniseCollateral({ name: 'file', bytes: buffer });
      expect(item?.bytes.constructor).toBe(Uint8Array);
      expect([item?.bytes.buffer, item?.bytes.byteOffset, item?.bytes.length]).toEqual([
        whole.buffer,
        from,
        to - from,
      ]);
      if (item?.kind === 'tcb-info') expect(item.document.signed.constructor).toBe(Uint8Array);
    }
  });
});

const serial = der.derUnsigned(5);
const algorithm = der.derSequence(der.derOid('1.2.840.10045.4.3.2'));
const empty = der.derSequence();
const validity = der.derSequence(der.derTime(0), der.derTime(0));
/** Long enough that its length takes more than one octet, as that of every certificate does. */
const sequenceOf = (...tbs: readonly Uint8Array[]): Uint8Array =>
  der.derSequence(der.derSequence(...tbs), algorithm, der.derBitString(new Uint8Array(200)));

describe('a file that is broken', () => {
  it.each<readonly [string, Uint8Array | string, Code]>([
    ['a certificate that is cut short', CERTIFICATE.subarray(0, 200), 'DER_TRUNCATED'],
    ['a certificate with a byte behind it', concat(CERTIFICATE, Uint8Array.of(10)), 'DER_TRAILING'],
    [
      'a certificate of version 1',
      sequenceOf(serial, algorithm, empty, validity, empty, SPKI),
      'X509_VERSION',
    ],
    ['a list that is cut short', CRL.subarray(0, 100), 'DER_TRUNCATED'],
    ['a list of version 1', sequenceOf(algorithm, empty, der.derTime(0), der.derTime(1)), 'CRL_INVALID'],
    ['PEM that is cut short', PEM.slice(0, 100), 'PEM_INVALID'],
    ['PEM with a character that is none of base64', PEM.replace('\nM', '\n*'), 'PEM_INVALID'],
    ['PEM of a list that is labelled as a certificate', formatPem('CERTIFICATE', CRL), 'X509_VERSION'],
    ['PEM of a certificate that is labelled as a list', formatPem('X509 CRL', CERTIFICATE), 'CRL_INVALID'],
    ['a list behind a certificate of which a block is missing', `${PEM}${LIST.slice(0, -30)}`, 'PEM_INVALID'],
    ['a body that is cut short', TCB_INFO.subarray(0, 500), 'JSON_SYNTAX'],
    ['a body without a signature', '{"enclaveIdentity":{}}', 'COLLATERAL_INVALID'],
    ['a bundle of another form', '{"type":"assay/collateral/v1","items":[]}', 'BUNDLE_INVALID'],
  ])('is refused: %s', (_, bytes, code) => {
    expect(() => found(bytes)).toFailWith(code);
  });

  it('is refused above 16 MiB, whatever it holds', () => {
    expect(kinds(new Uint8Array(16_777_216))).toEqual([]);
    expect(() => found(new Uint8Array(16_777_217))).toFailWith('COLLATERAL_INVALID');
  });

  it('is refused with more than 10,000 blocks, before they are read', () => {
    expect(() => found(`${formatPem('CERTIFICATE', Uint8Array.of(0))}`.repeat(10_001))).toFailWith(
      'COLLATERAL_INVALID',
    );
  });
});

describe('a file that is no collateral', () => {
  it.each<readonly [string, Uint8Array | string]>([
    ['nothing', EMPTY],
    ['one byte of DER', Uint8Array.of(0x30)],
    ['the beginning of a certificate', CERTIFICATE.subarray(0, 8)],
    ['text', 'A folder of evidence\n'],
    ['digits, which begin as DER does', '04000200810000'],
    ['digits in a long file', `0\u0082${'0'.repeat(900)}`],
    ['a key', SPKI],
    ['a key in PEM', formatPem('PUBLIC KEY', SPKI)],
    ['a request for a certificate', sequenceOf(der.derUnsigned(0), empty, SPKI, der.derExplicit(0))],
    [
      'a key in PKCS #8',
      der.derSequence(der.derUnsigned(0), algorithm, der.derOctetString(new Uint8Array(200))),
    ],
    ['CMS', der.derSequence(der.derOid('1.2.840.113549.1.7.2'), der.derExplicit(0, new Uint8Array(200)))],
    ['DER of indefinite length', concat(fromHex('3080'), CERTIFICATE.subarray(4), fromHex('0000'))],
    ['a list of JSON', '[{"tcbInfo":1}]'],
    ['other JSON', '{"quote":"0400"}'],
    ['JSON that is cut short', '{"quote":"0400'],
    ['JSON with a body deeper in it', '{"collateral":{"tcbInfo":{"id":"TDX"}}}'],
    [
      'JSON with a part of a bundle deeper in it',
      '{"tcb_info_signature_of":{"a":"\\"tcb_info_signature\\""}}',
    ],
    ['bytes that are no text', fromHex('2d2d2d2d2d424547494e20ff')],
  ])('is passed over: %s', (_, bytes) => {
    expect(found(bytes)).toEqual([]);
  });

  it('is passed over as any bytes are, or refused with a typed error', () => {
    const head = fc.constantFrom(
      '',
      '{',
      '{"tcbInfo":',
      '{"items":[{"data":"',
      '-----BEGIN CERTIFICATE-----\n',
    );
    fc.assert(
      fc.property(head, fc.uint8Array({ maxLength: 300 }), (start, bytes) => {
        try {
          found(concat(utf8(start), bytes));
        } catch (error) {
          if (!(error instanceof AssayError)) throw error;
          expect(error.code).not.toBe('INTERNAL');
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

const VCEK = '63da758de6644564adc5f4b93be8accd';
const ASK = '4ab7b379bbac4fe4a02f05aef327c782';
const AMD_CRL = '92f81bc358114d3d97ffd19f88dc67ea';
const OTHER = '00112233445566778899aabbccddeeff';

describe("AMD's certificate table", () => {
  it('yields what its entries point at, DER or PEM', () => {
    const table = amdTable([
      [OTHER, utf8('of the host')],
      [VCEK, CERTIFICATE],
      [ASK, utf8(PEM + PEM)],
      [AMD_CRL, CRL],
    ]);
    expect(kinds(table)).toEqual(['certificate', 'certificate', 'certificate', 'crl']);
    // The host pads it to whole pages.
    expect(kinds(concat(table, new Uint8Array(4_096)))).toHaveLength(4);
  });

  it('is none without an entry that is known', () => {
    expect(kinds(amdTable([[OTHER, CERTIFICATE]]))).toEqual([]);
    expect(kinds(amdTable([]))).toEqual([]);
    expect(kinds(concat(amdTable([]), fromHex(VCEK)))).toEqual([]);
  });

  const good = amdTable([[VCEK, CERTIFICATE]]);
  const set = (at: number, value: number): Uint8Array => {
    const bytes = good.slice();
    new DataView(bytes.buffer).setUint32(at, value, true);
    return bytes;
  };

  it.each<readonly [string, Uint8Array, Code]>([
    ['an offset beyond its end', set(16, good.length), 'COLLATERAL_INVALID'],
    ['an offset into its entries', set(16, 24), 'COLLATERAL_INVALID'],
    ['a length beyond its end', set(20, CERTIFICATE.length + 1), 'COLLATERAL_INVALID'],
    ['a sum that wraps 32 bits', set(16, 0xffff_ffff), 'COLLATERAL_INVALID'],
    ['a length that wraps 32 bits', set(20, 0xffff_ffd0), 'COLLATERAL_INVALID'],
    ['a length of nothing', set(20, 0), 'COLLATERAL_INVALID'],
    ['a length of less', set(20, CERTIFICATE.length - 1), 'DER_TRUNCATED'],
    ['no end', good.subarray(0, 30), 'COLLATERAL_INVALID'],
    ['a zero GUID that is no end', set(44, 1), 'COLLATERAL_INVALID'],
    ['65 entries', amdTable(Array.from({ length: 65 }, () => [VCEK, CERTIFICATE])), 'COLLATERAL_INVALID'],
    ['text where a certificate is', amdTable([[VCEK, utf8('soon')]]), 'COLLATERAL_INVALID'],
    ['a key where a certificate is', amdTable([[VCEK, SPKI]]), 'COLLATERAL_INVALID'],
    ['bytes that are no text', amdTable([[ASK, fromHex('ffff')]]), 'COLLATERAL_INVALID'],
  ])('is refused with %s', (_, bytes, code) => {
    expect(() => found(bytes)).toFailWith(code);
  });
});

describe('certificates as a host of Azure serves them', () => {
  const host = (changes: object): string =>
    JSON.stringify({ vcekCert: PEM, tcbm: '00', certificateChain: PEM, cacheControl: '1', ...changes });

  it('are the key of the chip and its authorities', () => {
    expect(kinds(host({}))).toEqual(['certificate', 'certificate']);
    expect(kinds(host({ certificateChain: PEM + PEM }))).toEqual(Array(3).fill('certificate'));
  });

  it.each([
    ['another type', host({ vcekCert: 1, certificateChain: null })],
    ['no PEM', host({ vcekCert: '', certificateChain: 'x' })],
    ['the mark elsewhere', JSON.stringify(['vcekCert'])],
  ])('are none with %s', (_, text) => {
    expect(kinds(text)).toEqual([]);
  });

  it.each([
    ['a broken certificate', host({ vcekCert: PEM.replace('-----\nMI', '-----\nAA') }), null],
    ['a member twice', '{"vcekCert":"","vcekCert":""}', 'JSON_DUPLICATE_KEY'],
    ['depth', `{"vcekCert":[[[]]]}`, 'JSON_DEPTH'],
  ] as const)('are refused with %s', (_, text, code) => {
    if (code === null) expect(() => found(text)).toThrow(AssayError);
    else expect(() => found(text)).toFailWith(code);
  });

  it.skipIf(CORPUS === null)('are read as recorded', () => {
    expect(kinds(corpusBytes('azure-cvm', 'c-aci/host-amd-certificate.json'))).toEqual(
      Array(3).fill('certificate'),
    );
  });
});

describe('a bundle of dcap-qvl', () => {
  const inner = (body: Uint8Array): string =>
    /:(\{.*\}),"signature"/.exec(new TextDecoder().decode(body))?.[1] ?? '';
  const signature = '0123456789abcdef'.repeat(8);
  const whole = {
    pck_crl_issuer_chain: PEM,
    root_ca_crl: toHex(CRL),
    pck_crl: toHex(CRL).toUpperCase(),
    tcb_info_issuer_chain: PEM + PEM,
    tcb_info: inner(TCB_INFO),
    tcb_info_signature: signature,
    qe_identity_issuer_chain: PEM,
    qe_identity: inner(QE_IDENTITY),
    qe_identity_signature: signature,
  };
  const made = (changes: object): string => JSON.stringify({ ...whole, ...changes });

  it('yields bodies as the service answers them, lists and chains', () => {
    const items = found(made({}));
    expect(items.map(({ kind }) => kind)).toEqual([
      'tcb-info',
      'qe-identity',
      'crl',
      'crl',
      ...Array.from({ length: 4 }, () => 'certificate'),
    ]);
    expect(toHex(items[0]?.bytes as Uint8Array)).toBe(toHex(TCB_INFO));
    expect(toHex(items[1]?.bytes as Uint8Array)).toBe(toHex(QE_IDENTITY));
  });

  it('may have parts missing, lists in PEM, and members that are not known', () => {
    const absent = { pck_crl: null, root_ca_crl: '', tcb_info_issuer_chain: undefined };
    expect(kinds(made({ ...absent, pck_crl_issuer_chain: null, note: [1] }))).toEqual([
      'tcb-info',
      'qe-identity',
      'certificate',
    ]);
    expect(kinds(made({ ...absent, pck_crl: LIST }))).toContain('crl');
    expect(kinds(made({ ...absent, qe_identity_signature: undefined }))).not.toContain('qe-identity');
  });

  it.each<readonly [string, object, Code]>([
    ['a signature that is none', { tcb_info_signature: '00' }, 'COLLATERAL_INVALID'],
    ['a signature that closes the text', { tcb_info_signature: '","x":"' }, 'COLLATERAL_INVALID'],
    ['no inner object', { tcb_info: undefined }, 'COLLATERAL_INVALID'],
    ['an inner object that is no text', { qe_identity: 5 }, 'COLLATERAL_INVALID'],
    ['an inner object of 128 KiB', { qe_identity: ' '.repeat(131_073) }, 'COLLATERAL_INVALID'],
    [
      'an inner object that closes the body',
      { tcb_info: `${whole.tcb_info},"tcbInfo":{}` },
      'JSON_DUPLICATE_KEY',
    ],
    ['another statement in it', { tcb_info: `${whole.tcb_info},"enclaveIdentity":{}` }, 'COLLATERAL_INVALID'],
    ['a list of an odd number of digits', { pck_crl: '300' }, 'COLLATERAL_INVALID'],
    ['a list that is no list', { pck_crl: 'deadbeef' }, 'COLLATERAL_INVALID'],
    ['a list that is cut short', { pck_crl: toHex(CRL).slice(0, 200) }, 'DER_TRUNCATED'],
    ['a chain that is none', { tcb_info_issuer_chain: 'none' }, 'COLLATERAL_INVALID'],
    ['a chain that is a number', { tcb_info_issuer_chain: 1 }, 'COLLATERAL_INVALID'],
    ['a member two levels down', { note: { of: [] } }, 'JSON_DEPTH'],
  ])('is refused with %s', (_, changes, code) => {
    expect(() => found(made(changes))).toFailWith(code);
  });
});

describe('readCollateral', () => {
  const file = (name: string, bytes: Uint8Array | string) => ({
    name,
    bytes: typeof bytes === 'string' ? utf8(bytes) : bytes,
  });

  it('takes each piece once, in the order of the files, and says what it could not use', () => {
    const { items, ignored } = readCollateral([
      file('README', 'hello'),
      file('chain.pem', PEM + PEM),
      file('leaf.der', CERTIFICATE),
      file('broken.json', TCB_INFO.subarray(0, 300)),
      file('tcb.json', TCB_INFO),
      file('again.json', TCB_INFO.slice()),
      file('spaced.json', concat(TCB_INFO, utf8('\n'))),
    ]);
    // White space around a body makes another body; what is signed in it is the same.
    expect(items.map(({ kind }) => kind)).toEqual(['certificate', 'tcb-info', 'tcb-info']);
    expect(ignored.map(({ name, code }) => [name, code])).toEqual([
      ['README', null],
      ['broken.json', 'JSON_SYNTAX'],
    ]);
    expect(ignored.every(({ why }) => why.length > 0)).toBe(true);
    expect([items, ignored, ignored[0]].every(Object.isFrozen)).toBe(true);
  });

  it('of nothing is nothing', () => {
    expect(readCollateral([])).toEqual(NO_COLLATERAL);
    expect(mergeCollateral()).toEqual(NO_COLLATERAL);
  });

  it('merges, each piece once', () => {
    const one = readCollateral([file('a', PEM), file('b', 'x')]);
    const two = readCollateral([file('c', CRL), file('d', CERTIFICATE), file('e', 'y')]);
    const both = mergeCollateral(one, two, one);
    expect(both.items.map(({ kind }) => kind)).toEqual(['certificate', 'crl']);
    expect(both.ignored.map(({ name }) => name)).toEqual(['b', 'e', 'b']);
  });

  it('takes 10,000 pieces: what would be one more is listed, and merging it is refused', () => {
    // Another signature makes another certificate, whatever it says.
    const body = CERTIFICATE.subarray(0, -2);
    const many = Array.from({ length: 10_001 }, (_, i) => concat(body, Uint8Array.of(i >> 8, i & 255)));
    const pem = (list: readonly Uint8Array[]): string =>
      list.map((one) => formatPem('CERTIFICATE', one)).join('');
    const full = readCollateral([file('most', pem(many.slice(1))), file('one more', pem(many.slice(0, 2)))]);
    expect(full.items).toHaveLength(10_000);
    expect(full.ignored.map(({ name, code }) => [name, code])).toEqual([['one more', 'COLLATERAL_INVALID']]);
    const [rest] = found(pem(many.slice(0, 1)));
    expect(() => mergeCollateral(full, { items: [rest as CollateralItem], ignored: [] })).toFailWith(
      'COLLATERAL_INVALID',
    );
  });
});

describe('everything that was recorded', () => {
  const FAMILIES = ['azure-cvm', 'nitro', 'snp', 'tdx'];
  if (CORPUS === null) it.skip(missing('every family', 217), () => {});

  it.each(FAMILIES)('%s: certificates and collateral, and nothing else, is taken', (family) => {
    const taken = (file: string): string => {
      try {
        return found(corpusBytes(family, file)).length > 0 ? 'taken' : 'passed over';
      } catch (error) {
        return (error as AssayError).code;
      }
    };
    for (const { file } of manifest(family)) {
      const named =
        /\.(der|pem)$|collateral\/|[tT]cb_?[iI]nfo|[qQ]e_?[iI]dentity|tcbeval\/|bundles\/phala|host-amd-/.test(
          file,
        );
      const key = /akpub|pkcs8|pubkey|[-_.]key\./.test(file);
      expect(taken(file), file).toBe(named && !key ? 'taken' : 'passed over');
    }
  });
});
