/**
 * Where a recorded file comes from, and how its bytes are found in what is fetched. A source reads
 * `owner/repo@commit:path`, some with a remark ("base64-decoded", "hex literal"). The remark is for people: the
 * SHA-256 decides. Every plausible reading of the fetched file is tried until one has the recorded hash, so a
 * source cannot slip in other bytes and a lost remark loses no file.
 */
import { createHash } from 'node:crypto';

export interface Source {
  readonly repo: string;
  readonly commit: string;
  readonly path: string;
}

const SOURCE = /^([\w.-]+\/[\w.-]+)@([0-9a-f]{40}):([^\s{}+]+)/;

/** Null for what has no single public file: synthetic, derived or generated data. */
export function parseSource(text: string): Source | null {
  const match = SOURCE.exec(text);
  return match === null
    ? null
    : { repo: match[1] as string, commit: match[2] as string, path: (match[3] as string).replace(/,$/, '') };
}

export function urlOf(mirror: string, { repo, commit, path }: Source): string {
  return `${mirror}/${repo}/${commit}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

function* literals(text: string): Generator<Uint8Array> {
  const compact = text.replace(/\s+/g, '');
  yield Buffer.from(compact, 'base64');
  yield Buffer.from(compact.replace(/^0x/, ''), 'hex');
  for (const [block, body] of text.matchAll(
    /-----BEGIN [A-Z0-9 ]+-----([A-Za-z0-9+/=\s\\n]+)-----END [A-Z0-9 ]+-----/g,
  )) {
    yield Buffer.from(block);
    yield Buffer.from(`${block}\n`);
    yield Buffer.from((body as string).replace(/\\n/g, ''), 'base64');
  }
  for (const [word] of text.matchAll(/[0-9a-fA-F]{32,}/g)) yield Buffer.from(word, 'hex');
  for (const [word] of text.matchAll(/[A-Za-z0-9+/_-]{32,}={0,2}/g)) yield Buffer.from(word, 'base64');
}

/** COSE_Sign1 arrays inside a larger binary: `84 44 a1013822 a0 59 LLLL … 58 60 <96 bytes>`. */
function* embeddedCose(bytes: Uint8Array): Generator<Uint8Array> {
  const buffer = Buffer.from(bytes);
  const head = Buffer.from('8444a1013822a059', 'hex');
  for (let at = buffer.indexOf(head); at !== -1; at = buffer.indexOf(head, at + 1)) {
    const payload = buffer.readUInt16BE(at + head.length);
    yield buffer.subarray(at, at + head.length + 2 + payload + 2 + 96);
  }
}

/** The bytes with the recorded hash, or null when no reading of the fetched file has it. */
export function extract(fetched: Uint8Array, wanted: string): Uint8Array | null {
  if (sha256(fetched) === wanted) return fetched;
  const text = new TextDecoder().decode(fetched);
  for (const candidate of literals(text)) if (sha256(candidate) === wanted) return candidate;
  for (const candidate of embeddedCose(fetched)) if (sha256(candidate) === wanted) return candidate;
  return null;
}
