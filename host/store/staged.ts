/** How far a store's stage goes, read beside the store that writes it. */
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { readRecord, readSalt, recordLength, SEGMENT_HEADER } from './stage-format.ts';

const SEGMENT = /^[0-9]{16}\.wal$/;

/**
 * The size of the log with every leaf that is durable and perhaps not published; 0 when nothing is staged. A batch
 * that is being written at this moment may count or not. Segments come and go meanwhile, so what cannot be read is
 * passed over: this decides how long to wait, never what is in a log.
 */
export async function stagedSize(store: string): Promise<number> {
  const folder = join(store, 'stage');
  const names = (await readdir(folder).catch(() => [])).filter((name) => SEGMENT.test(name)).sort();
  for (const name of names.reverse()) {
    const bytes = await readFile(join(folder, name)).catch(() => new Uint8Array(0));
    const size = endOf(new Uint8Array(bytes));
    if (size > 0) return size;
  }
  return 0;
}

function endOf(segment: Uint8Array): number {
  const salt = readSalt(segment);
  if (salt === null) return 0;
  let end = 0;
  for (let at = SEGMENT_HEADER; ; ) {
    const place = readRecord(segment, at, salt);
    if (place === null) return end;
    end = place.first + place.count;
    at += recordLength(place);
  }
}
