/** What is at hand: the collateral of all files, each piece once, and what of them could not be used. */
import { AssayError } from '../base/errors.ts';
import { invalid } from './intel/fields.ts';
import { type Collateral, type CollateralItem, MAX_ITEMS } from './item.ts';
import { type CollateralFile, recogniseCollateral } from './recognise.ts';

type Ignored = Collateral['ignored'][number];

/** Never throws because of what files hold: a broken or foreign file is listed in `ignored` with its code. */
export function readCollateral(files: readonly CollateralFile[]): Collateral {
  const items = new ItemSet();
  const ignored: Ignored[] = [];
  for (const file of files) {
    try {
      const found = recogniseCollateral(file);
      if (found.length === 0) ignored.push(foreign(file.name));
      items.add(found);
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      ignored.push(Object.freeze({ name: file.name, code: error.code, why: error.message }));
    }
  }
  return Object.freeze({ items: items.all(), ignored: Object.freeze(ignored) });
}

const foreign = (name: string): Ignored =>
  Object.freeze({ name, code: null, why: 'holds no collateral that is known here' });

/** In the order of the parts. Throws COLLATERAL_INVALID when there are more than 10,000 items in all. */
export function mergeCollateral(...parts: readonly Collateral[]): Collateral {
  const items = new ItemSet();
  for (const part of parts) items.add(part.items);
  return Object.freeze({
    items: items.all(),
    ignored: Object.freeze(parts.flatMap(({ ignored }) => ignored)),
  });
}

/** Bytes as text, one character a byte: a key that only equal bytes have. */
const latin1 = new TextDecoder('latin1');

/** Items of different bytes, in the order in which they came. */
class ItemSet {
  readonly #items: CollateralItem[] = [];
  /** Only those of one length can be the same, and most lengths occur once: then no key is made. */
  readonly #byLength: Map<number, CollateralItem | Set<string>> = new Map();

  /** All of them or, when there would be too many, none. */
  add(items: readonly CollateralItem[]): void {
    const fresh = new ItemSet();
    for (const item of items) if (!this.#has(item) && !fresh.#has(item)) fresh.#put(item);
    if (this.#items.length + fresh.#items.length > MAX_ITEMS)
      invalid('collateral', `more than ${MAX_ITEMS} items`);
    for (const item of fresh.#items) this.#put(item);
  }

  all(): readonly CollateralItem[] {
    return Object.freeze(this.#items);
  }

  #has({ bytes }: CollateralItem): boolean {
    return this.#keys(bytes.length)?.has(latin1.decode(bytes)) ?? false;
  }

  #put(item: CollateralItem): void {
    const { length } = item.bytes;
    const keys = this.#keys(length);
    if (keys === null) this.#byLength.set(length, item);
    else keys.add(latin1.decode(item.bytes));
    this.#items.push(item);
  }

  /** Of the items of this length; null when there are none. */
  #keys(length: number): Set<string> | null {
    const same = this.#byLength.get(length);
    if (same === undefined || same instanceof Set) return same ?? null;
    const keys = new Set([latin1.decode(same.bytes)]);
    this.#byLength.set(length, keys);
    return keys;
  }
}
