import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Recovered, StagedBatch, StoreClient } from '../../enclave/ledger/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { generateSigner } from '../../native/signer.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError, codeOf } from '../../src/base/errors.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { toHex } from '../../src/base/hex.ts';
import { epochKeyName, formatCheckpoint, signCheckpoint } from '../../src/log/checkpoint.ts';
import { Frontier } from '../../src/log/frontier.ts';
import { decodeLeaf, draftLeaf, encodeLeaf, placeLeaf } from '../../src/log/leaf.ts';
import { leafHash } from '../../src/log/merkle.ts';
import { noteSigner, signNote } from '../../src/log/note.ts';
import { encodeEntries } from '../../src/log/tile.ts';
import { decisionDraft } from '../support/log.ts';
import { localStore, TestService, type TestFolder, testFolder, testStore } from '../support/ledger.ts';
import { random } from '../support/mutate.ts';

/** A log of two epochs: 600 published leaves, 40 staged ones in four batches, with seals and policies in both. */
const service = new TestService();
let folder: TestFolder;
let genuine: Recovered;

const store = (): StoreClient => localStore(() => testStore(folder.path));

beforeAll(async () => {
  folder = testFolder();
  const kept = testStore(folder.path);
  const first = await service.boot(localStore(() => kept));
  for (const tenant of ['a', 'b']) await first.ledger.append(draftLeaf({ kind: 'policy_change', tenant }));
  await Promise.all(Array.from({ length: 400 }, () => first.ledger.append(decisionDraft())));
  await first.ledger.append(draftLeaf({ kind: 'seal_ref' }));
  await first.ledger.close();
  const second = await service.boot(
    localStore(() => kept),
    { publishEveryMs: 3_600_000 },
  );
  await Promise.all(Array.from({ length: 190 }, () => second.ledger.append(decisionDraft())));
  await second.ledger.publish();
  await second.ledger.append(draftLeaf({ kind: 'policy_change', tenant: 'a' }));
  for (let batch = 0; batch < 3; batch++)
    await Promise.all(Array.from({ length: 13 }, () => second.ledger.append(decisionDraft())));
  await kept.close();
  genuine = await service.recover(store());
  return () => folder[Symbol.dispose]();
});

/** The genuine store, with some answers replaced. */
function lying(lies: Partial<StoreClient>): StoreClient {
  return { ...store(), ...lies };
}

function lyingFile(path: string, change: (bytes: Uint8Array) => Uint8Array | null): StoreClient {
  const inner = store();
  return {
    ...inner,
    async read(name, offset) {
      const part = await inner.read(name, offset);
      if (name !== path || !part.found) return part;
      const data = change(part.data.slice());
      return data === null ? { found: false, data: new Uint8Array(0), more: false } : { ...part, data };
    },
  };
}

function lyingStage(change: (batch: StagedBatch) => StagedBatch | null): StoreClient {
  const inner = store();
  return {
    ...inner,
    async staged(index) {
      const batch = await inner.staged(index);
      return batch === null ? null : change(batch);
    },
  };
}

describe('recovery', () => {
  it('finds the log as it was', () => {
    expect(genuine).toMatchObject({ size: 635, published: 595, lastEpoch: 2, lastTime: 1000 });
    expect(genuine.trail).toEqual({ epochStart: 404, policyChange: 595, sealRef: 403, snapshot: null });
    expect(genuine.epochStart?.epoch).toBe(2);
    expect(genuine.policyChanges.map(({ tenant, index }) => [tenant, index])).toEqual([
      ['b', 2],
      ['a', 595],
    ]);
  });

  it('starts an empty log from an empty store', async () => {
    using empty = testFolder();
    const fresh = await service.recover(localStore(() => testStore(empty.path)));
    expect(fresh).toMatchObject({
      size: 0,
      published: 0,
      checkpoint: null,
      lastTime: 0,
      lastEpoch: 0,
      epochStart: null,
    });
  });

  it('takes up a first epoch that never published', async () => {
    using young = testFolder();
    const other = new TestService();
    const kept = testStore(young.path);
    const boot = await other.boot(
      localStore(() => kept),
      { publishEveryMs: 3_600_000 },
    );
    await boot.ledger.append(decisionDraft());
    await kept.close();
    expect(await other.recover(localStore(() => testStore(young.path)))).toMatchObject({
      size: 2,
      published: 0,
      lastEpoch: 1,
    });
  });
});

describe('a host that changes the checkpoint', () => {
  const change = (text: (note: string) => string): StoreClient =>
    lyingFile('log/checkpoint', (bytes) => utf8(text(new TextDecoder().decode(bytes))));

  it.each([
    ['its size', (note: string) => note.replace('\n595\n', '\n594\n')],
    ['its origin', (note: string) => note.replaceAll('sim.example.org/ledger', 'sim.example.org/other')],
    ['nothing but bytes that are no note', () => 'nothing'],
    ['its signatures away', (note: string) => note.slice(0, note.indexOf('— '))],
    ['an extension line into it', (note: string) => note.replace('\n\n', '\nextension\n\n')],
    ['the epoch signature away', (note: string) => note.replace(/— \S+\/epoch\/2 \S+\n/, '')],
    ['the log signature away', (note: string) => note.replace(/— sim\.example\.org\/ledger \S+\n/, '')],
    ['the epoch it names', (note: string) => note.replace('/epoch/2', '/epoch/1')],
    [
      'two epochs into it',
      (note: string) => `${note}${note.split('\n').at(-2)?.replace('/epoch/2', '/epoch/1')}\n`,
    ],
  ])('changing %s is noticed', async (_, text) => {
    await expect(service.recover(change(text))).toRejectWith('RECOVERY_HEAD_INVALID');
  });

  it('notices one that the log key alone signed, and one by an epoch that no hardware vouches for', async () => {
    const head = { origin: service.origin, size: 595, root: new Uint8Array(32) };
    const stranger = noteSigner(nodeCrypto, epochKeyName(service.origin, 2), generateSigner('Ed25519'));
    const log = noteSigner(nodeCrypto, service.origin, generateSigner('Ed25519'));
    const alone = signNote(formatCheckpoint(head), [log]);
    await expect(service.recover(change(() => alone))).toRejectWith('RECOVERY_HEAD_INVALID');
    const forged = signCheckpoint(head, { log, epoch: stranger });
    await expect(service.recover(change(() => forged))).toRejectWith('RECOVERY_HEAD_INVALID');
  });

  it('keeps the code of an attestation that is refused', async () => {
    const forged = lyingFile('epochs/2', () =>
      utf8(JSON.stringify({ epoch: 2, key: toHex(ed25519Raw(generateSigner('Ed25519').spki)) })),
    );
    await expect(service.recover(forged)).toRejectWith('EPOCH_UNACCEPTABLE');
    await expect(service.recover(lyingFile('epochs/2', () => null))).toRejectWith('RECOVERY_HEAD_INVALID');
    const one = utf8(JSON.stringify({ epoch: 1, key: toHex(service.epochs.get(1) as Uint8Array) }));
    await expect(service.recover(lyingFile('epochs/2', () => one))).toRejectWith('RECOVERY_HEAD_INVALID');
  });
});

describe('a host that changes the tree', () => {
  const flip = (at: number) => (bytes: Uint8Array) => {
    bytes[at] = (bytes[at] as number) ^ 1;
    return bytes;
  };

  it.each(['tile/0/002.p/83', 'tile/1/000.p/2', 'tile/entries/002.p/83', 'tile/0/001', 'tile/entries/001'])(
    'any change of %s is noticed',
    async (name) => {
      const path = `log/${name}`;
      const changes = [
        flip(0),
        flip(40),
        (bytes: Uint8Array) => bytes.subarray(1),
        () => null,
        () => new Uint8Array(0),
      ];
      for (const change of changes)
        await expect(service.recover(lyingFile(path, change))).toRejectWith('RECOVERY_TREE_INVALID');
    },
  );

  it('bounds what a file may hold', async () => {
    const endless = lying({ read: async () => ({ found: true, data: new Uint8Array(65_536), more: true }) });
    await expect(service.recover(endless)).toRejectWith('RECOVERY_STORE_INVALID');
    const idle = lying({ read: async () => ({ found: true, data: new Uint8Array(0), more: true }) });
    await expect(service.recover(idle)).toRejectWith('RECOVERY_STORE_INVALID');
  });
});

describe('a host that changes the stage', () => {
  /** Signs as epoch 2 would have, if its key had not died with its boot: with a key of the host's own. */
  function forge(batch: StagedBatch, entries: Uint8Array[], key = generateSigner('Ed25519')): StagedBatch {
    const frontier = new Frontier(nodeCrypto, genuine.frontier);
    for (const entry of entries) frontier.append(leafHash(nodeCrypto, entry));
    const text = formatCheckpoint({
      origin: `${service.origin}/stage`,
      size: batch.first + entries.length,
      root: frontier.root(),
    });
    const note = utf8(signNote(text, [noteSigner(nodeCrypto, epochKeyName(service.origin, 2), key)]));
    return { first: batch.first, count: entries.length, note, entries: encodeEntries(entries) };
  }

  it('cannot put a decision of its own behind the last checkpoint', async () => {
    const decision = placeLeaf(decisionDraft({ rule: 'forged' }), { index: 635, epoch: 2, time: 1000 });
    const inner = store();
    const host = lying({
      ...inner,
      open: async () => ({ ...(await inner.open()), next: 636 }),
      staged: async (index) =>
        index < 635
          ? inner.staged(index)
          : forge({ first: 635, count: 1, note: utf8(''), entries: utf8('') }, [encodeLeaf(decision)]),
    });
    await expect(service.recover(host)).toRejectWith('RECOVERY_STAGE_INVALID');
  });

  it.each<[string, (batch: StagedBatch) => StagedBatch | null]>([
    [
      'a bit of a leaf',
      (batch) => ({ ...batch, entries: batch.entries.map((byte, i) => (i === 60 ? byte ^ 1 : byte)) }),
    ],
    ['the number of leaves', (batch) => ({ ...batch, count: batch.count + 1 })],
    ['the number of leaves to none', (batch) => ({ ...batch, count: 0 })],
    ['the number of leaves to 2^53', (batch) => ({ ...batch, count: 2 ** 53 })],
    ['the last byte away', (batch) => ({ ...batch, entries: batch.entries.subarray(0, -1) })],
    ['the first index', (batch) => ({ ...batch, first: batch.first + 1 })],
    ['the note away', (batch) => ({ ...batch, note: new Uint8Array(0) })],
    [
      'a byte of the note',
      (batch) => ({
        ...batch,
        note: batch.note.map((byte, i) => (i === batch.note.length - 9 ? byte ^ 1 : byte)),
      }),
    ],
    ['all of it away', () => null],
  ])('cannot change %s', async (_, change) => {
    await expect(service.recover(lyingStage(change))).toRejectWith('RECOVERY_STAGE_INVALID');
  });

  it('cannot reorder or repeat batches', async () => {
    const inner = store();
    await inner.open();
    const batches = new Map<number, StagedBatch>();
    for (let at = 595; at < 635; ) {
      const batch = (await inner.staged(at)) as StagedBatch;
      batches.set(at, batch);
      at += batch.count;
    }
    const [first, second, third] = [...batches.values()] as [StagedBatch, StagedBatch, StagedBatch];
    const swapped = lyingStage((batch) =>
      batch.first === second.first ? { ...third, first: second.first } : batch,
    );
    await expect(service.recover(swapped)).toRejectWith('RECOVERY_STAGE_INVALID');
    const repeated = lyingStage((batch) =>
      batch.first === second.first ? { ...first, first: second.first } : batch,
    );
    await expect(service.recover(repeated)).toRejectWith('RECOVERY_STAGE_INVALID');
  });

  it('cannot use a checkpoint as a stage note, nor a stage note as a checkpoint', async () => {
    const note = utf8(genuine.checkpoint as string);
    await expect(service.recover(lyingStage((batch) => ({ ...batch, note })))).toRejectWith(
      'RECOVERY_STAGE_INVALID',
    );
    const inner = store();
    await inner.open();
    const staged = (await inner.staged(634)) as StagedBatch;
    await expect(service.recover(lyingFile('log/checkpoint', () => staged.note))).toRejectWith(
      'RECOVERY_HEAD_INVALID',
    );
  });

  it('can only withhold the end, which is an older state of the same log', async () => {
    const inner = store();
    const host = lying({ ...inner, open: async () => ({ ...(await inner.open()), next: 609 }) });
    const older = await service.recover(host);
    expect(older.size).toBe(609);
    expect(older.trail).toEqual(genuine.trail);
  });
});

describe('a measured epoch that misbehaves', () => {
  /** Staged leaves that are signed by an accepted epoch, but are not what a ledger writes. */
  async function recoverSigned(leaves: Uint8Array[], signedBy = 1): Promise<Recovered> {
    const other = new TestService();
    const key = generateSigner('Ed25519');
    const raw = ed25519Raw(key.spki);
    other.epochs.set(1, raw);
    const frontier = new Frontier(nodeCrypto);
    for (const leaf of leaves) frontier.append(leafHash(nodeCrypto, leaf));
    const text = formatCheckpoint({
      origin: `${other.origin}/stage`,
      size: leaves.length,
      root: frontier.root(),
    });
    const note = utf8(signNote(text, [noteSigner(nodeCrypto, epochKeyName(other.origin, signedBy), key)]));
    const attestation = utf8(JSON.stringify({ epoch: 1, key: toHex(raw) }));
    return other.recover({
      open: async () => ({ published: 0, next: leaves.length }),
      staged: async () => ({ first: 0, count: leaves.length, note, entries: encodeEntries(leaves) }),
      read: async (path) => ({ found: path === 'epochs/1', data: attestation, more: false }),
      stage: async () => undefined,
      publish: async () => 0,
      put: async () => undefined,
      onLost: () => undefined,
    });
  }
  const trail = { references: { trail: new Uint8Array(32) } };
  const start = (place: { index: number; epoch: number; time: number }): Uint8Array =>
    encodeLeaf(placeLeaf(draftLeaf({ kind: 'epoch_start', ...trail }), place));
  const decision = (place: { index: number; epoch: number; time: number }): Uint8Array =>
    encodeLeaf(placeLeaf(decisionDraft(), place));
  const good = { index: 0, epoch: 1, time: 10 };

  it('is accepted when it is in order', async () => {
    expect((await recoverSigned([start(good), decision({ ...good, index: 1 })])).size).toBe(2);
  });

  it.each<[string, Uint8Array[]]>([
    ['at another index', [start(good), decision({ ...good, index: 2 })]],
    ['of another epoch', [start(good), decision({ index: 1, epoch: 2, time: 10 })]],
    ['before the one before it', [start(good), decision({ index: 1, epoch: 1, time: 9 })]],
    ['that cannot be read', [utf8('no leaf')]],
  ])('is refused when a leaf is %s', async (_, leaves) => {
    await expect(recoverSigned(leaves)).toRejectWith('RECOVERY_STAGE_INVALID');
  });

  it('is refused when a leaf has no trail, or one that leads forward', async () => {
    const none = encodeLeaf(placeLeaf(draftLeaf({ kind: 'epoch_start' }), good));
    await expect(recoverSigned([none])).toRejectWith('RECOVERY_TREE_INVALID');
    const forward = { references: { trail: new Uint8Array(32).fill(1) } };
    const ahead = encodeLeaf(placeLeaf(draftLeaf({ kind: 'epoch_start', ...forward }), good));
    await expect(recoverSigned([ahead])).toRejectWith('RECOVERY_TREE_INVALID');
  });

  it('is refused when the trail names a leaf of another kind', async () => {
    const wrong = new Uint8Array(32);
    wrong[15] = 1;
    const leaf = encodeLeaf(
      placeLeaf(draftLeaf({ kind: 'seal_ref', references: { trail: wrong } }), { ...good, index: 1 }),
    );
    await expect(recoverSigned([start(good), leaf])).toRejectWith('RECOVERY_TREE_INVALID');
  });
});

describe('random changes of the folder', () => {
  const seed = Number(process.env['ASSAY_SEED'] ?? Date.now() % 2 ** 31);
  const count = Math.min(2_000, Math.ceil(Number(process.env['ASSAY_MUTATIONS'] ?? 2_000) / 10));

  function files(path: string): string[] {
    return readdirSync(path).flatMap((name) => {
      const full = join(path, name);
      return statSync(full).isDirectory() ? files(full) : [full];
    });
  }

  it(`give the same log, an older one or a typed error (seed ${seed}, ${count} changes)`, async () => {
    const next = random(seed);
    const names = files(folder.path);
    const outcomes = new Map<string, number>();
    for (let i = 0; i < count; i++) {
      const path = names[Math.floor(next() * names.length)] as string;
      const good = readFileSync(path);
      const bad = Buffer.from(good);
      if (next() < 0.2) writeFileSync(path, good.subarray(0, Math.floor(next() * good.length)));
      else {
        const at = Math.floor(next() * bad.length);
        bad[at] = (bad[at] as number) ^ (1 << Math.floor(next() * 8));
        writeFileSync(path, bad);
      }
      const kept = testStore(folder.path);
      const wal = path.endsWith('.wal');
      let outcome: string;
      try {
        const again = await service.recover(localStore(() => kept));
        const same = again.size === genuine.size && toHex(again.root) === toHex(genuine.root);
        outcome = same ? 'same' : again.size < genuine.size && wal ? 'older' : 'WRONG';
      } catch (error) {
        outcome =
          error instanceof AssayError && error.code !== 'INTERNAL'
            ? codeOf(error)
            : `UNTYPED ${String(error)}`;
      }
      await kept.close();
      writeFileSync(path, good);
      expect(outcome, `${path}, change ${i} of seed ${seed}`).not.toMatch(/WRONG|UNTYPED/);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect(decodeLeaf(encodeLeaf(genuine.policyChanges[0]!)).tenant).toBe('b');
    console.log(
      `recovery, ${count} changes of seed ${seed}: ${JSON.stringify(Object.fromEntries(outcomes))}`,
    );
  });
});
