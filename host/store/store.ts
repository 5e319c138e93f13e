/**
 * The store of one log: stages leaves durably, turns them into published tiles, keeps the enclave's files.
 *
 * It judges nothing: the enclave verifies whatever comes back. What it does promise is that an answer means
 * durable. After a failed sync nothing is served until the next `open`, which closes every file, reads the disk
 * again and writes the tail afresh; a full disk refuses what does not fit and keeps serving the rest.
 */
import { utf8 } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { type AssayError, fail } from '../../src/base/errors.ts';
import { type Checkpoint, parseCheckpoint } from '../../src/log/checkpoint.ts';
import { decodeNote, parseNote } from '../../src/log/note.ts';
import type { Disk, DiskFile } from './disk.ts';
import { isMissing } from './disk.ts';
import { diskError, type Folder, openFolder } from './files.ts';
import { createLock, type Lock } from './lock.ts';
import { MAX_FILE_BYTES, readablePath, writablePath } from './paths.ts';
import { Stage, type StageLimits } from './stage.ts';
import type { Batch } from './stage-format.ts';
import { TileWriter } from './tile-writer.ts';

export interface StoreLimits extends StageLimits {
  /** Room that must be left on the disk when the store opens. */
  readonly headroomBytes: number;
}

export const DEFAULT_STORE_LIMITS: StoreLimits = {
  segmentBytes: 4 << 20,
  stageBytes: 1 << 30,
  headroomBytes: 64 << 10,
};

export interface StoreParts {
  readonly folder: string;
  readonly disk: Disk;
  readonly hashing: Hashing;
  /** Draws the name of a session: below 2^53, not guessable from the one before. */
  readonly session: () => number;
  readonly limits: StoreLimits;
}

export interface Opened {
  readonly session: number;
  /** Leaves in published tiles. */
  readonly published: number;
  /** Leaves that are durable, staged ones included. */
  readonly next: number;
}

export interface ReadPart {
  readonly found: boolean;
  readonly data: Uint8Array;
  /** Whether bytes follow. */
  readonly more: boolean;
}

/** What is open while the store serves. */
interface Open {
  readonly folder: Folder;
  readonly stage: Stage;
  readonly tiles: TileWriter;
}

const CHECKPOINT = 'log/checkpoint';
const FOLDERS = ['log', 'stage', 'objects', 'epochs', 'seals'];

export class Store {
  readonly #parts: StoreParts;
  readonly #staging: Lock = createLock();
  readonly #publishing: Lock = createLock();
  readonly #keeping: Lock = createLock();
  #open: Open | null = null;
  /** Why nothing is served until the next `open`. */
  #failure: AssayError | null = null;
  /** Whether the disk has refused bytes since the last opening, which alone proves that it takes them again. */
  #full = false;
  #session: number | null = null;

  constructor(parts: StoreParts) {
    this.#parts = parts;
  }

  /**
   * Starts a session and ends the one before it: from now on its writes are refused. Opens the folder first if
   * it is not open, has failed or was full.
   */
  open(): Promise<Opened> {
    return this.#alone(async () => {
      this.#session = null;
      if (this.#open === null || this.#failure !== null || this.#full) await this.#reopen();
      const { stage, tiles } = this.#serving();
      this.#session = this.#parts.session();
      return { session: this.#session, published: tiles.size, next: stage.next };
    });
  }

  /** Resolves once the batch is durable; leaves beyond `batch.first` that were never acknowledged are replaced. */
  stage(session: number, batch: Batch): Promise<void> {
    return this.#staging.run(() =>
      this.#guarded('stage', async () => {
        const { stage, tiles } = this.#writing(session);
        await stage.append(batch, tiles.size);
      }),
    );
  }

  /** The staged batch that holds leaf `index`, or null when there is none. */
  staged(index: number): Promise<Batch | null> {
    return this.#guarded('stage', async () => this.#serving().stage.read(index));
  }

  /** Makes tiles up to the checkpoint, then the checkpoint itself, durable. Resolves with the published size. */
  publish(session: number, note: string): Promise<number> {
    return this.#publishing.run(() =>
      this.#guarded(CHECKPOINT, async () => {
        const { folder, stage, tiles } = this.#writing(session);
        const { size, root } = parseCheckpoint(parseNote(note).text);
        if (size < tiles.size) return tiles.size;
        if (size > stage.next)
          fail('STORE_INDEX_CONFLICT', `a checkpoint of ${size}, but ${stage.next} leaves`);
        await tiles.advance(size, root, (index) => runFrom(stage, index));
        const writes = folder.begin();
        await writes.write(CHECKPOINT, [utf8(note)]);
        await writes.finish();
        await tiles.tidy();
        await stage.discard(size);
        return size;
      }),
    );
  }

  /** At most `MAX_FILE_BYTES` of a file from `offset` on. */
  read(path: string, offset: number): Promise<ReadPart> {
    return this.#guarded('read', async () => readPart(this.#serving().folder, readablePath(path), offset));
  }

  /** Keeps a file whole and durable in place of an older one of that name; one after the other, as asked for. */
  put(session: number, path: string, data: Uint8Array): Promise<void> {
    return this.#keeping.run(() =>
      this.#guarded('put', async () => {
        const { folder } = this.#writing(session);
        if (data.length > MAX_FILE_BYTES)
          fail('STORE_TOO_LARGE', `${data.length} bytes, allowed are ${MAX_FILE_BYTES}`);
        const writes = folder.begin();
        await writes.write(writablePath(path), [data]);
        await writes.finish();
      }),
    );
  }

  close(): Promise<void> {
    return this.#alone(async () => {
      this.#session = null;
      this.#open?.stage.close();
      this.#open = null;
    });
  }

  /** Runs when no write is in flight, that of a kept file included: none ends in a folder opened after it began. */
  #alone<T>(work: () => Promise<T>): Promise<T> {
    return this.#staging.run(() => this.#publishing.run(() => this.#keeping.run(work)));
  }

  #serving(): Open {
    if (this.#failure !== null) throw this.#failure;
    return this.#open ?? fail('STORE_SESSION_ENDED', 'the store has not been opened');
  }

  #writing(session: number): Open {
    const open = this.#serving();
    if (session !== this.#session) fail('STORE_SESSION_ENDED', 'this session has ended');
    return open;
  }

  async #guarded<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (cause) {
      const error = diskError(cause, what);
      if (POISONOUS.has(error.code)) this.#failure ??= error;
      if (error.code === 'STORE_FULL') this.#full = true;
      throw error;
    }
  }

  async #reopen(): Promise<void> {
    this.#open?.stage.close();
    this.#open = null;
    try {
      this.#open = await openAll(this.#parts);
      this.#failure = null;
      this.#full = false;
    } catch (cause) {
      this.#failure = diskError(cause, this.#parts.folder);
      throw this.#failure;
    }
  }
}

/** After these the files that are open cannot be trusted. */
const POISONOUS: ReadonlySet<string> = new Set([
  'STORE_FSYNC_FAILED',
  'STORE_IO',
  'STORE_STAGE_CORRUPT',
  'STORE_TILES_CORRUPT',
]);

async function openAll({ folder: path, disk, hashing, limits }: StoreParts): Promise<Open> {
  const folder = await openFolder(disk, path);
  const writes = folder.begin();
  for (const name of FOLDERS) writes.prepare(name);
  // Proves that the disk takes bytes again before anyone relies on it.
  await writes.write('tmp/headroom', [new Uint8Array(limits.headroomBytes)]);
  await writes.finish();
  await disk.remove(folder.absolute('tmp/headroom'));
  const head = readHead(folder, hashing);
  const tiles = TileWriter.open(folder, hashing, head.size, head.root);
  const stage = await Stage.open(folder, limits, head.size);
  return { folder, stage, tiles };
}

function readHead(folder: Folder, hashing: Hashing): Pick<Checkpoint, 'size' | 'root'> {
  const bytes = folder.read(CHECKPOINT, MAX_FILE_BYTES);
  if (bytes === null) return { size: 0, root: hashing.sha256(new Uint8Array(0)) };
  try {
    return parseCheckpoint(parseNote(decodeNote(bytes)).text);
  } catch (cause) {
    return fail('STORE_TILES_CORRUPT', `${CHECKPOINT} is no checkpoint`, { cause });
  }
}

function runFrom(stage: Stage, index: number): { entries: Uint8Array; count: number; skip: number } {
  const batch = stage.read(index) ?? fail('STORE_STAGE_CORRUPT', `leaf ${index} is not staged`);
  return { entries: batch.entries, count: batch.count, skip: index - batch.first };
}

function readPart(folder: Folder, path: string, offset: number): ReadPart {
  let file: DiskFile;
  try {
    file = folder.disk.open(folder.absolute(path), 'read');
  } catch (error) {
    if (isMissing(error)) return { found: false, data: new Uint8Array(0), more: false };
    throw error;
  }
  try {
    const data = file.read(offset, MAX_FILE_BYTES);
    return { found: true, data, more: offset + data.length < file.size() };
  } finally {
    file.close();
  }
}
