import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { AssayError, type Code, type ParseError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import {
  derBitString,
  derElement,
  derExplicit,
  derOctetString,
  derOid,
  derSequence,
  derTime,
  derUnsigned,
} from '../../src/codec/der-write.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { type Crl, parseCrl, revokedSerials } from '../../src/codec/x509-crl.ts';
import { name } from '../support/certificates.ts';
import { CORPUS, corpusBytes, corpusText, manifest, missing } from '../support/corpus.ts';
import { itWithOpenssl } from '../support/openssl.ts';
import { vectors } from '../support/vectors.ts';

type Parts = Readonly<Record<string, string>>;

interface Malformed {
  readonly name: string;
  readonly parts: Parts;
  readonly code: Code;
}

const file = vectors<Malformed>('crl-malformed.json');
const { genuine } = file as unknown as { readonly genuine: Parts };
const SIGNED = ['version', 'algorithm', 'issuer', 'thisUpdate', 'nextUpdate', 'revoked', 'extensions'];

function made(changes: Parts = {}): Uint8Array {
  const part = (key: string): Uint8Array => fromHex({ ...genuine, ...changes }[key] as string);
  const tbs = derSequence(...SIGNED.map(part));
  return concat(derSequence(tbs, part('outerAlgorithm'), part('signature')), part('tail'));
}

describe('parseCrl', () => {
  it('reads every field', () => {
    const raw = made();
    const crl = parseCrl(raw);
    expect(crl).toMatchObject({
      version: 2,
      thisUpdate: Date.UTC(2025, 0),
      nextUpdate: Date.UTC(2025, 0, 31),
    });
    expect(crl.signatureAlgorithm).toEqual({ oid: '1.2.840.10045.4.3.2', parameters: null });
    expect(crl.issuer.raw).toEqual(name('CA'));
    expect(crl.number).toBe(1n);
    expect(crl.authorityKeyId).toEqual(new Uint8Array(20).fill(0x95));
    expect(crl.revoked).toEqual([
      { serial: fromHex('00efae6e9715fca13b87e333e8261ed6d990a926ad'), date: Date.UTC(2025, 0), reason: 1 },
      { serial: fromHex('05'), date: Date.UTC(2025, 0), reason: null },
    ]);
    expect(crl.extensions.map(({ oid, critical }) => [oid, critical])).toEqual([
      ['2.5.29.20', false],
      ['2.5.29.35', false],
    ]);
    expect(toHex(crl.signature)).toBe('3006020101020101');
    expect(crl.raw).toEqual(raw);
    expect(toHex(crl.tbs)).toBe(toHex(derSequence(...SIGNED.map((key) => fromHex(genuine[key] as string)))));
    expect([crl, crl.revoked, crl.revoked[0], crl.extensions].every(Object.isFrozen)).toBe(true);
  });

  it('reads the least that a list can be: nothing revoked, nothing said of itself', () => {
    const crl = parseCrl(made({ revoked: '', extensions: '' }));
    expect([crl.revoked, crl.extensions, crl.number, crl.authorityKeyId]).toEqual([[], [], null, null]);
    expect(revokedSerials(crl).size).toBe(0);
  });

  it('reads every reason, alone and beside other extensions of the entry', () => {
    const reason = (value: number): Uint8Array =>
      derSequence(derOid('2.5.29.21'), derOctetString(derElement(0x0a, Uint8Array.of(value))));
    const invalidity = derSequence(derOid('2.5.29.24'), derOctetString(derTime(0)));
    const entry = (...extensions: readonly Uint8Array[]): Uint8Array =>
      derSequence(derUnsigned(7), derTime(0), derSequence(...extensions));
    for (const value of [0, 1, 2, 3, 4, 5, 6, 8, 9, 10]) {
      const revoked = derSequence(entry(reason(value)), entry(invalidity, reason(value)), entry(invalidity));
      expect(parseCrl(made({ revoked: toHex(revoked) })).revoked.map((one) => one.reason)).toEqual([
        value,
        value,
        null,
      ]);
    }
  });

  it('reads a key identifier beside the names of the issuer, and extensions without it', () => {
    const keyId = (...members: readonly Uint8Array[]): string =>
      toHex(
        derExplicit(
          0,
          derSequence(derSequence(derOid('2.5.29.35'), derOctetString(derSequence(...members)))),
        ),
      );
    const whole = keyId(
      derElement(0x80, Uint8Array.of(1, 2)),
      derElement(0xa1, name('x')),
      derElement(0x82, Uint8Array.of(5)),
    );
    expect(parseCrl(made({ extensions: whole })).authorityKeyId).toEqual(Uint8Array.of(1, 2));
    expect(parseCrl(made({ extensions: keyId() })).authorityKeyId).toBeNull();
  });

  it('answers for serial numbers, once made', () => {
    const crl = parseCrl(made());
    const serials = revokedSerials(crl);
    expect([...serials]).toEqual(['00efae6e9715fca13b87e333e8261ed6d990a926ad', '05']);
    expect(serials.has('06')).toBe(false);
    expect(revokedSerials(crl)).toBe(serials);
  });

  it('takes 25,000 entries and no more', () => {
    const entry = derSequence(derUnsigned(1), derTime(0));
    const entries = (count: number): string => {
      const all = new Uint8Array(count * entry.length);
      for (let i = 0; i < count; i++) all.set(entry, i * entry.length);
      return toHex(derElement(0x30, all));
    };
    expect(parseCrl(made({ revoked: entries(25_000) })).revoked).toHaveLength(25_000);
    expect(() => parseCrl(made({ revoked: entries(25_001) }))).toFailWith('DER_VALUE_INVALID');
  });

  it('reports offsets in the outermost input', () => {
    const bytes = made({ revoked: toHex(derSequence(derSequence(fromHex('020180'), derTime(0)))) });
    try {
      parseCrl(bytes, { path: 'table[2]', base: 500 });
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ code: 'CRL_INVALID', path: 'table[2].tbsCertList.revokedCertificates' });
      const offset = (error as ParseError).offset - 500;
      expect(toHex(bytes.subarray(offset, offset + 3))).toBe('020180');
    }
  });

  it('throws typed errors alone for any bytes, and for any bytes in any part', () => {
    const tried = (bytes: Uint8Array): void => {
      try {
        parseCrl(bytes);
      } catch (error) {
        if (!(error instanceof AssayError)) throw error;
        expect(error.code).not.toBe('INTERNAL');
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), tried), { numRuns: 1_000 });
    const parts = fc.record({ key: fc.constantFrom(...SIGNED), hex: fc.uint8Array({ maxLength: 60 }) });
    fc.assert(
      fc.property(parts, ({ key, hex }) => tried(made({ [key]: toHex(hex) }))),
      { numRuns: 2_000 },
    );
  });

  it('reads back whatever serial numbers, dates and reasons a list is made of', () => {
    const entries = fc.array(
      fc.record({
        serial: fc.bigInt({ min: 0n, max: (1n << 160n) - 1n }),
        date: fc.integer({ min: 0, max: 4_000_000_000 }),
        reason: fc.constantFrom(null, 0, 1, 4, 10),
      }),
      { minLength: 1, maxLength: 20 },
    );
    fc.assert(
      fc.property(entries, (wanted) => {
        const list = wanted.map(({ serial, date, reason }) =>
          derSequence(
            derUnsigned(serial),
            derTime(date * 1_000),
            ...(reason === null
              ? []
              : [
                  derSequence(
                    derSequence(derOid('2.5.29.21'), derOctetString(derElement(0x0a, Uint8Array.of(reason)))),
                  ),
                ]),
          ),
        );
        const { revoked } = parseCrl(made({ revoked: toHex(derSequence(...list)) }));
        expect(
          revoked.map((one) => ({
            ...one,
            serial: BigInt(`0x${toHex(one.serial)}`),
            date: one.date / 1_000,
          })),
        ).toEqual(wanted);
      }),
      { numRuns: 200 },
    );
  });
});

describe('a list that is not what it should be', () => {
  it('would be read without the change', () => {
    expect(parseCrl(made()).revoked).toHaveLength(2);
    expect(toHex(derBitString(fromHex('3006020101020101')))).toBe(genuine['signature']);
  });

  it.each(file.cases)('is refused $name: $code', ({ parts, code }) => {
    expect(() => parseCrl(made(parts))).toFailWith(code);
  });

  it('is refused at every shorter length', () => {
    const whole = made();
    for (let length = 0; length < whole.length; length++)
      expect(() => parseCrl(whole.subarray(0, length))).toFailWith('DER_TRUNCATED');
  });
});

describe('recorded lists', () => {
  const recorded = [
    ...manifest('tdx')
      .filter(({ file: path }) => /[Cc](rl|RL)\.der$/.test(path))
      .map((entry) => ['tdx', entry.file] as const),
    ...manifest('snp')
      .filter(({ kind }) => kind === 'amd-crl')
      .map((entry) => ['snp', entry.file] as const),
  ];
  if (CORPUS === null) it.skip(missing('revocation lists', 23), () => {});

  for (const [family, path] of recorded)
    itWithOpenssl(`${family}/${path}: openssl reads the same`, () => {
      const bytes = path.endsWith('.pem')
        ? (parsePem(corpusText(family, path), 'X509 CRL')[0] as Uint8Array)
        : corpusBytes(family, path);
      agrees(parseCrl(bytes), bytes);
    });

  it('are all of them', () => {
    if (CORPUS !== null) expect(recorded).toHaveLength(23);
  });
});

function agrees(crl: Crl, bytes: Uint8Array): void {
  const shown = execFileSync('openssl', ['crl', '-inform', 'DER', '-noout', '-text'], {
    input: bytes,
    encoding: 'utf8',
  });
  const all = (label: string): string[] =>
    [...shown.matchAll(new RegExp(`${label}: ?(.*)$`, 'gm'))].map((match) => (match[1] as string).trim());
  expect([Date.parse(all('Last Update')[0] as string), Date.parse(all('Next Update')[0] as string)]).toEqual([
    crl.thisUpdate,
    crl.nextUpdate,
  ]);
  expect(crl.revoked.map(({ serial }) => BigInt(`0x${toHex(serial)}`))).toEqual(
    all('Serial Number').map((hex) => BigInt(`0x${hex}`)),
  );
  expect(crl.revoked.map(({ date }) => date)).toEqual(all('Revocation Date').map((date) => Date.parse(date)));
  const keyId = /Authority Key Identifier: *\n *([0-9A-F:]+)/.exec(shown)?.[1];
  expect(crl.authorityKeyId === null ? undefined : toHex(crl.authorityKeyId)).toBe(
    keyId?.replaceAll(':', '').toLowerCase(),
  );
  expect(crl.number?.toString()).toBe(/CRL Number: *\n *([0-9]+)/.exec(shown)?.[1]);
  const compromised = shown.split('Key Compromise').length - 1;
  expect(crl.revoked.filter(({ reason }) => reason === 1)).toHaveLength(compromised);
}
