/** An audit bundle or a store, as a folder. */
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError, fail } from '../../src/base/errors.ts';
import type { AuditReader } from '../../verifier/index.ts';

/** Reads files below `folder`; paths come from this program only, never from a bundle. */
export function folderReader(folder: string): AuditReader {
  return { read: (path, maxBytes) => readBounded(join(folder, path), maxBytes) };
}

const ABSENT: ReadonlySet<string | undefined> = new Set(['ENOENT', 'ENOTDIR']);

async function readBounded(path: string, maxBytes: number): Promise<Uint8Array | null> {
  try {
    await using file = await open(path, 'r');
    const { size } = await file.stat();
    if (size > maxBytes) fail('FILE_UNREADABLE', `${path}: longer than ${maxBytes} bytes`);
    const bytes = new Uint8Array(size);
    let at = 0;
    while (at < size) {
      const { bytesRead } = await file.read(bytes, at, size - at, at);
      if (bytesRead === 0) fail('FILE_UNREADABLE', `${path}: became shorter while it was read`);
      at += bytesRead;
    }
    return bytes;
  } catch (error) {
    return absentOrFail(path, error, null);
  }
}

/** Names in a folder; none when there is no such folder. */
export async function namesIn(path: string): Promise<string[]> {
  try {
    return await readdir(path);
  } catch (error) {
    return absentOrFail(path, error, []);
  }
}

function absentOrFail<T>(path: string, error: unknown, absent: T): T {
  if (error instanceof AssayError) throw error;
  const { code } = error as { code?: string };
  if (ABSENT.has(code)) return absent;
  throw new AssayError('FILE_UNREADABLE', `${path}: ${code ?? 'cannot be read'}`, { cause: error });
}
