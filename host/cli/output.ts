/** Files that a command makes. */
import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';

/** Throws FILE_EXISTS, before any work is done for a file that would not be written. */
export function refuseOverwrite(path: string, force: boolean): void {
  if (!force && existsSync(path)) fail('FILE_EXISTS', `${path} is there already`);
}

/** All or nothing: a reader never sees half a file. */
export function writeWhole(path: string, content: string | Uint8Array): void {
  const partial = `${path}.${toHex(crypto.getRandomValues(new Uint8Array(4)))}`;
  try {
    writeFileSync(partial, content, { mode: 0o644, flag: 'wx' });
    renameSync(partial, path);
  } catch (cause) {
    fail('FILE_UNREADABLE', `${path}: cannot be written`, { cause });
  }
}
