/** Bundles: the same items make the same bytes, and bytes that are not what would be written are not read. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { canonicalize } from '../../src/codec/jcs.ts';
import { type JsonValue, parseJson } from '../../src/codec/json.ts';
import {
  COLLATERAL_TYPE,
  type CollateralItem,
  itemBegins,
  itemEnds,
  parseBundle,
  readCollateral,
  recogniseCollateral,
  writeBundle,
} from '../../src/collateral/index.ts';
import { collateralFiles, collateralFolders, SAMPLES } from '../support/collateral.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { vectors } from '../support/vectors.ts';

interface Malformed {
  readonly name: string;
  readonly find: string;
  readonly with: string;
}

interface Bundle {
  readonly type: string;
  readonly valid_until: string;
  readonly items: readonly { readonly kind: string; readonly data: string }[];
}

const item = (bytes: Uint8Array): CollateralItem =>
  recogniseCollateral({ name: '', bytes })[0] as CollateralItem;
const ITEMS = SAMPLES.map(({ bytes }) => item(bytes));
const BUNDLE = writeBundle(ITEMS);
const TEXT = new TextDecoder().decode(BUNDLE);
const parsed = JSON.parse(TEXT) as Bundle;
const written = (bundle: Bundle): Uint8Array => canonicalize(bundle as unknown as JsonValue);

describe('writeBundle', () => {
  it('writes canonical JSON of what is in it and until when all of it is good', () => {
    expect(parsed.type).toBe(COLLATERAL_TYPE);
    expect(parsed.valid_until).toBe('2025-01-31T00:00:00Z');
    expect(
      parsed.items.map(({ kind, data }) => [kind, toHex(new Uint8Array(Buffer.from(data, 'base64')))]),
    ).toEqual(SAMPLES.map(({ kind, bytes }) => [kind, toHex(bytes)]));
    expect(written(parsed)).toEqual(BUNDLE);
    expect(canonicalize(parseJson(BUNDLE, { maxBytes: 100_000, maxDepth: 4 }))).toEqual(BUNDLE);
  });

  it('writes the same bytes for the same items, in any order and however often', () => {
    const serials = Array.from({ length: 6 }, (_, i) =>
      item(concat((ITEMS[0] as CollateralItem).bytes.subarray(0, -1), Uint8Array.of(i))),
    );
    const pool = [...ITEMS, ...serials];
    const once = writeBundle(pool);
    fc.assert(
      fc.property(
        fc.shuffledSubarray(pool, { minLength: pool.length }),
        fc.shuffledSubarray(pool),
        (all, more) => {
          expect(writeBundle([...more, ...all])).toEqual(once);
        },
      ),
      { numRuns: 200 },
    );
    expect(parseBundle(once).items).toHaveLength(pool.length);
  });

  it('writes no bundle of nothing, and none of more than 10,000', () => {
    expect(() => writeBundle([])).toFailWith('BUNDLE_INVALID');
    const [first] = ITEMS as [CollateralItem];
    const many = Array.from({ length: 10_001 }, (_, i) => ({
      ...first,
      bytes: fromHex(i.toString(16).padStart(4, '0')),
    }));
    expect(() => writeBundle(many)).toFailWith('BUNDLE_INVALID');
  });
});

describe('parseBundle', () => {
  it('reads what was written, and so does whoever is given it as a file', () => {
    const { items, ignored } = parseBundle(BUNDLE);
    expect([items, ignored]).toEqual([ITEMS, []]);
    expect([items, ignored].every(Object.isFrozen)).toBe(true);
    expect(readCollateral([{ name: 'bundle.json', bytes: BUNDLE }])).toEqual({ items, ignored });
  });

  it.each(vectors<Malformed>('bundle-malformed.json').cases)('refuses $name', ({ find, with: by }) => {
    expect(TEXT).toContain(find);
    expect(() => parseBundle(utf8(TEXT.replace(find, () => by)))).toFailWith('BUNDLE_INVALID');
  });

  it('refuses items out of order, twice, and missing', () => {
    const { items } = parsed;
    for (const changed of [items.toReversed(), [...items, ...items.slice(-1)], []])
      expect(() => parseBundle(written({ ...parsed, items: changed }))).toFailWith('BUNDLE_INVALID');
    // Without one that is not the first to end it is another bundle.
    expect(parseBundle(written({ ...parsed, items: items.slice(0, 2) })).items).toHaveLength(2);
    expect(() => parseBundle(written({ ...parsed, items: items.slice(2) }))).toFailWith('BUNDLE_INVALID');
  });

  it('refuses more than 16 MiB, and bytes that are no text', () => {
    expect(() => parseBundle(new Uint8Array(16_777_217))).toFailWith('BUNDLE_INVALID');
    expect(() => parseBundle(concat(BUNDLE, Uint8Array.of(0xff)))).toFailWith('BUNDLE_INVALID');
  });

  it('refuses it at every shorter length', () => {
    for (let length = 0; length < BUNDLE.length; length++)
      expect(() => parseBundle(BUNDLE.subarray(0, length))).toFailWith('BUNDLE_INVALID');
  });

  it('reads nothing but what it would write, whatever JSON it is given', () => {
    const items = fc.array(fc.constantFrom(...parsed.items, { kind: 'crl', data: '' }), { maxLength: 6 });
    const until = fc.constantFrom('2025-01-31T00:00:00Z', '2026-03-20T10:42:15Z', '2051-01-01T00:00:00Z');
    fc.assert(
      fc.property(items, until, (chosen, valid_until) => {
        const bytes = written({ ...parsed, items: chosen, valid_until });
        try {
          expect(writeBundle(parseBundle(bytes).items)).toEqual(bytes);
        } catch (error) {
          expect((error as AssayError).code).toBe('BUNDLE_INVALID');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('carries every recorded set through', () => {
    if (CORPUS === null) return void missing('collateral sets', 10);
    const sets = collateralFolders().map((folder) => readCollateral(collateralFiles('tdx', folder)).items);
    for (const set of sets) {
      const { items } = parseBundle(writeBundle(set));
      const bytes = (list: readonly CollateralItem[]): string[] => list.map((one) => toHex(one.bytes)).sort();
      expect(bytes(items)).toEqual(bytes(set));
      expect(items.every((one) => itemBegins(one) < itemEnds(one))).toBe(true);
    }
    // Sets share certificates and lists of the root, and a bundle of all has each once.
    const all = parseBundle(writeBundle(sets.flat())).items;
    expect(all.length).toBeLessThan(sets.flat().length);
  });
});
