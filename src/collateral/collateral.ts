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

class ItemSet {
  readonly #items: Map<string, CollateralItem> = new Map();

  /** All of them or, when there would be too many, none. */
  add(items: readonly CollateralItem[]): void {
    const fresh = new Map(items.map((item) => [latin1.decode(item.bytes), item]));
    for (const key of fresh.keys()) if (this.#items.has(key)) fresh.delete(key);
    if (this.#items.size + fresh.size > MAX_ITEMS) invalid('collateral', `more than ${MAX_ITEMS} items`);
    for (const [key, item] of fresh) this.#items.set(key, item);
  }

  all(): readonly CollateralItem[] {
    return Object.freeze([...this.#items.values()]);
  }
}
