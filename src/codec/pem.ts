/** PEM text (RFC 7468). */
import { AssayError, ParseError } from '../base/errors.ts';
import { fromBase64, toBase64 } from './base64.ts';

const LINE = 64;
const DASH = 0x2d;
const LABEL = /^[A-Z0-9]+(?:[ -][A-Z0-9]+)*$/;

export function formatPem(label: string, der: Uint8Array): string {
  const body = toBase64(der);
  let out = `-----BEGIN ${label}-----\n`;
  for (let i = 0; i < body.length; i += LINE) out += `${body.slice(i, i + LINE)}\n`;
  return `${out}-----END ${label}-----\n`;
}

/**
 * The content of every block of this label, in order. Text between blocks is explanation (RFC 7468 section 5.2)
 * and blocks of other labels are passed over, but each must be whole. Within a block white space is ignored and
 * the base64 must be canonical. Throws ParseError `PEM_INVALID`, also when there is no such block.
 */
export function parsePem(text: string, label: string, path = ''): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  let open: { label: string; start: number; body: string[] } | null = null;
  let at = 0;
  while (at < text.length) {
    const newline = text.indexOf('\n', at);
    const next = newline === -1 ? text.length : newline + 1;
    const line = trimLine(text, at, next);
    const begins = boundary(line, '-----BEGIN ');
    const ends = boundary(line, '-----END ');
    if (begins !== null) {
      if (open !== null) invalid('a block begins inside a block', at, path);
      open = { label: begins, start: at, body: [] };
    } else if (ends !== null) {
      if (open === null || open.label !== ends) invalid('END without its BEGIN', at, path);
      if (ends === label) found.push(content(open.body.join(''), open.start, path));
      open = null;
    } else if (open !== null) open.body.push(line);
    at = next;
  }
  if (open !== null) invalid(`no END of ${open.label}`, open.start, path);
  if (found.length === 0) invalid(`no ${label} block`, 0, path);
  return Object.freeze(found);
}

function content(body: string, start: number, path: string): Uint8Array {
  try {
    const bytes = fromBase64(body.replace(/[ \t]/g, ''));
    if (bytes.length === 0) invalid('empty block', start, path);
    return bytes;
  } catch (error) {
    if (error instanceof AssayError && error.code === 'BASE64_INVALID')
      invalid('block is not canonical base64', start, path);
    throw error;
  }
}

function boundary(line: string, opening: string): string | null {
  if (line.charCodeAt(0) !== DASH || !line.startsWith(opening) || !line.endsWith('-----')) return null;
  const label = line.slice(opening.length, -5);
  return label.length <= 64 && LABEL.test(label) ? label : null;
}

function trimLine(text: string, from: number, to: number): string {
  let end = to;
  while (end > from && isSpace(text.charCodeAt(end - 1))) end--;
  return text.slice(from, end);
}

function isSpace(code: number): boolean {
  return code === 0x20 || (code >= 0x09 && code <= 0x0d);
}

function invalid(why: string, offset: number, path: string): never {
  throw new ParseError('PEM_INVALID', why, offset, path);
}
