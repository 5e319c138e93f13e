/**
 * What a DER file is, told by the tags that it begins with: a certificate or a list that is cut short or damaged
 * further on still has the form of one, and the strict reader then says what is wrong with it.
 */
import { TAG } from '../codec/der.ts';

interface Header {
  readonly tag: number;
  readonly content: number;
  readonly next: number;
}

const LONG_FORM = 0x80;
const VERSION_OF_CERTIFICATE = 0xa0;

/** Null for what is neither, and for what ends before it can be told. */
export function derForm(bytes: Uint8Array): 'certificate' | 'crl' | null {
  // Both are longer than 127 bytes. That also tells them from text, which may begin with 0x30 as well: it is `0`.
  if (bytes[0] !== TAG.sequence || (bytes[1] ?? 0) < LONG_FORM) return null;
  const outer = header(bytes, 0);
  const signed = outer === null ? null : header(bytes, outer.content);
  if (signed?.tag !== TAG.sequence) return null;
  const tags = tagsFrom(bytes, signed.content, 4);
  if (tags[0] === VERSION_OF_CERTIFICATE) return 'certificate';
  // The version of a list and the serial number of a certificate of version 1 are both an INTEGER.
  const rest = tags[0] === TAG.integer ? tags.slice(1) : tags.slice(0, 3);
  if (rest[0] !== TAG.sequence || rest[1] !== TAG.sequence) return null;
  if (rest[2] === TAG.utcTime || rest[2] === TAG.generalizedTime) return 'crl';
  return tags[0] === TAG.integer && rest[2] === TAG.sequence ? 'certificate' : null;
}

function tagsFrom(bytes: Uint8Array, start: number, count: number): readonly number[] {
  const tags: number[] = [];
  let at = start;
  while (tags.length < count) {
    const found = header(bytes, at);
    if (found === null) break;
    tags.push(found.tag);
    at = found.next;
  }
  return tags;
}

/** An element's header as it claims to be; nothing is read by it. */
function header(bytes: Uint8Array, at: number): Header | null {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return null;
  if (first < LONG_FORM) return { tag, content: at + 2, next: at + 2 + first };
  const count = first & 0x7f;
  const content = at + 2 + count;
  if (count === 0 || count > 4 || content > bytes.length) return null;
  let length = 0;
  for (let i = at + 2; i < content; i++) length = length * 256 + (bytes[i] as number);
  return { tag, content, next: content + length };
}
