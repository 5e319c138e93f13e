/**
 * The certificate table that a host hands to an SEV-SNP guest (AMD 56421, GHCB, SNP Extended Guest Request): entries
 * of a GUID, an offset and a length, up to one that is zero, and behind them what they point at.
 */
import { isZero } from '../base/bytes.ts';
import { toHex } from '../base/hex.ts';
import { invalid } from './intel/fields.ts';

/** VCEK, VLEK, ASK, ARK and the ARK's list. A GUID's bytes stand in the order in which it is written. */
const KNOWN: ReadonlySet<string> = new Set([
  '63da758de6644564adc5f4b93be8accd',
  'a8074bc2a25a483eaae639c045a0b8a1',
  '4ab7b379bbac4fe4a02f05aef327c782',
  'c0b406a4a803495297433fb6014cd0ae',
  '92f81bc358114d3d97ffd19f88dc67ea',
]);

const FIRST: ReadonlySet<number> = new Set([...KNOWN].map((guid) => Number.parseInt(guid.slice(0, 2), 16)));

const GUID = 16;
const ENTRY = 24;
/** Five kinds are known; a host may add its own. */
const MAX_ENTRIES = 64;

/** Whether one of the entries is of a kind that is known; none of them is read. */
export function isAmdTable(bytes: Uint8Array): boolean {
  for (let i = 0; i < MAX_ENTRIES; i++) {
    const at = i * ENTRY;
    if (at + GUID > bytes.length) return false;
    const first = bytes[at] as number;
    if (first === 0 && isZero(guidAt(bytes, i))) return false;
    // Every file of a folder is asked; most entries of most files are told apart by one octet.
    if (FIRST.has(first) && KNOWN.has(toHex(guidAt(bytes, i)))) return true;
  }
  return false;
}

/**
 * What the entries of known kinds point at, views of the input: DER or PEM. Throws COLLATERAL_INVALID for an entry
 * that points out of the table or into its entries, and for entries without an end.
 */
export function readAmdTable(bytes: Uint8Array): readonly Uint8Array[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = entriesOf(bytes);
  const contents: Uint8Array[] = [];
  for (let i = 0; i < count; i++) {
    const offset = view.getUint32(i * ENTRY + GUID, true);
    const length = view.getUint32(i * ENTRY + GUID + 4, true);
    // Both are below 2^32 and numbers here are not: the sum cannot wrap.
    if (offset < (count + 1) * ENTRY || length === 0 || offset + length > bytes.length)
      invalid(`certificate_table[${i}]`, `${length} bytes at ${offset} are not behind the entries`);
    if (KNOWN.has(toHex(guidAt(bytes, i)))) contents.push(bytes.subarray(offset, offset + length));
  }
  return contents;
}

function entriesOf(bytes: Uint8Array): number {
  for (let i = 0; i <= MAX_ENTRIES; i++) {
    if ((i + 1) * ENTRY > bytes.length) break;
    if (isZero(bytes.subarray(i * ENTRY, (i + 1) * ENTRY))) return i;
  }
  return invalid('certificate_table', `has no end among its first ${MAX_ENTRIES} entries`);
}

const guidAt = (bytes: Uint8Array, i: number): Uint8Array => bytes.subarray(i * ENTRY, i * ENTRY + GUID);
