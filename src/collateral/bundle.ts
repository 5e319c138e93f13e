/**
 * A bundle: what evidence was judged with, in one file that is kept beside it. It is canonical JSON (RFC 8785) of one
 * form, `{"items":[{"data":…,"kind":…}],"type":"assay/collateral/v1","valid_until":…}`: the same items make the same
 * bytes, in whatever order they came, so that a digest names what was at hand. Nothing in it is believed for being
 * there: every item carries its own signature.
 */
import { compareBytes } from '../base/bytes.ts';
import { formatTime } from '../base/clock.ts';
import { AssayError, fail, ParseError } from '../base/errors.ts';
import { fromBase64, toBase64 } from '../codec/base64.ts';
import { canonicalize } from '../codec/jcs.ts';
import { decodeUtf8 } from '../codec/utf8.ts';
import {
  type Collateral,
  type CollateralItem,
  type CollateralKind,
  itemEnds,
  itemOfKind,
  MAX_ITEMS,
} from './item.ts';

export const COLLATERAL_TYPE = 'assay/collateral/v1';

const KINDS: ReadonlySet<string> = new Set<CollateralKind>([
  'certificate',
  'crl',
  'qe-identity',
  'tcb-evaluation-numbers',
  'tcb-info',
]);
const isKind = (text: string): text is CollateralKind => KINDS.has(text);
const MAX_BUNDLE = 16_777_216;

/** Same items, in any order and however often: same bytes. Throws BUNDLE_INVALID for none, and for more than 10,000. */
export function writeBundle(items: readonly CollateralItem[]): Uint8Array {
  const sorted = [...items]
    .sort(compareItems)
    .filter((item, i, all) => i === 0 || compareItems(all[i - 1] as CollateralItem, item) !== 0);
  if (sorted.length === 0 || sorted.length > MAX_ITEMS)
    fail('BUNDLE_INVALID', `bundle: ${sorted.length} items, not 1..${MAX_ITEMS}`);
  return canonicalize({
    type: COLLATERAL_TYPE,
    valid_until: validUntil(sorted),
    items: sorted.map(({ kind, bytes }) => ({ kind, data: toBase64(bytes) })),
  });
}

/** By kind, then by the bytes. */
const compareItems = (a: CollateralItem, b: CollateralItem): number =>
  a.kind === b.kind ? compareBytes(a.bytes, b.bytes) : a.kind < b.kind ? -1 : 1;

/** When the first of them ends. */
const validUntil = (items: readonly CollateralItem[]): string =>
  formatTime(items.reduce((least, item) => Math.min(least, itemEnds(item)), Number.POSITIVE_INFINITY));

/**
 * Throws BUNDLE_INVALID unless the bytes are what `writeBundle` makes of the items in them. The canonical form leaves
 * one way to write each part, so it is read by that form, and nothing is built of text that keeps to another.
 */
export function parseBundle(bytes: Uint8Array): Collateral {
  if (bytes.length > MAX_BUNDLE) invalid(`longer than ${MAX_BUNDLE} bytes`, MAX_BUNDLE);
  const text = new BundleText(decodeUtf8(bytes) ?? invalid('not UTF-8', 0));
  const items: CollateralItem[] = [];
  text.expect('{"items":[{"data":"');
  do {
    if (items.length === MAX_ITEMS) invalid(`more than ${MAX_ITEMS} items`, text.at);
    const item = readItem(text, items.length);
    const previous = items[items.length - 1];
    if (previous !== undefined && compareItems(previous, item) >= 0)
      invalid(`items[${items.length}] is out of order or given twice`, text.at);
    items.push(item);
  } while (text.accept('},{"data":"'));
  text.expect(`}],"type":"${COLLATERAL_TYPE}","valid_until":"`);
  const claimed = text.untilQuote();
  text.expect('}');
  text.end();
  const until = validUntil(items);
  if (claimed !== until) invalid(`valid_until is not ${until}, when the first of its items ends`, text.at);
  return Object.freeze({ items: Object.freeze(items), ignored: Object.freeze([]) });
}

function readItem(text: BundleText, i: number): CollateralItem {
  const from = text.at;
  const data = text.untilQuote();
  text.expect(',"kind":"');
  const kind = text.untilQuote();
  if (!isKind(kind)) return invalid(`items[${i}] is of a kind that is not known`, from);
  try {
    return itemOfKind(kind, fromBase64(data));
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return invalid(`items[${i}] is not what it is said to be: ${error.message}`, from, error);
  }
}

function invalid(why: string, offset: number, cause?: Error): never {
  throw new ParseError('BUNDLE_INVALID', why, offset, 'bundle', cause === undefined ? {} : { cause });
}

/** A cursor over the text of a bundle: it knows where it is and what must come next. */
class BundleText {
  readonly #text: string;
  at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  accept(expected: string): boolean {
    const found = this.#text.startsWith(expected, this.at);
    if (found) this.at += expected.length;
    return found;
  }

  expect(expected: string): void {
    if (!this.accept(expected)) invalid(`not canonical: ${JSON.stringify(expected)} must follow`, this.at);
  }

  /** What stands before the next quote, which is passed. No text in a bundle has an escape. */
  untilQuote(): string {
    const from = this.at;
    const quote = this.#text.indexOf('"', from);
    if (quote === -1) invalid('ends inside a text', from);
    this.at = quote + 1;
    return this.#text.slice(from, quote);
  }

  end(): void {
    if (this.at !== this.#text.length) invalid('text after the end', this.at);
  }
}
