/**
 * The stage: an append-only log of batches in segments. A batch is acknowledged when one fdatasync has made it
 * durable; batches leave the stage when their leaves are in published tiles.
 *
 * On opening, the last segment is read, its torn end dropped, and what is left written to a fresh file that takes
 * its place: after a failed sync the kernel may hold pages that never reached the device, so bytes that are about
 * to be served are made durable again first. Only a batch that was never acknowledged can be torn, because a
 * batch is written after the one before it is durable; damage anywhere else is `STORE_STAGE_CORRUPT`. (A disk that
 * damages the very last batch after it was synced looks the same as a torn one; receipts prove such a loss.)
 */
import { randomBytes } from 'node:crypto';
import { fail } from '../../src/base/errors.ts';
import type { DiskFile } from './disk.ts';
import { type Folder, syncFile } from './files.ts';
import {
  type Batch,
  bodyHolds,
  encodeRecordHeader,
  encodeSegmentHeader,
  findRecord,
  isBatch,
  readRecord,
  readSalt,
  RECORD_HEADER,
  type RecordPlace,
  recordLength,
  SALT_BYTES,
  SEGMENT_HEADER,
} from './stage-format.ts';

export interface StageLimits {
  /** A segment that has grown beyond this is closed, so that it can be discarded as a whole. */
  readonly segmentBytes: number;
  /** Together, segments do not grow beyond this: `STORE_FULL`. */
  readonly stageBytes: number;
}

interface Segment {
  readonly number: number;
  readonly path: string;
  readonly salt: Uint8Array;
  readonly file: DiskFile;
  length: number;
}

interface Entry extends RecordPlace {
  readonly segment: Segment;
  readonly at: number;
}

const DIGITS = 16;
const NAME = /^([0-9]{16})\.wal$/;
/** No segment is read that could not have been written. */
const MAX_SEGMENT_BYTES = 1 << 30;

function pathOf(number: number): string {
  return `stage/${String(number).padStart(DIGITS, '0')}.wal`;
}

export class Stage {
  readonly #folder: Folder;
  readonly #limits: StageLimits;
  readonly #segments: Segment[] = [];
  /** Batches that are not published, in order and without gaps. */
  #entries: Entry[] = [];
  #next: number;
  #nextNumber = 0;

  private constructor(folder: Folder, limits: StageLimits, published: number) {
    this.#folder = folder;
    this.#limits = limits;
    this.#next = published;
  }

  /** Reads the stage above `published` leaves. Throws `STORE_STAGE_CORRUPT`, or what the disk throws. */
  static async open(folder: Folder, limits: StageLimits, published: number): Promise<Stage> {
    const stage = new Stage(folder, limits, published);
    try {
      await stage.#load(published);
    } catch (error) {
      stage.close();
      throw error;
    }
    return stage;
  }

  /** Index after the last durable leaf. */
  get next(): number {
    return this.#next;
  }

  get bytes(): number {
    return this.#segments.reduce((sum, { length }) => sum + length, 0);
  }

  /**
   * Makes a batch durable after the leaves before `batch.first`; unacknowledged leaves from there on are replaced.
   * Throws `STORE_FSYNC_FAILED`, after which the stage must be closed and opened again. When it throws anything
   * else, nothing has changed.
   */
  async append(batch: Batch, published: number): Promise<void> {
    this.#checkPlace(batch.first, published);
    if (!isBatch(batch)) fail('STORE_BATCH_INVALID', `not ${batch.count} entries`);
    const segment = await this.#current();
    const header = encodeRecordHeader(segment.salt, batch);
    const length = header.length + batch.note.length + batch.entries.length;
    if (this.bytes + length > this.#limits.stageBytes)
      fail(
        'STORE_FULL',
        `the stage may hold ${this.#limits.stageBytes} bytes of leaves that are not in tiles`,
      );
    try {
      segment.file.write([header, batch.note, batch.entries], segment.length);
    } catch (error) {
      // Half a record at the end is harmless, but on a full disk it would keep the space.
      segment.file.truncate(segment.length);
      throw error;
    }
    await syncFile(segment.file, segment.path);
    const place = readRecordPlace(batch, header);
    this.#add({ ...place, segment, at: segment.length });
    segment.length += length;
  }

  /** The batch that holds leaf `index`; null when it is not staged. Damage is `STORE_STAGE_CORRUPT`. */
  read(index: number): Batch | null {
    const entry = this.#entries[this.#indexOf(index)];
    if (entry === undefined || entry.first > index) return null;
    const body = entry.segment.file.read(entry.at + RECORD_HEADER, entry.noteLength + entry.entriesLength);
    if (!bodyHolds(entry, body)) fail('STORE_STAGE_CORRUPT', `${entry.segment.path} at byte ${entry.at}`);
    return {
      first: entry.first,
      count: entry.count,
      note: body.subarray(0, entry.noteLength),
      entries: body.subarray(entry.noteLength),
    };
  }

  /** Forgets leaves below `published`, and removes segments that hold no others. */
  async discard(published: number): Promise<void> {
    const keep = this.#indexOf(published);
    if (keep > 0) this.#entries = this.#entries.slice(keep);
    while (this.#segments.length > 0) {
      const segment = this.#segments[0] as Segment;
      // Asked anew each time: while a file is being removed, a batch may become durable in the next segment.
      const oldest = this.#entries[0]?.segment.number ?? Number.POSITIVE_INFINITY;
      const current = this.#segments.length === 1;
      if (segment.number >= oldest || (current && segment.length < this.#limits.segmentBytes)) return;
      segment.file.close();
      this.#segments.shift();
      await this.#folder.disk.remove(this.#folder.absolute(segment.path));
    }
  }

  close(): void {
    for (const { file } of this.#segments.splice(0)) file.close();
    this.#entries = [];
  }

  /** A batch follows the last one, or replaces whole batches: what was signed over one cannot be split. */
  #checkPlace(first: number, published: number): void {
    const replaced = first < this.#next ? this.#entries[this.#indexOf(first)]?.first : this.#next;
    if (first < published || first !== replaced)
      fail(
        'STORE_INDEX_CONFLICT',
        `no batch can start at ${first}: published ${published}, durable ${this.#next}`,
      );
  }

  /** Position of the first batch that ends after leaf `index`. */
  #indexOf(index: number): number {
    let low = 0;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { first, count } = this.#entries[middle] as Entry;
      if (first + count <= index) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #add(entry: Entry): void {
    while (
      this.#entries.length > 0 &&
      (this.#entries[this.#entries.length - 1] as Entry).first >= entry.first
    )
      this.#entries.pop();
    this.#entries.push(entry);
    this.#next = entry.first + entry.count;
  }

  async #current(): Promise<Segment> {
    const last = this.#segments[this.#segments.length - 1];
    if (last !== undefined && last.length < this.#limits.segmentBytes) return last;
    const path = pathOf(this.#nextNumber);
    const salt = randomBytes(SALT_BYTES);
    const writes = this.#folder.begin();
    await writes.write(path, [encodeSegmentHeader(salt)]);
    await writes.finish();
    return this.#adopt(this.#nextNumber, salt, SEGMENT_HEADER);
  }

  #adopt(number: number, salt: Uint8Array, length: number): Segment {
    const path = pathOf(number);
    const file = this.#folder.disk.open(this.#folder.absolute(path), 'write');
    const segment: Segment = { number, path, salt, file, length };
    this.#segments.push(segment);
    this.#nextNumber = number + 1;
    return segment;
  }

  async #load(published: number): Promise<void> {
    const scans = this.#numbers().map((number, i, { length }) => this.#scan(number, i === length - 1));
    const live = liveRecords(scans, published);
    for (const segment of scans) {
      const records = live.filter(({ number }) => number === segment.number);
      if (segment === scans[scans.length - 1]) await this.#refresh(segment, records);
      else {
        const adopted = this.#adopt(segment.number, segment.salt, segment.bytes.length);
        for (const { place, at } of records) this.#add({ ...place, segment: adopted, at });
      }
    }
    await this.discard(published);
  }

  #numbers(): number[] {
    const names = this.#folder.disk.list(this.#folder.absolute('stage'));
    const digits = names.map((name) => NAME.exec(name)?.[1]).filter((match) => match !== undefined);
    return digits.map(Number).sort((a, b) => a - b);
  }

  #scan(number: number, last: boolean): Scanned {
    const path = pathOf(number);
    const bytes = this.#folder.read(path, MAX_SEGMENT_BYTES) ?? new Uint8Array(0);
    const salt = readSalt(bytes) ?? fail('STORE_STAGE_CORRUPT', `${path} is no segment`);
    return { number, bytes, salt, records: scan(bytes, salt, number, last) };
  }

  /** Replaces the last segment by a durable copy of its live records. */
  async #refresh({ number, bytes, salt }: Scanned, records: readonly Placed[]): Promise<void> {
    const parts = records.map(({ place, at }) => bytes.subarray(at, at + recordLength(place)));
    const writes = this.#folder.begin();
    await writes.write(pathOf(number), [encodeSegmentHeader(salt), ...parts]);
    await writes.finish();
    const segment = this.#adopt(number, salt, SEGMENT_HEADER);
    for (const { place } of records) {
      this.#add({ ...place, segment, at: segment.length });
      segment.length += recordLength(place);
    }
  }
}

interface Placed {
  readonly number: number;
  readonly place: RecordPlace;
  readonly at: number;
}

interface Scanned {
  readonly number: number;
  readonly bytes: Uint8Array;
  readonly salt: Uint8Array;
  readonly records: readonly Placed[];
}

/** All records of a segment. Bytes after the last one are a torn batch, allowed only in the last segment. */
function scan(bytes: Uint8Array, salt: Uint8Array, number: number, last: boolean): Placed[] {
  const places: Placed[] = [];
  let at = SEGMENT_HEADER;
  while (at < bytes.length) {
    const place = readRecord(bytes, at, salt);
    if (place === null) {
      // Records that follow were written after this one was acknowledged, so it is not torn but damaged.
      if (!last || findRecord(bytes, at, salt) >= 0)
        fail('STORE_STAGE_CORRUPT', `${pathOf(number)} at byte ${at}`);
      return places;
    }
    places.push({ number, place, at });
    at += recordLength(place);
  }
  return places;
}

/** What the records say together: later ones replace the tail of earlier ones, and published leaves are done. */
function liveRecords(segments: readonly Scanned[], published: number): Placed[] {
  const live: Placed[] = [];
  let next = 0;
  for (const record of segments.flatMap(({ records }) => records)) {
    const { first, count } = record.place;
    // Published records may be gone already, so that only a gap above them is a loss.
    if (first > Math.max(next, published))
      fail(
        'STORE_STAGE_CORRUPT',
        `${pathOf(record.number)} continues at leaf ${first}, not at ${Math.max(next, published)}`,
      );
    while (live.length > 0 && (live[live.length - 1] as Placed).place.first >= first) live.pop();
    live.push(record);
    next = first + count;
  }
  return live.filter(({ place }) => place.first + place.count > published);
}

function readRecordPlace(batch: Batch, header: Uint8Array): RecordPlace {
  return {
    first: batch.first,
    count: batch.count,
    noteLength: batch.note.length,
    entriesLength: batch.entries.length,
    bodyCrc: new DataView(header.buffer, header.byteOffset).getUint32(36),
  };
}
