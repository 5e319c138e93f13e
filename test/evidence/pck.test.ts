/** Certificates of Intel's platforms: the recorded ones say what others read in them, and what Intel would not issue is refused. */
import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import type { Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { derOid, derSequence } from '../../src/codec/der-write.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import { isPck, parseQuote, type PckExtension, readPck } from '../../src/evidence/intel/index.ts';
import { CORPUS, corpusBytes, corpusText, missing } from '../support/corpus.ts';
import { pckOf, quoteBytes, quotes, recordedPcks } from '../support/intel.ts';
import { itWithOpenssl } from '../support/openssl.ts';
import { vectors } from '../support/vectors.ts';

const SGX = '1.2.840.113741.1.13.1';
const SGX_TYPES = ['standard', 'scalable', 'scalable-with-integrity'];
const RECORDED = 16;

const withPck = quotes().filter(({ expected }) => expected.fields['pck'] !== undefined);

describe('recorded certificates', () => {
  if (CORPUS === null) it.skip(missing('tdx', RECORDED), () => {});

  it.each(withPck)('$file: says what others read in it', ({ file, expected }) => {
    const certificate = pckOf(parseQuote(quoteBytes(file))) as Certificate;
    const fields = expected.fields['pck'] as Record<string, unknown>;
    const said = readPck(certificate);
    expect({
      ppid: toHex(said.ppid),
      fmspc: toHex(said.fmspc),
      pceid: toHex(said.pceId),
      sgx_components: said.components,
      pcesvn: said.pceSvn,
      sgx_type: SGX_TYPES.indexOf(said.sgxType),
      platform_instance: said.platformInstanceId === null ? null : toHex(said.platformInstanceId),
      config: said.configuration,
    }).toEqual(
      Object.fromEntries(
        'ppid fmspc pceid sgx_components pcesvn sgx_type platform_instance config'
          .split(' ')
          .map((name) => [name, fields[name]]),
      ),
    );
    // Only the Platform CA knows which platform it is.
    expect(said.configuration === null).toBe(certificate.issuer.commonName === 'Intel SGX PCK Processor CA');
    expect(Object.isFrozen(said) && Object.isFrozen(said.components)).toBe(true);
  });

  it('are all of them', () => {
    if (CORPUS !== null) expect(withPck).toHaveLength(RECORDED);
  });

  itWithOpenssl.each(CORPUS === null ? [] : recordedPcks())('%s: OpenSSL reads the same', (_, der) => {
    const values = asOpenssl(der);
    const { components, configuration, ...said } = readPck(parseCertificate(der));
    const of = (part: string): string => values.get(`${SGX}.${part}`) as string;
    const octets = (part: string): string => of(part).replace('OCTET STRING=', '').toLowerCase();
    expect(components.map((_, i) => of(`2.${i + 1}`))).toEqual(
      components.map((svn) => `INTEGER=${hexNumber(svn)}`),
    );
    expect(of('2.17')).toBe(`INTEGER=${hexNumber(said.pceSvn)}`);
    expect(of('5')).toBe(`ENUMERATED=${hexNumber(SGX_TYPES.indexOf(said.sgxType))}`);
    expect([octets('1'), octets('2.18'), octets('3'), octets('4')]).toEqual(
      [said.ppid, said.cpuSvn, said.pceId, said.fmspc].map(toHex),
    );
    if (configuration === null || said.platformInstanceId === null) {
      expect([...values.keys()].some((oid) => /\.1\.[67](\.|$)/.test(oid))).toBe(false);
      return;
    }
    expect(octets('6')).toBe(toHex(said.platformInstanceId));
    expect(Object.values(configuration)).toEqual([1, 2, 3].map((flag) => of(`7.${flag}`) === 'BOOLEAN=255'));
  });

  it.skipIf(CORPUS === null)('are told from others', () => {
    const root = parseCertificate(corpusBytes('tdx', 'roots/intel_sgx_root_ca.der'));
    expect(isPck(root)).toBe(false);
    expect(() => readPck(root)).toFailWith('PCK_INVALID');
    for (const [, der] of recordedPcks()) expect(isPck(parseCertificate(der))).toBe(true);
  });

  it.skipIf(CORPUS === null)("Intel's sample says what the quote beside it has", () => {
    const [der] = parsePem(corpusText('tdx', 'intel_qvl_sample_tdx/pckCert.pem'), 'CERTIFICATE');
    const said = readPck(parseCertificate(der as Uint8Array));
    expect(said).toMatchObject({ sgxType: 'standard', configuration: null, pceSvn: 10_593 });
    expect(toHex(Uint8Array.from(said.components))).toBe(toHex(said.cpuSvn));
  });
});

const hexNumber = (value: number): string => {
  const hex = value.toString(16).toUpperCase();
  return hex.length % 2 === 0 ? hex : `0${hex}`;
};

/** Every identifier of the extension with the value behind it, as `openssl asn1parse` prints them. */
function asOpenssl(der: Uint8Array): ReadonlyMap<string, string> {
  const run = (...more: string[]): string => {
    const done = spawnSync('openssl', ['asn1parse', '-inform', 'DER', ...more], { input: der });
    if (done.status !== 0) throw new Error(done.stderr.toString());
    return done.stdout.toString();
  };
  const lines = run().split('\n');
  const value = lines[lines.findIndex((line) => line.endsWith(`:${SGX}`)) + 1] as string;
  const out = new Map<string, string>();
  let oid: string | null = null;
  for (const line of run('-strparse', String(Number.parseInt(value, 10))).split('\n')) {
    const found = /prim:\s+([A-Z ]+?)\s+(?:\[HEX DUMP\])?:(.*)$/.exec(line);
    if (found === null) continue;
    const [, type, content] = found as unknown as [string, string, string];
    if (type === 'OBJECT') oid = content;
    else if (oid !== null) out.set(oid, `${type}=${content}`);
  }
  return out;
}

interface Forged {
  readonly name: string;
  readonly members?: Readonly<Record<string, string | null>>;
  /** Parts that are given once more, with the value that they had. */
  readonly again?: readonly string[];
  readonly foreign?: string;
  /** Where it stands; at the top when left out. */
  readonly under?: '2' | '7';
  readonly tail?: string;
  readonly code: Code;
}

describe('an extension that Intel would not write', () => {
  const file = vectors<Forged>('intel-pck-malformed.json');
  const genuine = (file as unknown as { genuine: Record<string, string> }).genuine;
  const forge = (forged: Partial<Forged>): PckExtension => {
    const members = { ...genuine, ...forged.members };
    const pairs = [...Object.keys(members), ...(forged.again ?? [])].flatMap((part) => {
      const hex = members[part];
      return hex === null || hex === undefined ? [] : [{ part, hex }];
    });
    /** The pairs right below a part, or at the top. */
    const list = (under: string): Uint8Array[] =>
      pairs
        .filter(({ part }) => part.startsWith(under) && !part.slice(under.length).includes('.'))
        .map(({ part, hex }) => derSequence(derOid(`${SGX}.${part}`), fromHex(hex)));
    const { foreign, under } = forged;
    const more = foreign === undefined ? [] : [derSequence(derOid(foreign), fromHex('040100'))];
    const nested = (part: string): Uint8Array[] => {
      const below = [...list(`${part}.`), ...(under === part ? more : [])];
      return below.length === 0 ? [] : [derSequence(derOid(`${SGX}.${part}`), derSequence(...below))];
    };
    const top = under === undefined ? more : [];
    const value = concat(
      derSequence(...list(''), ...nested('2'), ...nested('7'), ...top),
      fromHex(forged.tail ?? ''),
    );
    return readPck({ extensions: [{ oid: SGX, critical: false, value }] } as unknown as Certificate);
  };

  it('would be read without the change', () => {
    expect(forge({})).toEqual({
      ppid: fromHex('000102030405060708090a0b0c0d0e0f'),
      components: [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 255],
      pceSvn: 11,
      cpuSvn: fromHex('030302020401000500000000000000ff'),
      pceId: fromHex('0000'),
      fmspc: fromHex('b0c06f000000'),
      sgxType: 'scalable',
      platformInstanceId: fromHex('00112233445566778899aabbccddeeff'),
      configuration: { dynamicPlatform: true, cachedKeys: false, smtEnabled: true },
    });
  });

  it('may leave out what only the Platform CA knows, and any of its flags', () => {
    expect(forge({ members: { '7.1': null, '7.3': null } }).configuration).toEqual({
      dynamicPlatform: null,
      cachedKeys: false,
      smtEnabled: null,
    });
    const none = { '6': null, '7.1': null, '7.2': null, '7.3': null };
    expect(forge({ members: none })).toMatchObject({ platformInstanceId: null, configuration: null });
    expect(forge({ members: { '5': '0a0100' } }).sgxType).toBe('standard');
    expect(forge({ members: { '5': '0a0102' } }).sgxType).toBe('scalable-with-integrity');
  });

  it.each(file.cases)('is refused: $name', ({ code, ...forged }) => {
    expect(() => forge(forged)).toFailWith(code);
  });
});
