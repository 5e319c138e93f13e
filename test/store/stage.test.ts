import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeDisk } from '../../host/store/disk.ts';
import { type Folder, openFolder } from '../../host/store/files.ts';
import { Stage } from '../../host/store/stage.ts';
import { type Batch, encodeRecordHeader, readRecord, SALT_BYTES } from '../../host/store/stage-format.ts';
import { concat } from '../../src/base/bytes.ts';
import { encodeEntries } from '../../src/log/tile.ts';
import { testFolder } from '../support/ledger.ts';

const LIMITS = { segmentBytes: 1 << 20, stageBytes: 1 << 24 };

function batch(first: number, leaves: readonly string[], note = `note ${first}`): Batch {
  const entries = encodeEntries(leaves.map((leaf) => new TextEncoder().encode(leaf)));
  return { first, count: leaves.length, note: new TextEncoder().encode(note), entries };
}

async function fresh(path: string): Promise<Folder> {
  const folder = await openFolder(nodeDisk, path);
  folder.begin().prepare('stage');
  return folder;
}

async function reopened(path: string, published = 0, limits = LIMITS): Promise<Stage> {
  return Stage.open(await fresh(path), limits, published);
}

function segmentPath(path: string): string {
  const [name] = readdirSync(join(path, 'stage')).toSorted().slice(-1);
  return join(path, 'stage', name as string);
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('the stage', () => {
  it('takes no record of another segment for its own', () => {
    const [own, other] = [new Uint8Array(SALT_BYTES).fill(1), new Uint8Array(SALT_BYTES).fill(1)];
    other[SALT_BYTES - 1] = 2;
    const one = batch(3, ['a', 'b']);
    const record = concat(encodeRecordHeader(own, one), one.note, one.entries);
    expect(readRecord(record, 0, own)).toMatchObject({ first: 3, count: 2 });
    expect(readRecord(record, 0, other)).toBeNull();
  });

  it('gives back after opening what was acknowledged', async () => {
    using folder = testFolder();
    const stage = await reopened(folder.path);
    await stage.append(batch(0, ['a', 'b']), 0);
    await stage.append(batch(2, ['c']), 0);
    stage.close();
    const again = await reopened(folder.path);
    expect(again.next).toBe(3);
    expect(again.read(1)).toEqual(batch(0, ['a', 'b']));
    expect(text(again.read(2)?.note as Uint8Array)).toBe('note 2');
    expect(again.read(3)).toBeNull();
    again.close();
  });

  it('lets a batch replace leaves that were never acknowledged, durably', async () => {
    using folder = testFolder();
    const stage = await reopened(folder.path);
    await stage.append(batch(0, ['a']), 0);
    await stage.append(batch(1, ['x', 'y', 'z']), 0);
    await stage.append(batch(1, ['b']), 0);
    expect(stage.next).toBe(2);
    stage.close();
    const again = await reopened(folder.path);
    expect(again.next).toBe(2);
    expect(again.read(1)).toEqual(batch(1, ['b']));
    await again.append(batch(2, ['c']), 0);
    again.close();
    const published = await reopened(folder.path, 2);
    expect(published.read(1)).toBeNull();
    expect(published.read(2)).toEqual(batch(2, ['c']));
    published.close();
  });

  it('refuses gaps, published indexes and bytes that are no batch', async () => {
    using folder = testFolder();
    const stage = await reopened(folder.path);
    await stage.append(batch(0, ['a', 'b', 'c']), 0);
    await expect(stage.append(batch(4, ['e']), 0)).toRejectWith('STORE_INDEX_CONFLICT');
    await expect(stage.append(batch(0, ['e']), 2)).toRejectWith('STORE_INDEX_CONFLICT');
    await expect(stage.append(batch(1, ['inside a batch']), 0)).toRejectWith('STORE_INDEX_CONFLICT');
    const good = batch(3, ['d', 'e']);
    await expect(stage.append({ ...good, count: 1 }, 0)).toRejectWith('STORE_BATCH_INVALID');
    await expect(stage.append({ ...good, count: 3 }, 0)).toRejectWith('STORE_BATCH_INVALID');
    await expect(stage.append({ ...good, count: 0, entries: new Uint8Array(0) }, 0)).toRejectWith(
      'STORE_BATCH_INVALID',
    );
    await expect(stage.append({ ...good, entries: good.entries.subarray(0, -1) }, 0)).toRejectWith(
      'STORE_BATCH_INVALID',
    );
    await expect(stage.append({ ...good, note: new Uint8Array(65_537) }, 0)).toRejectWith(
      'STORE_BATCH_INVALID',
    );
    expect(stage.next).toBe(3);
    stage.close();
  });

  it('refuses to grow beyond its bound', async () => {
    using folder = testFolder();
    const stage = await reopened(folder.path, 0, { segmentBytes: 1 << 20, stageBytes: 400 });
    await stage.append(batch(0, ['a'.repeat(200)]), 0);
    await expect(stage.append(batch(1, ['b'.repeat(200)]), 0)).toRejectWith('STORE_FULL');
    expect(stage.next).toBe(1);
    stage.close();
  });

  it('cuts a torn batch wherever it is torn, and nothing before it', async () => {
    using folder = testFolder();
    const stage = await reopened(folder.path);
    await stage.append(batch(0, ['a', 'b']), 0);
    await stage.append(batch(2, ['acknowledged']), 0);
    const before = readFileSync(segmentPath(folder.path)).length;
    await stage.append(batch(3, ['torn', 'off']), 0);
    stage.close();
    const whole = readFileSync(segmentPath(folder.path));
    for (let length = before; length < whole.length; length++) {
      writeFileSync(segmentPath(folder.path), whole.subarray(0, length));
      const again = await reopened(folder.path);
      expect(again.next).toBe(3);
      expect(again.read(2)).toEqual(batch(2, ['acknowledged']));
      await again.append(batch(3, ['new']), 0);
      again.close();
    }
  });

  it('cuts a batch with any byte of it wrong', async () => {
    using folder = testFolder();
    const stage = await reopened(folder.path);
    await stage.append(batch(0, ['a']), 0);
    const before = readFileSync(segmentPath(folder.path)).length;
    await stage.append(batch(1, ['never answered']), 0);
    stage.close();
    const whole = readFileSync(segmentPath(folder.path));
    for (let at = before; at < whole.length; at++) {
      const wrong = Buffer.from(whole);
      wrong[at] = (wrong[at] as number) ^ 0x40;
      writeFileSync(segmentPath(folder.path), wrong);
      const again = await reopened(folder.path);
      expect(again.next).toBe(1);
      again.close();
    }
  });

  it('never cuts what was acknowledged: damage before the end is an error', async () => {
    using folder = testFolder();
    const stage = await reopened(folder.path);
    await stage.append(batch(0, ['a', 'b']), 0);
    const first = readFileSync(segmentPath(folder.path)).length;
    await stage.append(batch(2, ['c']), 0);
    stage.close();
    const whole = readFileSync(segmentPath(folder.path));
    for (let at = 0; at < first; at++) {
      const wrong = Buffer.from(whole);
      wrong[at] = (wrong[at] as number) ^ 1;
      writeFileSync(segmentPath(folder.path), wrong);
      await expect(reopened(folder.path)).toRejectWith('STORE_STAGE_CORRUPT');
    }
  });

  it('does not take bytes inside a leaf for a record', async () => {
    using folder = testFolder();
    const stage = await reopened(folder.path);
    await stage.append(batch(0, ['a']), 0);
    const segment = readFileSync(segmentPath(folder.path));
    const imitation = segment.subarray(36).toString('latin1');
    await stage.append(
      { ...batch(1, ['b']), entries: encodeEntries([Buffer.from(imitation, 'latin1').subarray(0, 40)]) },
      0,
    );
    stage.close();
    writeFileSync(segmentPath(folder.path), readFileSync(segmentPath(folder.path)).subarray(0, -1));
    const again = await reopened(folder.path);
    expect(again.next).toBe(1);
    again.close();
  });

  it('rolls over segments and discards those that are published', async () => {
    using folder = testFolder();
    const limits = { segmentBytes: 300, stageBytes: 1 << 20 };
    const stage = await reopened(folder.path, 0, limits);
    for (let i = 0; i < 20; i++) await stage.append(batch(i, ['x'.repeat(100)]), 0);
    expect(readdirSync(join(folder.path, 'stage')).length).toBeGreaterThan(5);
    await stage.discard(18);
    expect(readdirSync(join(folder.path, 'stage')).length).toBeLessThan(3);
    expect(stage.read(17)).toBeNull();
    expect(stage.read(19)).not.toBeNull();
    stage.close();
    const again = await reopened(folder.path, 18, limits);
    expect(again.next).toBe(20);
    await again.discard(20);
    again.close();
    await expect(reopened(folder.path, 15, limits)).resolves.toMatchObject({ next: 15 });
  });

  it('is damaged when a segment is missing in the middle', async () => {
    using folder = testFolder();
    const limits = { segmentBytes: 300, stageBytes: 1 << 20 };
    const stage = await reopened(folder.path, 0, limits);
    for (let i = 0; i < 20; i++) await stage.append(batch(i, ['x'.repeat(100)]), 0);
    stage.close();
    const names = readdirSync(join(folder.path, 'stage')).toSorted();
    await nodeDisk.remove(join(folder.path, 'stage', names[3] as string));
    await expect(reopened(folder.path, 0, limits)).toRejectWith('STORE_STAGE_CORRUPT');
  });

  it('agrees with a list, whatever is appended, replaced, published and reopened', async () => {
    const step = fc.oneof(
      fc.record({
        kind: fc.constant('append' as const),
        back: fc.nat(3),
        leaves: fc.array(fc.string({ maxLength: 60 }), { minLength: 1, maxLength: 5 }),
      }),
      fc.record({ kind: fc.constant('publish' as const), part: fc.nat(4) }),
      fc.record({ kind: fc.constant('reopen' as const) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
        using folder = testFolder();
        const limits = { segmentBytes: 400, stageBytes: 1 << 20 };
        let stage = await reopened(folder.path, 0, limits);
        let published = 0;
        let leaves: string[] = [];
        /** Where the batches start that are not published. */
        let starts: number[] = [];
        for (const action of steps) {
          if (action.kind === 'append') {
            const first = starts[Math.max(0, starts.length - action.back)] ?? leaves.length;
            await stage.append(batch(first, action.leaves), published);
            leaves = [...leaves.slice(0, first), ...action.leaves];
            starts = [...starts.filter((start) => start < first), first];
          } else if (action.kind === 'publish') {
            const part = Math.floor((starts.length * action.part) / 4);
            published = starts[part] ?? leaves.length;
            starts = starts.slice(part);
            await stage.discard(published);
          } else {
            stage.close();
            stage = await reopened(folder.path, published, limits);
          }
          expect(stage.next).toBe(leaves.length);
        }
        const read: string[] = leaves.slice(0, published);
        while (read.length < leaves.length) {
          const { first, entries, count } = stage.read(read.length) as Batch;
          let at = 0;
          for (let i = first; i < first + count; i++) {
            const length = ((entries[at] as number) << 8) | (entries[at + 1] as number);
            if (i === read.length) read.push(text(entries.subarray(at + 2, at + 2 + length)));
            at += 2 + length;
          }
        }
        expect(read).toEqual(leaves);
        stage.close();
      }),
      { numRuns: 40 },
    );
  });
});
