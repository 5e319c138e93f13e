/**
 * The distance that AMD's key service wants between requests for certificates of chips: about ten seconds for each
 * address, so all processes of this machine draw their turns from one file. A turn is taken before it is waited for:
 * nobody holds a lock while it sleeps.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { utf8 } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import { readPrivate, withLock, writePrivate } from './files.ts';
import { type Waiting, waitFor } from './retry.ts';

export interface Pace {
  /** Resolves when it is this request's turn; COLLATERAL_RATE_LIMITED when that is longer than may be waited. */
  turn(url: string): Promise<void>;
  /** The server wants nobody to ask for so long. */
  postpone(url: string, ms: number): Promise<void>;
}

/** A turn further ahead was written by a clock that has been set back since. */
const MAX_AHEAD_MS = 3_600_000;
const MAX_FILE = 64;

export function createPace(folder: string, distanceMs: number, waiting: Waiting): Pace {
  const pathOf = (url: string): string => {
    const origin = createHash('sha256').update(new URL(url).origin).digest('hex');
    return join(folder, 'turns', origin.slice(0, 32));
  };
  return {
    async turn(url) {
      const path = pathOf(url);
      const waitMs = await withLock(path, () => {
        const now = waiting.now();
        const mine = Math.max(now, nextTurn(path, now));
        if (mine - now <= waiting.maxWaitMs) write(path, mine + distanceMs);
        return mine - now;
      });
      if (waitMs > waiting.maxWaitMs)
        fail('COLLATERAL_RATE_LIMITED', `${url}: the next turn is in ${Math.ceil(waitMs / 1_000)} s`);
      if (waitMs > 0) await waitFor(waitMs, `${new URL(url).host} wants its distance; asking`, waiting);
    },
    async postpone(url, ms) {
      const path = pathOf(url);
      await withLock(path, () => {
        const now = waiting.now();
        write(path, Math.max(nextTurn(path, now), now + Math.min(ms, MAX_AHEAD_MS)));
      });
    },
  };
}

/** What cannot be read is taken for no turn: the file keeps a distance, it protects nothing. */
function nextTurn(path: string, now: Millis): Millis {
  let bytes: Uint8Array | null = null;
  try {
    bytes = readPrivate(path, MAX_FILE);
  } catch {
    // Written over below.
  }
  const text = new TextDecoder('latin1').decode(bytes ?? new Uint8Array(0));
  const at = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  return at > now + MAX_AHEAD_MS ? 0 : at;
}

const write = (path: string, at: Millis): void => writePrivate(path, utf8(String(Math.ceil(at))));
