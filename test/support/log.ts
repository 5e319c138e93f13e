/**
 * A log in memory, written as the enclave writes one: two keys a checkpoint, epochs, policy changes, seals with
 * evidence. Its hardware is a stand-in: evidence is a signature by one more key over the bound bytes.
 */
import { generateKeyPairSync, type KeyObject, sign as nodeSign } from 'node:crypto';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, u64be, utf8 } from '../../src/base/bytes.ts';
import type { Signer } from '../../src/base/crypto.ts';
import { ed25519Raw, ed25519Spki } from '../../src/base/ed25519.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  decodeLeaf,
  draftLeaf,
  encodeEntries,
  encodeLeaf,
  encodeTile,
  entriesPath,
  epochKeyName,
  formatSealFile,
  Frontier,
  inclusionProof,
  type Leaf,
  type LeafDraft,
  leafHash,
  noteSigner,
  placeLeaf,
  policiesDigest,
  type Receipt,
  rootOf,
  type SealFile,
  signCheckpoint,
  TILE_WIDTH,
  tilePath,
  tileWidth,
} from '../../src/log/index.ts';
import { type Attestation, formatAttestation } from '../../src/statement/attestation.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Identity } from '../../src/statement/identity.ts';
import { Seal } from '../../src/statement/seal.ts';
import { thumbprint } from '../../src/statement/thumbprint.ts';
import { formatBundleIndex } from '../../verifier/audit/bundle.ts';
import type { JudgeEpoch } from '../../verifier/audit/epochs.ts';
import type { LogAuthority } from '../../verifier/log-authority.ts';

export interface TestKey {
  readonly signer: Signer;
  readonly raw: Uint8Array;
}

export function testKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const signer = {
    algorithm: 'Ed25519',
    spki,
    sign: (message: Uint8Array) => edSign(message, privateKey),
  } as const;
  return { signer, raw: ed25519Raw(spki) };
}

function edSign(message: Uint8Array, key: KeyObject): Uint8Array {
  return new Uint8Array(nodeSign(null, message, key));
}

const digestOf = (text: string): Uint8Array => nodeCrypto.sha256(utf8(text));

export interface TestEpoch {
  readonly epoch: number;
  readonly key: TestKey;
  readonly service: LogAuthority & { readonly validUntil: number; readonly configDigest: Uint8Array };
  readonly attestation: Attestation;
  readonly parentSeal: Uint8Array | null;
}

export interface TestLogOptions {
  readonly origin?: string;
  readonly time?: number;
  readonly platform?: string;
}

export interface EpochOptions {
  readonly epoch?: number;
  /** False: without its `epoch_start` leaf. */
  readonly leaf?: boolean;
  readonly parentSeal?: Uint8Array | null;
}

export interface SealOptions {
  readonly fields?: Partial<Seal>;
  /** False: the hardware never answers. */
  readonly quoted?: boolean;
  /** False: without its `seal_ref` leaf. */
  readonly leaf?: boolean;
}

export type EpochDraft = Omit<TestEpoch, 'attestation'> & {
  readonly identity: Uint8Array;
  readonly binding: Uint8Array;
};

export interface SealDraft {
  readonly statement: Seal;
  readonly bytes: Uint8Array;
  readonly binding: Uint8Array;
}

/** The moment at which test logs start: 2026-11-20T00:00:00Z. */
export const TEST_TIME: number = Date.UTC(2026, 10, 20);

export class TestLog {
  readonly origin: string;
  readonly platform: string;
  readonly log: TestKey = testKey();
  readonly hardware: TestKey = testKey();
  readonly epochs: TestEpoch[] = [];
  readonly leaves: Uint8Array[] = [];
  readonly hashes: Uint8Array[] = [];
  readonly frontier: Frontier = new Frontier(nodeCrypto);
  readonly seals: { file: SealFile; statement: Seal; digest: Uint8Array }[] = [];
  time: number;
  readonly policies = new Map<string, Uint8Array>();

  constructor(options: TestLogOptions = {}) {
    this.origin = options.origin ?? 'sim.example.org/agents';
    this.platform = options.platform ?? 'test';
    this.time = options.time ?? TEST_TIME;
  }

  get size(): number {
    return this.leaves.length;
  }

  get current(): TestEpoch {
    return this.epochs[this.epochs.length - 1] ?? fail('TREE_RANGE_INVALID', 'start an epoch first');
  }

  /** What the stand-in hardware says about 64 bound bytes. */
  quote(binding: Uint8Array): Uint8Array {
    return concat(binding, this.hardware.signer.sign(binding));
  }

  /** Judges the stand-in hardware's evidence. */
  readonly judgeEvidence = async (evidence: Uint8Array, binding: Uint8Array): Promise<void> => {
    const key = await nodeCrypto.importKey('Ed25519', ed25519Spki(this.hardware.raw));
    await key.verify(evidence.slice(0, 64), evidence.slice(64));
    if (toHex(evidence.slice(0, 64)) !== toHex(binding)) fail('SIGNATURE_INVALID', 'evidence of other bytes');
  };

  /** A new boot: its attestation, and its `epoch_start` leaf unless told otherwise. */
  startEpoch(options: EpochOptions = {}): TestEpoch {
    const draft = this.draftEpoch(options);
    return this.enterEpoch(draft, this.quote(draft.binding), options);
  }

  /** The identity of a new boot, and what its evidence must bind. */
  draftEpoch(options: EpochOptions = {}): EpochDraft {
    const epoch = options.epoch ?? (this.epochs.at(-1)?.epoch ?? 0) + 1;
    const key = testKey();
    const bootId = digestOf(`boot ${epoch} ${Math.random()}`);
    const keyring = [{ name: 'log', thumbprint: thumbprint(nodeCrypto, this.log.raw) }];
    const parentSeal =
      options.parentSeal === undefined ? (this.seals.at(-1)?.digest ?? null) : options.parentSeal;
    const simulated = this.origin.startsWith('sim.');
    const configDigest = digestOf('configuration');
    const identity = Identity.encode({
      platform: this.platform,
      simulated,
      origin: this.origin,
      epoch,
      bootId,
      epochKey: key.raw,
      sessionKey: testKey().raw,
      tlsSpkiHash: digestOf('tls'),
      hpkeKey: digestOf('hpke'),
      keyring,
      custody: 'test',
      configDigest,
      witnessPolicyDigest: null,
      gpuDigest: null,
      challengeRoot: null,
    });
    const service = {
      origin: this.origin,
      simulated,
      epoch,
      bootId,
      epochKey: key.raw,
      logKey: this.log.raw,
      keyring,
      configDigest,
      validUntil: TEST_TIME + 1e12,
    };
    return {
      epoch,
      key,
      service,
      identity,
      parentSeal,
      binding: bind(nodeCrypto, DOMAINS.identity, identity),
    };
  }

  enterEpoch(draft: EpochDraft, evidence: Uint8Array, options: EpochOptions = {}): TestEpoch {
    const { epoch, key, service, identity, parentSeal } = draft;
    const keys = [{ name: 'log', key: this.log.raw }];
    const attestation: Attestation = {
      platform: this.platform,
      evidence,
      identity,
      challenge: null,
      keys,
      endorsements: null,
    };
    const started = { epoch, key, service, attestation, parentSeal };
    this.epochs.push(started);
    if (options.leaf !== false) {
      const references: Record<string, Uint8Array> = {
        attestation: nodeCrypto.sha256(utf8(formatAttestation(attestation))),
        boot: service.bootId,
      };
      if (started.parentSeal !== null) references['parent'] = started.parentSeal;
      this.append(draftLeaf({ kind: 'epoch_start', references }));
    }
    return started;
  }

  /** Appends a leaf at the next place; `place` forges its place. */
  append(draft: LeafDraft, place: Partial<Pick<Leaf, 'index' | 'epoch' | 'time'>> = {}): Leaf {
    this.time += 1;
    const leaf = placeLeaf(draft, { index: this.size, epoch: this.current.epoch, time: this.time, ...place });
    this.appendBytes(encodeLeaf(leaf));
    return leaf;
  }

  appendBytes(bytes: Uint8Array): void {
    this.leaves.push(bytes);
    const hash = leafHash(nodeCrypto, bytes);
    this.hashes.push(hash);
    this.frontier.append(hash);
  }

  loadPolicy(text = 'policy 1', tenant = 'acme'): Leaf {
    const digest = digestOf(text);
    this.policies.set(tenant, digest);
    const references = { order: digestOf(`order of ${text}`), bundle: digest, version: u64be(1) };
    return this.append(draftLeaf({ kind: 'policy_change', tenant, policyDigest: digest, references }));
  }

  decide(fields: Partial<LeafDraft> = {}): Leaf {
    return this.append(
      decisionDraft({ policyDigest: this.policies.get(fields.tenant ?? 'acme') ?? null, ...fields }),
    );
  }

  head(size: number = this.size): { origin: string; size: number; root: Uint8Array } {
    const root = size === this.size ? this.frontier.root() : rootOf(nodeCrypto, this.hashes.slice(0, size));
    return { origin: this.origin, size, root };
  }

  /** A checkpoint with both signatures. */
  checkpoint(size: number = this.size, epoch: TestEpoch = this.current): string {
    return signCheckpoint(this.head(size), this.signers(epoch));
  }

  signers(epoch: TestEpoch = this.current) {
    return {
      log: noteSigner(nodeCrypto, this.origin, this.log.signer),
      epoch: noteSigner(nodeCrypto, epochKeyName(this.origin, epoch.epoch), epoch.key.signer),
    };
  }

  receipt(index: number, size: number = this.size): Receipt {
    const leaf = this.leaves[index] as Uint8Array;
    const proof = inclusionProof(nodeCrypto, this.hashes.slice(0, size), index);
    return { leaf, index, proof, checkpoint: this.checkpoint(size) };
  }

  /** Seals the present head; the `seal_ref` leaf follows unless told otherwise. */
  seal(options: SealOptions = {}): Seal {
    const draft = this.draftSeal(options);
    return this.enterSeal(draft, options.quoted === false ? null : this.quote(draft.binding), options);
  }

  /** The statement of a seal of the present head, and what its evidence must bind. */
  draftSeal(options: SealOptions = {}): SealDraft {
    const previous = this.seals.at(-1);
    const { service, parentSeal, epoch } = this.current;
    const statement: Seal = {
      origin: this.origin,
      treeSize: this.size,
      root: this.head().root,
      number: (previous?.statement.number ?? 0) + 1,
      previousSeal: previous?.digest ?? null,
      epoch,
      bootId: service.bootId,
      epochKey: service.epochKey,
      parentSeal,
      logKeyThumbprint: thumbprint(nodeCrypto, this.log.raw),
      policyDigest: policiesDigest(nodeCrypto, this.policies),
      stateDigest: digestOf('state'),
      previousSize: previous?.statement.treeSize ?? 0,
      refused: 0,
      time: this.time,
      clockSource: 'test',
      clockErrorMs: 10,
      witnessedSize: 0,
      witnessedHash: null,
      configDigest: service.configDigest,
      witnessPolicyDigest: null,
      challengeRoot: null,
      ...options.fields,
    };
    const bytes = Seal.encode(statement);
    return { statement, bytes, binding: bind(nodeCrypto, DOMAINS.seal, bytes) };
  }

  enterSeal({ statement, bytes }: SealDraft, evidence: Uint8Array | null, options: SealOptions = {}): Seal {
    const digest = nodeCrypto.sha256(bytes);
    this.seals.push({ file: { statement: bytes, evidence }, statement, digest });
    if (options.leaf !== false && evidence !== null) {
      const references = {
        statement: digest,
        evidence: nodeCrypto.sha256(evidence),
        number: u64be(statement.number),
      };
      this.append(draftLeaf({ kind: 'seal_ref', references }));
    }
    return statement;
  }

  /** The audit bundle as files. */
  files(): Map<string, Uint8Array> {
    const files = new Map<string, Uint8Array>();
    const index = { epochs: this.epochs.map(({ epoch }) => epoch), seals: this.seals.length };
    files.set('index.json', utf8(formatBundleIndex(index)));
    files.set('log/checkpoint', utf8(this.checkpoint()));
    for (const { epoch, attestation } of this.epochs)
      files.set(`epochs/${epoch}`, utf8(formatAttestation(attestation)));
    this.seals.forEach(({ file }, i) => files.set(`seals/${i + 1}`, utf8(formatSealFile(file))));
    writeTiles(files, this.leaves, this.hashes);
    return files;
  }
}

function writeTiles(
  files: Map<string, Uint8Array>,
  leaves: readonly Uint8Array[],
  hashes: readonly Uint8Array[],
): void {
  const size = leaves.length;
  let nodes: readonly Uint8Array[] = hashes;
  for (let level = 0; nodes.length > 0; level++) {
    const roots: Uint8Array[] = [];
    for (let index = 0; index * TILE_WIDTH < nodes.length; index++) {
      const width = tileWidth(level, index, size);
      const row = nodes.slice(index * TILE_WIDTH, index * TILE_WIDTH + width);
      files.set(`log/${tilePath(level, index, width)}`, encodeTile(row));
      if (width === TILE_WIDTH) roots.push(rootOf(nodeCrypto, row));
      if (level === 0)
        files.set(
          `log/${entriesPath(index, width)}`,
          encodeEntries(leaves.slice(index * TILE_WIDTH, index * TILE_WIDTH + width)),
        );
    }
    nodes = roots;
  }
}

/** Judges attestations of these logs' boots as the verifier does, with the stand-in for hardware. */
export function judgeOf(...logs: readonly TestLog[]): JudgeEpoch {
  return async ({ identity, evidence, keys }) => {
    for (const log of logs)
      for (const { attestation, service } of log.epochs) {
        if (toHex(attestation.identity) !== toHex(identity)) continue;
        await log.judgeEvidence(evidence, bind(nodeCrypto, DOMAINS.identity, identity));
        const logKey = keys.find(({ name }) => name === 'log')?.key ?? null;
        return {
          service: { ...service, platform: log.platform, logKey },
          anchored: true,
          judgeSeal: log.judgeEvidence,
        };
      }
    return fail('STATEMENT_NOT_BOUND', 'no such boot');
  };
}

/** A complete allow decision; give what should differ. */
export function decisionDraft(fields: Partial<LeafDraft> = {}): LeafDraft {
  return draftLeaf({
    kind: 'decision',
    tenant: 'acme',
    agent: 'agent-1',
    session: digestOf('session').slice(0, 16),
    principal: digestOf('caller'),
    interventionPoint: 'pre_tool_call',
    action: digestOf('action'),
    audience: 'tools.example.org',
    nonce: digestOf('nonce').slice(0, 16),
    decision: 'allow',
    rule: 'rule-1',
    policyDigest: digestOf('policy 1'),
    requiredLevel: 0,
    notAfter: TEST_TIME + 60_000,
    ...fields,
  });
}

/** Reads a leaf of the log back. */
export function leafAt(log: TestLog, index: number): Leaf {
  return decodeLeaf(log.leaves[index] as Uint8Array);
}
