/** Attestation documents: every recorded one is read as its manifest says, and what is malformed is refused by code. */
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { ParseError } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { type CborValue, encodeCbor, encodeCoseSign1, protectedHeader } from '../../src/codec/index.ts';
import { type NitroDocument, parseNitro } from '../../src/evidence/nitro.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import {
  defaultPcrs,
  makeDocument,
  makePki,
  MODULE_ID,
  payloadOf,
  type TestPki,
} from '../support/nitro-pki.ts';

const entries = manifest('nitro').filter(({ kind }) => kind.endsWith('attestation-document'));
const readable = entries.filter(
  ({ file, expected }) =>
    Object.hasOwn(expected.fields, 'module_id') && file !== 'docs/blocky-selfsigned.cbor',
);

function checkBytes(name: string, value: Uint8Array | null, fields: Record<string, unknown>): void {
  if (Object.hasOwn(fields, `${name}_len`)) expect(value?.length ?? null).toBe(fields[`${name}_len`]);
  if (Object.hasOwn(fields, `${name}_hex`)) expect(toHex(value as Uint8Array)).toBe(fields[`${name}_hex`]);
  if (Object.hasOwn(fields, `${name}_sha256`))
    expect(toHex(nodeCrypto.sha256(value as Uint8Array))).toBe(fields[`${name}_sha256`]);
}

function nonzero(document: NitroDocument): Record<string, string> {
  const rows = Object.entries(document.pcrs).map(([index, value]) => [index, toHex(value)] as const);
  return Object.fromEntries(rows.filter(([, hex]) => !/^0+$/.test(hex)));
}

describe('recorded documents', () => {
  if (CORPUS === null) it.skip(missing('nitro', 28), () => {});

  it.each(readable.map((entry) => [entry.file, entry] as const))('%s', (file, { expected: { fields } }) => {
    const document = parseNitro(corpusBytes('nitro', file));
    expect(document.moduleId).toBe(fields['module_id']);
    expect(document.timestamp).toBe(fields['timestamp_ms']);
    expect(document.digest).toBe(fields['digest']);
    expect(document.sign1.payload[0]?.toString(16)).toBe(fields['payload_first_byte']);
    expect(document.kind === 'enclave' ? 'pcrs' : 'nitrotpm_pcrs').toBe(fields['pcr_field']);
    expect(Object.keys(document.pcrs).length).toBe(fields['pcr_count']);
    expect(nonzero(document)).toEqual(fields['pcrs_nonzero']);
    expect(document.cabundle.length).toBe(fields['cabundle_len']);
    checkBytes('public_key', document.publicKey, fields);
    checkBytes('user_data', document.userData, fields);
    checkBytes('nonce', document.nonce, fields);
    expect(document.unknownFields).toEqual([]);
    expect(Object.isFrozen(document)).toBe(true);
  });
});

const head = (major: number, info: number): Uint8Array => Uint8Array.of((major << 5) | info);
const text = (value: string): Uint8Array => encodeCbor(value);

/** A map of the given pairs, written out, so that it can be wrong. */
function rawMap(
  pairs: readonly (readonly [string, Uint8Array])[],
  form: 'definite' | 'indefinite' = 'definite',
): Uint8Array {
  const body = concat(...pairs.flatMap(([key, value]) => [text(key), value]));
  return form === 'definite'
    ? concat(head(5, pairs.length), body)
    : concat(Uint8Array.of(0xbf), body, Uint8Array.of(0xff));
}

const wrap = (payload: Uint8Array): Uint8Array =>
  encodeCoseSign1(protectedHeader(-35), payload, new Uint8Array(96).fill(1));

describe('shapes', () => {
  let pki: TestPki;
  let pairs: (readonly [string, Uint8Array])[];
  const document = (changes: Record<string, CborValue | undefined>): Uint8Array => makeDocument(pki, changes);
  const replaced = (key: string, value: Uint8Array): Uint8Array =>
    wrap(rawMap(pairs.map(([name, old]) => [name, name === key ? value : old] as const)));

  beforeAll(async () => {
    pki = await makePki();
    pairs = [...payloadOf(pki)].map(
      ([key, value]) => [key, encodeCbor(value, { order: 'insertion' })] as const,
    );
  });

  it('takes what genuine hardware writes', () => {
    expect(parseNitro(document({})).moduleId).toBe(MODULE_ID);
    expect(parseNitro(wrap(rawMap(pairs, 'indefinite'))).kind).toBe('enclave');
    expect(parseNitro(concat(Uint8Array.of(0xd2), document({}))).sign1.tagged).toBe(true);
    expect(
      parseNitro(document({ nonce: undefined, user_data: undefined, public_key: undefined })).nonce,
    ).toBeNull();
    const full = new Uint8Array(1024).fill(7);
    expect(parseNitro(document({ nonce: full, user_data: full, public_key: full })).userData).toEqual(full);
    expect(parseNitro(document({ user_data: new Uint8Array(0) })).userData).toEqual(new Uint8Array(0));
  });

  it('takes sparse registers, in any order', () => {
    const sparse = new Map([
      [31, new Uint8Array(48)],
      [4, new Uint8Array(48).fill(4)],
    ]);
    expect(Object.keys(parseNitro(document({ pcrs: sparse })).pcrs)).toEqual(['4', '31']);
    const all = new Map(Array.from({ length: 32 }, (_, i) => [31 - i, new Uint8Array(48)] as const));
    expect(Object.keys(parseNitro(document({ pcrs: all })).pcrs)).toHaveLength(32);
  });

  it('names fields that it does not know, and reads them strictly', () => {
    expect(parseNitro(document({ new_field: [1, new Map([['a', 'b']])] })).unknownFields).toEqual([
      'new_field',
    ]);
    expect(() => parseNitro(document({ 'odd\u0007name': 1 }))).toFailWith('NITRO_FIELD_INVALID');
    expect(() =>
      parseNitro(wrap(rawMap([...pairs, ['x', Uint8Array.of(0xfb, 0, 0, 0, 0, 0, 0, 0, 0)]]))),
    ).toFailWith('CBOR_UNSUPPORTED');
  });

  it.each([
    ['a missing module_id', { module_id: undefined }, 'NITRO_FIELD_MISSING'],
    ['a missing digest', { digest: undefined }, 'NITRO_FIELD_MISSING'],
    ['a missing timestamp', { timestamp: undefined }, 'NITRO_FIELD_MISSING'],
    ['no registers', { pcrs: undefined }, 'NITRO_FIELD_MISSING'],
    ['a missing certificate', { certificate: undefined }, 'NITRO_FIELD_MISSING'],
    ['a missing bundle', { cabundle: undefined }, 'NITRO_FIELD_MISSING'],
    ['both kinds of registers', { nitrotpm_pcrs: defaultPcrs() }, 'NITRO_FIELD_INVALID'],
    ['another digest', { digest: 'SHA256' }, 'NITRO_FIELD_INVALID'],
    ['an empty module id', { module_id: '' }, 'CBOR_OUT_OF_RANGE'],
    ['a module id that moves the cursor', { module_id: 'i-\u001b[2J' }, 'NITRO_FIELD_INVALID'],
    ['a module id of 200 bytes', { module_id: 'i'.repeat(200) }, 'CBOR_OUT_OF_RANGE'],
    ['timestamp zero', { timestamp: 0 }, 'NITRO_FIELD_INVALID'],
    ['a timestamp of no calendar', { timestamp: 2n ** 63n }, 'CBOR_OUT_OF_RANGE'],
    ['a negative timestamp', { timestamp: -1 }, 'CBOR_TYPE'],
    ['register 32', { pcrs: new Map([[32, new Uint8Array(48)]]) }, 'NITRO_FIELD_INVALID'],
    ['register -1', { pcrs: new Map([[-1, new Uint8Array(48)]]) }, 'NITRO_FIELD_INVALID'],
    ['a register by name', { pcrs: new Map([['0', new Uint8Array(48)]]) }, 'NITRO_FIELD_INVALID'],
    ['a register of 15 bytes', { pcrs: new Map([[0, new Uint8Array(15)]]) }, 'CBOR_OUT_OF_RANGE'],
    [
      'a register of 32 bytes under SHA384',
      { pcrs: new Map([[0, new Uint8Array(32)]]) },
      'CBOR_OUT_OF_RANGE',
    ],
    ['a register that is null', { pcrs: new Map([[0, null]]) }, 'CBOR_TYPE'],
    ['registers as a list', { pcrs: [new Uint8Array(48)] }, 'CBOR_TYPE'],
    ['an empty map of registers', { pcrs: new Map() }, 'CBOR_OUT_OF_RANGE'],
    ['an empty certificate', { certificate: new Uint8Array(0) }, 'CBOR_OUT_OF_RANGE'],
    ['a certificate of 1025 bytes', { certificate: new Uint8Array(1025) }, 'CBOR_OUT_OF_RANGE'],
    ['a null bundle', { cabundle: null }, 'CBOR_TYPE'],
    ['an empty bundle', { cabundle: [] }, 'CBOR_OUT_OF_RANGE'],
    [
      'a bundle of nine',
      { cabundle: Array.from({ length: 9 }, () => new Uint8Array(1)) },
      'CBOR_OUT_OF_RANGE',
    ],
    ['an empty certificate in the bundle', { cabundle: [new Uint8Array(0)] }, 'CBOR_OUT_OF_RANGE'],
    ['an empty public key', { public_key: new Uint8Array(0) }, 'CBOR_OUT_OF_RANGE'],
    ['a nonce of 1025 bytes', { nonce: new Uint8Array(1025) }, 'CBOR_OUT_OF_RANGE'],
    ['user data as text', { user_data: 'text' }, 'CBOR_TYPE'],
  ] as const)('refuses %s', (_, changes, code) => {
    expect(() => parseNitro(document(changes as Record<string, CborValue | undefined>))).toFailWith(code);
  });

  it('refuses an encoding that another reader could take differently', () => {
    expect(() => parseNitro(wrap(rawMap([...pairs, ['nonce', Uint8Array.of(0xf6)]])))).toFailWith(
      'CBOR_DUPLICATE_KEY',
    );
    const twice = concat(
      Uint8Array.of(0xa2),
      ...[0, 1].flatMap(() => [Uint8Array.of(0, 0x58, 48), new Uint8Array(48)]),
    );
    expect(() => parseNitro(replaced('pcrs', twice))).toFailWith('CBOR_DUPLICATE_KEY');
    expect(() =>
      parseNitro(replaced('module_id', concat(Uint8Array.of(0x7f), text('i-1'), Uint8Array.of(0xff)))),
    ).toFailWith('CBOR_UNSUPPORTED');
    expect(() => parseNitro(replaced('nonce', Uint8Array.of(0x5f, 0x41, 1, 0xff)))).toFailWith(
      'CBOR_UNSUPPORTED',
    );
    expect(() => parseNitro(replaced('timestamp', Uint8Array.of(0xc1, 0x1a, 1, 2, 3, 4)))).toFailWith(
      'CBOR_TYPE',
    );
    expect(() => parseNitro(replaced('timestamp', Uint8Array.of(0x1b, 0, 0, 0, 0, 0, 0, 0, 1)))).toFailWith(
      'CBOR_NOT_MINIMAL',
    );
    expect(() => parseNitro(replaced('nonce', Uint8Array.of(0xf7)))).toFailWith('CBOR_UNSUPPORTED');
    expect(() => parseNitro(wrap(concat(Uint8Array.of(0xa1, 0x01), text('x'))))).toFailWith(
      'NITRO_FIELD_INVALID',
    );
    expect(() => parseNitro(wrap(concat(rawMap(pairs), Uint8Array.of(0))))).toFailWith('CBOR_TRAILING');
    expect(() => parseNitro(wrap(encodeCbor([1])))).toFailWith('CBOR_TYPE');
    const deep = replaced('nonce', new Uint8Array(64).fill(0x81));
    expect(() => parseNitro(deep)).toFailWith('CBOR_TYPE');
    expect(() => parseNitro(wrap(rawMap([...pairs, ['x', new Uint8Array(64).fill(0x81)]])))).toFailWith(
      'CBOR_DEPTH',
    );
  });

  it('refuses another wrapper', () => {
    const [header, payload, signature] = [protectedHeader(-35), rawMap(pairs), new Uint8Array(96)];
    const bstr = (bytes: Uint8Array): Uint8Array => encodeCbor(bytes);
    const good = document({});
    expect(() => parseNitro(concat(good, Uint8Array.of(0)))).toFailWith('CBOR_TRAILING');
    expect(() => parseNitro(concat(Uint8Array.of(0xd2, 0xd2), good))).toFailWith('CBOR_TYPE');
    expect(() => parseNitro(concat(Uint8Array.of(0xd1), good))).toFailWith('COSE_INVALID');
    expect(() => parseNitro(concat(Uint8Array.of(0xd9, 0x01, 0x00), good))).toFailWith('COSE_INVALID');
    expect(() => parseNitro(concat(Uint8Array.of(0x9f), good.subarray(1), Uint8Array.of(0xff)))).toFailWith(
      'COSE_INVALID',
    );
    expect(() => parseNitro(concat(Uint8Array.of(0x83), good.subarray(1)))).toFailWith('COSE_INVALID');
    expect(() =>
      parseNitro(
        concat(
          Uint8Array.of(0x84),
          bstr(header),
          Uint8Array.of(0xa1, 4, 0x41, 1),
          bstr(payload),
          bstr(signature),
        ),
      ),
    ).toFailWith('COSE_INVALID');
    for (const alg of [-7, -36, -8, 35])
      expect(() => parseNitro(encodeCoseSign1(protectedHeader(alg), payload, signature))).toFailWith(
        'NITRO_FIELD_INVALID',
      );
    expect(() =>
      parseNitro(
        encodeCoseSign1(
          encodeCbor(
            new Map<number, CborValue>([
              [1, -35],
              [4, 1],
            ]),
          ),
          payload,
          signature,
        ),
      ),
    ).toFailWith('COSE_INVALID');
    for (const length of [0, 95, 97, 104])
      expect(() => parseNitro(encodeCoseSign1(header, payload, new Uint8Array(length)))).toFailWith(
        'CBOR_OUT_OF_RANGE',
      );
    expect(() => parseNitro(encodeCoseSign1(header, new Uint8Array(0), signature))).toFailWith(
      'CBOR_OUT_OF_RANGE',
    );
    expect(() => parseNitro(new Uint8Array(24_577))).toFailWith('NITRO_TOO_LARGE');
    expect(() => parseNitro(new Uint8Array(0))).toFailWith('CBOR_TRUNCATED');
  });

  it('says where', () => {
    try {
      parseNitro(document({ pcrs: new Map([[7, new Uint8Array(15)]]) }));
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(ParseError);
      expect((error as ParseError).path).toBe('document.payload.pcrs[7]');
      expect((error as ParseError).offset).toBeGreaterThan(50);
    }
  });

  it('refuses every truncation', () => {
    const whole = document({});
    for (let length = 0; length < whole.length; length++)
      expect(() => parseNitro(whole.subarray(0, length))).toThrow(ParseError);
  });

  it('reads whatever a caller asks to be signed', () => {
    const field = fc.option(fc.uint8Array({ minLength: 1, maxLength: 1024 }), { nil: null });
    fc.assert(
      fc.property(
        field,
        field,
        field,
        fc.integer({ min: 1, max: 2 ** 46 }),
        (publicKey, userData, nonce, timestamp) => {
          const read = parseNitro(document({ public_key: publicKey, user_data: userData, nonce, timestamp }));
          expect({ ...read, sign1: null }).toMatchObject({ publicKey, userData, nonce, timestamp });
        },
      ),
      { numRuns: 60 },
    );
  });

  it('answers noise with typed errors', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (noise) => {
        expect(() =>
          parseNitro(concat(Uint8Array.of(0x84, 0x44, 0xa1, 0x01, 0x38, 0x22, 0xa0), noise)),
        ).toThrow(ParseError);
        expect(() => parseNitro(wrap(concat(Uint8Array.of(0xa9), noise)))).toThrow(ParseError);
      }),
      { numRuns: 300 },
    );
  });

  it('keeps a caller from changing what was read', () => {
    const read = parseNitro(document({}));
    expect(() => ((read.pcrs as Record<number, unknown>)[0] = utf8('x'))).toThrow(TypeError);
    expect(() => (read.cabundle as Uint8Array[]).push(utf8('x'))).toThrow(TypeError);
  });
});
