/**
 * C2SP tlog-proof (c2sp.org/tlog-proof@v1): an inclusion proof and its checkpoint as one text.
 *
 *     c2sp.org/tlog-proof@v1
 *     extra <base64>            optional; authenticated by nothing in this format
 *     index <n>
 *     <base64 of each hash>
 *
 *     <checkpoint note>
 */
import { fail, ParseError } from '../base/errors.ts';
import { fromBase64, toBase64 } from '../codec/base64.ts';
import { HASH_SIZE, isSize, MAX_PROOF } from './merkle.ts';

export interface TlogProof {
  readonly extra: Uint8Array | null;
  readonly index: number;
  readonly hashes: readonly Uint8Array[];
  /** A signed note; not looked into here. */
  readonly checkpoint: string;
}

const HEADER = 'c2sp.org/tlog-proof@v1';
const MAX_TEXT = 1_500_000;
const INDEX = /^index (0|[1-9][0-9]{0,15})$/;

/** Throws `TLOG_PROOF_INVALID` with the UTF-16 offset. */
export function parseTlogProof(text: string): TlogProof {
  if (text.length > MAX_TEXT) throw new ParseError('TLOG_PROOF_INVALID', `longer than ${MAX_TEXT}`, 0);
  const blank = text.indexOf('\n\n');
  if (blank < 0)
    throw new ParseError('TLOG_PROOF_INVALID', 'no blank line before the checkpoint', text.length);
  const lines = text.slice(0, blank).split('\n');
  if (lines.length > MAX_PROOF + 3)
    throw new ParseError('TLOG_PROOF_INVALID', `more than ${MAX_PROOF} hashes`, 0);
  if (lines[0] !== HEADER) throw new ParseError('TLOG_PROOF_INVALID', `not ${HEADER}`, 0);
  let at = HEADER.length + 1;
  let next = 1;
  const take = (): { line: string; at: number } => {
    const line = lines[next++] ?? '';
    const start = at;
    at += line.length + 1;
    return { line, at: start };
  };
  const hasExtra = lines[1]?.startsWith('extra ') === true;
  const extraLine = hasExtra ? take() : null;
  const extra = extraLine === null ? null : base64(extraLine.line.slice(6), extraLine.at + 6);
  const indexLine = take();
  const index = Number(INDEX.exec(indexLine.line)?.[1] ?? Number.NaN);
  if (!isSize(index)) throw new ParseError('TLOG_PROOF_INVALID', 'not an index line', indexLine.at);
  const hashes: Uint8Array[] = [];
  while (next < lines.length) {
    const { line, at: start } = take();
    const hash = base64(line, start);
    if (hash.length !== HASH_SIZE)
      throw new ParseError('TLOG_PROOF_INVALID', `a hash of ${hash.length} bytes`, start);
    hashes.push(hash);
  }
  const checkpoint = text.slice(blank + 2);
  if (checkpoint === '') throw new ParseError('TLOG_PROOF_INVALID', 'no checkpoint', text.length);
  return { extra, index, hashes, checkpoint };
}

function base64(text: string, at: number): Uint8Array {
  try {
    return fromBase64(text);
  } catch (cause) {
    throw new ParseError('TLOG_PROOF_INVALID', 'not base64', at, '', { cause });
  }
}

export function formatTlogProof({ extra, index, hashes, checkpoint }: TlogProof): string {
  if (!isSize(index)) fail('TLOG_PROOF_INVALID', `${index} is no leaf index`);
  const lines = [HEADER];
  if (extra !== null) lines.push(`extra ${toBase64(extra)}`);
  lines.push(`index ${index}`, ...hashes.map(toBase64));
  return `${lines.join('\n')}\n\n${checkpoint}`;
}
