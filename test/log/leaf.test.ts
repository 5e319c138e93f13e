import { decode as cborgDecode } from 'cborg';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { encodeCbor } from '../../src/codec/cbor-encode.ts';
import {
  actionIdentity,
  decodeLeaf,
  draftLeaf,
  encodeLeaf,
  type Leaf,
  LeafRecord,
  placeLeaf,
} from '../../src/log/index.ts';
import { decisionDraft } from '../support/log.ts';

const place = { index: 3, epoch: 2, time: 1_795_132_800_000 };
const decision = placeLeaf(decisionDraft(), place);

const hash = fc.uint8Array({ minLength: 32, maxLength: 32 });
const name = fc.string({ minLength: 1, maxLength: 20, unit: 'binary' }).filter((text) => text.isWellFormed());
const orNull = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null });

const leaves: fc.Arbitrary<Leaf> = fc
  .record({
    tenant: orNull(name),
    session: orNull(fc.uint8Array({ minLength: 1, maxLength: 64 })),
    agent: orNull(name),
    userCommitment: orNull(hash),
    parent: orNull(fc.maxSafeNat()),
    labels: fc.array(name, { maxLength: 5 }),
    action: orNull(hash),
    audience: orNull(name),
    decision: fc.constantFrom('allow', 'deny', 'warn', 'escalate', 'transform' as const),
    rule: orNull(name),
    requiredLevel: orNull(fc.nat(2)),
    notAfter: orNull(fc.nat(253_402_300_799_999)),
    effects: fc.array(fc.record({ counter: name, amount: fc.maxSafeInteger(), window: orNull(name) }), {
      maxLength: 4,
    }),
    modelDigest: orNull(hash),
    blobs: fc.array(hash, { maxLength: 3 }),
  })
  .map((fields) => placeLeaf(decisionDraft(fields), place));

describe('a leaf', () => {
  it('has one encoding, which is read back', () => {
    fc.assert(
      fc.property(leaves, (leaf) => {
        const bytes = encodeLeaf(leaf);
        const read = decodeLeaf(bytes);
        expect(read).toEqual(leaf);
        expect(toHex(encodeLeaf(read))).toBe(toHex(bytes));
      }),
    );
  });

  it('is a CBOR map with the frozen keys, as another reader sees it', () => {
    const bytes = encodeLeaf(decision);
    const map = cborgDecode(bytes, { useMaps: true, strict: true }) as Map<number, unknown>;
    expect([...map.keys()]).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 14, 15, 16, 17, 18, 19, 20]);
    expect(map.get(16)).toBe('allow');
    expect(map.get(2)).toBe(3);
  });

  it('keeps its keys for ever', () => {
    expect(LeafRecord.keys.map(([field, key]) => `${key} ${field}`)).toEqual([
      '0 version',
      '1 kind',
      '2 index',
      '3 epoch',
      '4 time',
      '5 tenant',
      '6 session',
      '7 principal',
      '8 agent',
      '9 userCommitment',
      '10 parent',
      '11 labels',
      '12 interventionPoint',
      '13 action',
      '14 audience',
      '15 nonce',
      '16 decision',
      '17 rule',
      '18 policyDigest',
      '19 requiredLevel',
      '20 notAfter',
      '21 effects',
      '22 modelDigest',
      '23 commitments',
      '24 blobs',
      '25 references',
    ]);
  });

  it('keeps its bytes for ever', () => {
    const leaf = placeLeaf(
      draftLeaf({ kind: 'seal_ref', references: { statement: new Uint8Array(2).fill(1) } }),
      place,
    );
    expect(toHex(encodeLeaf(leaf))).toBe(
      'a6000101687365616c5f72656602030302041b000001a1f640bc001819a16973746174656d656e74420101',
    );
  });

  it('that decides has what a decision needs, and no other leaf decides', () => {
    for (const field of ['principal', 'interventionPoint', 'nonce', 'decision', 'policyDigest'] as const) {
      expect(() => encodeLeaf({ ...decision, [field]: null })).toFailWith('LEAF_INVALID');
      expect(() => decodeLeaf(LeafRecord.encode({ ...decision, [field]: null }))).toFailWith('LEAF_INVALID');
    }
    expect(() => encodeLeaf({ ...decision, kind: 'padding' })).toFailWith('LEAF_INVALID');
    expect(() => decodeLeaf(LeafRecord.encode({ ...decision, kind: 'recovered' }))).toFailWith(
      'LEAF_INVALID',
    );
  });

  it('fits a bundle entry, or is refused', () => {
    const blobs = Array.from({ length: 256 }, () => new Uint8Array(32));
    const labels = Array.from({ length: 64 }, (_, i) => `${i}`.padEnd(255, 'é').slice(0, 127));
    const references = Object.fromEntries(
      Array.from({ length: 64 }, (_, i) => [`${i}`.padEnd(255, 'x'), new Uint8Array(64)]),
    );
    const commitments = Object.fromEntries(
      Array.from({ length: 256 }, (_, i) => [`${i}`.padEnd(255, 'y'), new Uint8Array(32)]),
    );
    const large = { ...decision, blobs, labels, references, commitments };
    expect(() => encodeLeaf(large)).toFailWith('LEAF_TOO_LARGE');
    expect(() => decodeLeaf(LeafRecord.encode(large))).toFailWith('LEAF_TOO_LARGE');
  });

  it('refuses values that do not fit, naming the field', () => {
    for (const bad of [
      { principal: new Uint8Array(31) },
      { nonce: new Uint8Array(15) },
      { requiredLevel: 3 },
      { index: -1 },
      { time: 1.5 },
      { time: 253_402_300_800_000 },
      { notAfter: 253_402_300_800_000 },
      { tenant: '' },
      { labels: [''] },
    ])
      expect(() => encodeLeaf({ ...decision, ...bad })).toFailWith('RECORD_VALUE_INVALID');
  });

  it('is not read from any other encoding', () => {
    const bytes = encodeLeaf(decision);
    const map = cborgDecode(bytes, { useMaps: true }) as Map<number, never>;
    const unknown = encodeCbor(new Map([...map, [26, 1]]) as never);
    expect(() => decodeLeaf(unknown)).toFailWith('RECORD_KEY_UNKNOWN');
    expect(() => decodeLeaf(encodeCbor(new Map([...map, [0, 2]]) as never))).toFailWith('CBOR_OUT_OF_RANGE');
    expect(() => decodeLeaf(encodeCbor(new Map([...map, [0, 0]]) as never))).toFailWith('LEAF_INVALID');
    expect(() => decodeLeaf(encodeCbor(new Map([...map, [11, []]]) as never))).toFailWith(
      'RECORD_EMPTY_PRESENT',
    );
    expect(() => decodeLeaf(encodeCbor(new Map([...map, [8, '']]) as never))).toFailWith('CBOR_OUT_OF_RANGE');
    for (const key of [4, 20])
      expect(() => decodeLeaf(encodeCbor(new Map([...map, [key, 253_402_300_800_000]]) as never))).toFailWith(
        'CBOR_OUT_OF_RANGE',
      );
    expect(() => decodeLeaf(bytes.slice(0, -1))).toFailWith('CBOR_TRUNCATED');
    expect(() => decodeLeaf(Uint8Array.from([...bytes, 0]))).toFailWith('CBOR_TRAILING');
    expect(() => decodeLeaf(fromHex('a0'))).toFailWith('RECORD_KEY_MISSING');
  });
});

describe('the identity of an action', () => {
  it('is the same however the JSON was spelled, and another for any other call', () => {
    const one = actionIdentity(nodeCrypto, 'pay', { to: 'bob', amount: 1 });
    expect(one).toHaveLength(32);
    expect(toHex(actionIdentity(nodeCrypto, 'pay', { amount: 1.0, to: 'bob' }))).toBe(toHex(one));
    const others = [
      actionIdentity(nodeCrypto, 'pay2', { to: 'bob', amount: 1 }),
      actionIdentity(nodeCrypto, 'pay', { to: 'bob', amount: 2 }),
      actionIdentity(nodeCrypto, 'pay', { to: 'bob', amount: '1' }),
      actionIdentity(nodeCrypto, 'pay', [{ to: 'bob', amount: 1 }]),
      actionIdentity(nodeCrypto, 'pay', null),
      actionIdentity(nodeCrypto, '', { to: 'bob', amount: 1 }),
    ].map(toHex);
    expect(new Set([toHex(one), ...others]).size).toBe(7);
  });

  it('has a fixed value', () => {
    // SHA-256("assay/action/32/v1" ‖ 00 ‖ u64be(34) ‖ '{"arguments":{"n":1},"tool":"pay"}').
    const preimage = '{"arguments":{"n":1},"tool":"pay"}';
    const length = new Uint8Array(8);
    length[7] = preimage.length;
    const expected = nodeCrypto.sha256(
      new TextEncoder().encode('assay/action/32/v1\0'),
      length,
      new TextEncoder().encode(preimage),
    );
    expect(toHex(actionIdentity(nodeCrypto, 'pay', { n: 1 }))).toBe(toHex(expected));
  });
});
