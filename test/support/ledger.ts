/**
 * An enclave's ledger without the enclave: keys, epochs that a stand-in accepts, a store in this process or at
 * the end of a socket, and disks that fail on demand.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DEFAULT_LEDGER_LIMITS,
  type Ledger,
  type LedgerLimits,
  openLedger,
  type Recovered,
  recoverLog,
  type StoreClient,
} from '../../enclave/ledger/index.ts';
import {
  DEFAULT_STORE_LIMITS,
  type Disk,
  type DiskFile,
  nodeDisk,
  Store,
  type StoreLimits,
} from '../../host/store/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { generateSigner } from '../../native/signer.ts';
import type { Signer } from '../../src/base/crypto.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { fail } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { openCheckpoint, parseCheckpoint, verifyCheckpoint } from '../../src/log/checkpoint.ts';
import { draftLeaf } from '../../src/log/leaf.ts';
import { leafHash, verifyInclusion } from '../../src/log/merkle.ts';
import type { Receipt } from '../../src/log/receipt.ts';

export const ORIGIN = 'sim.example.org/ledger';

export interface TestFolder {
  readonly path: string;
  [Symbol.dispose](): void;
}

/** In memory where the machine has a folder for that: suites that reopen thousands of times need no real disk. */
const BASE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

export function testFolder(options: { real: boolean } = { real: false }): TestFolder {
  const path = mkdtempSync(join(options.real ? tmpdir() : BASE, 'assay-store-'));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) };
}

let sessions = 0;

export function testStore(
  folder: string,
  options: { disk?: Disk; limits?: Partial<StoreLimits> } = {},
): Store {
  return new Store({
    folder,
    disk: options.disk ?? nodeDisk,
    hashing: nodeCrypto,
    session: () => ++sessions,
    limits: { ...DEFAULT_STORE_LIMITS, headroomBytes: 4_096, ...options.limits },
  });
}

/** The store in this process. `latest` is asked at each opening, so that a test can exchange the store. */
export function localStore(latest: () => Store): StoreClient {
  let store = latest();
  let session = -1;
  return {
    async open() {
      store = latest();
      const opened = await store.open();
      session = opened.session;
      return opened;
    },
    stage: (batch) => store.stage(session, batch),
    staged: (index) => store.staged(index),
    publish: (note) => store.publish(session, note),
    read: (path, offset) => store.read(path, offset),
    put: (path, data) => store.put(session, path, data),
    onLost: () => undefined,
  };
}

export interface Boot {
  readonly ledger: Ledger;
  readonly recovered: Recovered;
  readonly epoch: number;
  readonly epochKey: Uint8Array;
}

/** The parts of a service that outlive a boot. */
export class TestService {
  readonly origin: string;
  /** Root by size, of every head that the log key has signed, in any boot: one size never gets a second root. */
  readonly signed = new Map<number, string>();
  readonly log: Signer;
  /** Checkpoints that have been verified. */
  readonly heads = new Map<string, { size: number; root: Uint8Array }>();
  /** Epoch keys by number, as genuine evidence would vouch for them. */
  readonly epochs = new Map<number, Uint8Array>();
  clock: () => number = () => 1_000;

  /** Told of each new epoch before the store is. */
  onEpoch: (epoch: number, key: Uint8Array) => void = () => undefined;

  constructor(origin: string = ORIGIN, signer: Signer = generateSigner('Ed25519')) {
    this.origin = origin;
    this.log = { ...signer, sign: (message) => this.#watch(signer, message) };
  }

  #watch(signer: Signer, message: Uint8Array): Uint8Array {
    const { size, root } = parseCheckpoint(new TextDecoder().decode(message));
    const before = this.signed.get(size) ?? toHex(root);
    if (before !== toHex(root)) throw new Error(`two heads of size ${size} would be signed`);
    this.signed.set(size, before);
    return signer.sign(message);
  }

  get logKey(): Uint8Array {
    return ed25519Raw(this.log.spki);
  }

  /** Accepts what `boot` has put there, and nothing that another wrote. */
  readonly acceptEpoch = async (
    attestation: Uint8Array,
  ): Promise<{ epoch: number; epochKey: Uint8Array }> => {
    const said = /^\{"epoch":([0-9]{1,9}),"key":"([0-9a-f]{64})"\}$/.exec(
      new TextDecoder().decode(attestation),
    );
    const epoch = Number(said?.[1]);
    const key = said?.[2] ?? '';
    const genuine = this.epochs.get(epoch);
    if (genuine === undefined || toHex(genuine) !== key)
      fail('EPOCH_UNACCEPTABLE', 'this evidence of an epoch is not genuine');
    return { epoch, epochKey: fromHex(key) };
  };

  recover(store: StoreClient): Promise<Recovered> {
    const { origin, logKey, acceptEpoch } = this;
    return recoverLog(store, { origin, crypto: nodeCrypto, logKey, acceptEpoch });
  }

  /** Recovers, starts the next epoch and appends its first leaf. */
  async boot(store: StoreClient, limits: Partial<LedgerLimits> = {}): Promise<Boot> {
    const recovered = await this.recover(store);
    const epoch = recovered.lastEpoch + 1;
    const epochSigner = generateSigner('Ed25519');
    const epochKey = ed25519Raw(epochSigner.spki);
    this.epochs.set(epoch, epochKey);
    this.onEpoch(epoch, epochKey);
    await store.put(`epochs/${epoch}`, utf8(JSON.stringify({ epoch, key: toHex(epochKey) })));
    const ledger = openLedger({
      store,
      hashing: nodeCrypto,
      log: this.log,
      epochSigner,
      origin: this.origin,
      epoch,
      recovered,
      clock: () => this.clock(),
      limits: { ...DEFAULT_LEDGER_LIMITS, publishEveryMs: 20, probeMs: 5, probeMostMs: 50, ...limits },
    });
    await ledger.append(draftLeaf({ kind: 'epoch_start', references: { identity: epochKey } }));
    return { ledger, recovered, epoch, epochKey };
  }
}

/** Verifies both signatures of a checkpoint, once for each. */
export async function verifyTestHead(
  service: TestService,
  checkpoint: string,
): Promise<{ size: number; root: Uint8Array }> {
  const known = service.heads.get(checkpoint);
  if (known !== undefined) return known;
  const opened = openCheckpoint(checkpoint);
  const epoch = opened.epochs[0] as number;
  const epochKey = service.epochs.get(epoch) as Uint8Array;
  const keys = { origin: service.origin, logKey: service.logKey, epoch, epochKey };
  const head = await verifyCheckpoint(opened, keys, nodeCrypto);
  service.heads.set(checkpoint, head);
  return head;
}

/** Verifies a receipt as a client would, without hardware: both signatures and the inclusion. */
export async function verifyTestReceipt(
  service: TestService,
  receipt: Receipt,
): Promise<{ size: number; root: Uint8Array }> {
  const { size, root } = await verifyTestHead(service, receipt.checkpoint);
  const hash = leafHash(nodeCrypto, receipt.leaf);
  verifyInclusion(nodeCrypto, { index: receipt.index, size, leafHash: hash, proof: receipt.proof, root });
  return { size, root };
}

type Call = 'write' | 'datasync' | 'syncDirectory' | 'rename' | 'open' | 'create' | 'truncate' | 'read';

/** A disk whose calls fail when the test says so: `fault(call, path)` gives an errno code, or null. */
export function faultyDisk(fault: (call: Call, path: string) => string | null): Disk {
  const check = (call: Call, path: string): void => {
    const code = fault(call, path);
    if (code !== null) throw Object.assign(new Error(`${code}: injected, ${call}`), { code });
  };
  const watched = (path: string, file: DiskFile): DiskFile => ({
    ...file,
    write(parts, position) {
      check('write', path);
      file.write(parts, position);
    },
    read(position, length) {
      check('read', path);
      return file.read(position, length);
    },
    truncate(length) {
      check('truncate', path);
      file.truncate(length);
    },
    async datasync() {
      check('datasync', path);
      await file.datasync();
    },
  });
  return {
    ...nodeDisk,
    open(path, mode) {
      check('open', path);
      return watched(path, nodeDisk.open(path, mode));
    },
    async create(path) {
      check('create', path);
      return watched(path, await nodeDisk.create(path));
    },
    async rename(from, to) {
      check('rename', to);
      await nodeDisk.rename(from, to);
    },
    async syncDirectory(path) {
      check('syncDirectory', path);
      await nodeDisk.syncDirectory(path);
    },
  };
}
