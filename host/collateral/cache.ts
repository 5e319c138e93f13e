/**
 * Answers of the vendors' services, kept by their address: one file each, named by the SHA-256 of the address. An
 * entry that is not exactly what was written is no entry: it is asked for again and written over. Nothing is believed
 * because it comes from here; it is read and compared like an answer from the network.
 */
import { createHash } from 'node:crypto';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import { equalBytes } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import { AssayError } from '../../src/base/errors.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import { canonicalize } from '../../src/codec/jcs.ts';
import { bytesOf, jsonArray, jsonBytes, jsonObject, jsonText, jsonUint } from '../../src/codec/json-shape.ts';
import { parseJson } from '../../src/codec/json.ts';
import { readPrivate, writePrivate } from './files.ts';

export interface Kept {
  /** When the answer came. */
  readonly at: Millis;
  readonly body: Uint8Array;
  /** What came in headers beside the body: the issuers' certificates, as served. */
  readonly chain: readonly string[];
}

export interface Cache {
  /** Null for what is not there, or is not what was written. */
  read(url: string): Kept | null;
  write(url: string, kept: Kept): void;
}

const TYPE = 'assay/collateral-cache/v1';
const MAX_FILE = 8 * 1024 * 1024;
const MAX_BODY = 4 * 1024 * 1024;
const KEYS = ['type', 'url', 'at', 'chain', 'body', 'sha256'];

/** `$XDG_CACHE_HOME/assay/collateral`; by its specification a relative value counts as none. */
export function defaultCacheFolder(environment: NodeJS.ProcessEnv = process.env): string {
  const chosen = environment['XDG_CACHE_HOME'] ?? '';
  return join(isAbsolute(chosen) ? chosen : join(homedir(), '.cache'), 'assay', 'collateral');
}

export function openCache(folder: string): Cache {
  const pathOf = (url: string): string =>
    join(folder, 'answers', `${createHash('sha256').update(url).digest('hex')}.json`);
  return {
    read(url) {
      try {
        const bytes = readPrivate(pathOf(url), MAX_FILE);
        return bytes === null ? null : parseEntry(bytes, url);
      } catch (error) {
        if (error instanceof AssayError) return null;
        throw error;
      }
    },
    write: (url, kept) => writePrivate(pathOf(url), formatEntry(url, kept)),
  };
}

function formatEntry(url: string, kept: Kept): Uint8Array {
  const { at, chain, body } = kept;
  return canonicalize({ type: TYPE, url, at, chain, body: toBase64(body), sha256: toBase64(digest(kept)) });
}

/** Null when it is another one's, or damaged; throws for what is no entry at all. */
function parseEntry(bytes: Uint8Array, url: string): Kept | null {
  const entry = jsonObject(parseJson(bytes, { maxBytes: MAX_FILE, maxDepth: 4 }), 'entry', KEYS);
  const kept = {
    at: jsonUint(entry, 'at', 'entry'),
    body: bytesOf(entry['body'], 'entry.body', { max: MAX_BODY }),
    chain: jsonArray(entry, 'chain', 'entry', 4, (item) => jsonText({ item }, 'item', 'entry.chain')),
  };
  const same =
    jsonText(entry, 'type', 'entry') === TYPE &&
    jsonText(entry, 'url', 'entry') === url &&
    equalBytes(jsonBytes(entry, 'sha256', 'entry', 32), digest(kept));
  return same ? kept : null;
}

/** Against damage, not against whoever can write here. */
function digest({ at, chain, body }: Kept): Uint8Array {
  const hash = createHash('sha256').update(canonicalize([at, chain]));
  return new Uint8Array(hash.update(body).digest());
}
