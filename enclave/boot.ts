/**
 * The boot order of design section 5, as one straight line: entropy from the hardware, configuration measured
 * for good before it is parsed, boot keys, key release, birth check, log recovered and verified, identity
 * quote, `epoch_start`, serve. Each step throws a typed error; there is no step that can be skipped.
 */
import { readU64, utf8 } from '../src/base/bytes.ts';
import type { Crypto } from '../src/base/crypto.ts';
import { ed25519Raw } from '../src/base/ed25519.ts';
import { fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import { formatSealFile, parseSealFile } from '../src/log/files.ts';
import { draftLeaf, type Leaf, type LeafDraft } from '../src/log/leaf.ts';
import type { Receipt } from '../src/log/receipt.ts';
import type { CompiledPolicy } from '../src/policy/index.ts';
import { formatAttestation } from '../src/statement/attestation.ts';
import type { Identity } from '../src/statement/identity.ts';
import {
  type Attestor,
  createAttestor,
  createQuoter,
  createSealer,
  type Quoter,
  type Sealer,
} from './attest/index.ts';
import { createKin, type Kin } from './attest/kin.ts';
import type { SealerParts, SealRecord } from './attest/sealer.ts';
import { type EnclaveConfig, parseConfig, type PlatformConfig } from './config.ts';
import type { Console } from './console.ts';
import { createDecider, createPolicies, type Policies } from './decide/index.ts';
import { type BootKeys, type Keyring, makeBootKeys } from './keys/index.ts';
import type { ReleaseBackend } from './keys/keyring.ts';
import { obtainKeyring } from './keys/obtain.ts';
import { attestRelease, type AttestReleaseTo } from './keys/release.ts';
import {
  DEFAULT_LEDGER_LIMITS,
  type Ledger,
  openLedger,
  readFile,
  type Recovered,
  recoverLog,
  type StoreClient,
} from './ledger/index.ts';
import { createClock, type EnclaveClock, UNBOUNDED_ERROR_MS } from './platform/clock.ts';
import type { Platform } from './platform/index.ts';
import { enclaveServices } from './services.ts';
import type { Handlers } from './server/index.ts';

/** What differs between machines, real and simulated; everything else is the same code. */
export interface Machine {
  readonly platform: Platform;
  readonly crypto: Crypto;
  /** What this program's platform may have in its configuration. */
  readonly platformConfig: PlatformConfig;
  /** The bytes of the measured configuration. */
  readonly config: Uint8Array;
  readonly store: (config: EnclaveConfig) => Promise<StoreClient>;
  readonly release: (config: EnclaveConfig, attestTo: AttestReleaseTo) => ReleaseBackend;
  readonly compile: (bundle: Uint8Array) => Promise<CompiledPolicy>;
  readonly monotonicNs: () => bigint;
  readonly console: Console;
}

export interface Booted {
  readonly config: EnclaveConfig;
  readonly tls: BootKeys['tls'];
  readonly services: Handlers;
  stop(): Promise<void>;
}

const MAX_BUNDLE = 1_048_576;
const SEAL_SPACING_MS = 1_000;

interface Ground {
  readonly machine: Machine;
  readonly config: EnclaveConfig;
  readonly configDigest: Uint8Array;
  readonly keys: BootKeys;
  readonly kin: Kin;
  readonly store: StoreClient;
}

async function layGround(machine: Machine): Promise<Ground> {
  const { platform, crypto } = machine;
  const bootId = await platform.random(32);
  const configDigest = crypto.sha256(machine.config);
  await platform.measureConfiguration(configDigest);
  const config = parseConfig(machine.config, machine.platformConfig);
  machine.console({ event: 'measured', origin: config.origin });
  const keys = makeBootKeys(crypto, bootId);
  const kin = createKin({ crypto, config, image: await platform.image() });
  return { machine, config, configDigest, keys, kin, store: await machine.store(config) };
}

async function startClock(machine: Machine): Promise<EnclaveClock> {
  const source = machine.platform.time;
  if (!source.signed)
    return createClock(source.source, machine.monotonicNs, await source.read(), UNBOUNDED_ERROR_MS);
  const started = machine.monotonicNs();
  // A quote over nothing: only its signed time is wanted, and it leaves the enclave nowhere.
  const { time } = await machine.platform.quote({
    binding: new Uint8Array(0),
    challenge: null,
    recipient: null,
  });
  if (time === null) fail('QUOTE_UNAVAILABLE', 'the platform gives no signed time');
  return createClock(source.source, machine.monotonicNs, time, Number(machine.monotonicNs() - started) / 1e6);
}

function identityOf(ground: Ground, keyring: Keyring, epoch: number): Omit<Identity, 'challengeRoot'> {
  const { config, keys, machine } = ground;
  return {
    platform: machine.platform.kind,
    simulated: machine.platform.simulated,
    origin: config.origin,
    epoch,
    bootId: keys.bootId,
    epochKey: ed25519Raw(keys.epoch.spki),
    sessionKey: ed25519Raw(keys.session.spki),
    tlsSpkiHash: keys.tls.spkiHash,
    hpkeKey: keys.hpke.publicKey,
    keyring: [...keyring.thumbprints],
    custody: keyring.custody,
    configDigest: ground.configDigest,
    witnessPolicyDigest: null,
    gpuDigest: null,
  };
}

async function restorePolicies(ground: Ground, policies: Policies, recovered: Recovered): Promise<void> {
  const named = async (leaf: Leaf, name: string): Promise<Uint8Array> => {
    const digest = leaf.references[name] ?? fail('POLICY_MISSING', `leaf ${leaf.index} names no ${name}`);
    const bytes = await readFile(ground.store, `objects/${toHex(digest)}`, MAX_BUNDLE);
    return bytes ?? fail('POLICY_MISSING', `the store withholds the ${name} of ${leaf.tenant}`);
  };
  for (const leaf of recovered.policyChanges) {
    await policies.restore(leaf, await named(leaf, 'order'), await named(leaf, 'bundle'));
    ground.machine.console({ event: 'policy', number: policies.version() });
  }
}

/** Starts the epoch in the log: its attestation is with the host before its first leaf. */
async function startEpoch(
  ground: Ground,
  attestor: Attestor,
  ledger: Ledger,
  epoch: number,
  parent: Uint8Array | null,
): Promise<void> {
  const file = utf8(formatAttestation(await attestor.current()));
  await ground.store.put(`epochs/${epoch}`, file);
  const references: Record<string, Uint8Array> = {
    attestation: ground.machine.crypto.sha256(file),
    boot: ground.keys.bootId,
  };
  if (parent !== null) references['parent'] = parent;
  await ledger.append(draftLeaf({ kind: 'epoch_start', references }));
}

interface SealGround {
  readonly epoch: number;
  readonly keyring: Keyring;
  readonly recovered: Recovered;
  readonly clock: EnclaveClock;
  readonly quoter: Quoter;
  readonly ledger: Ledger;
  readonly policies: Policies;
  readonly refused: () => number;
}

/** The last seal that the log names; its leaf came before its evidence left the enclave. */
function lastSeal({ recovered }: SealGround): SealerParts['previous'] {
  if (recovered.sealRef === null) return null;
  const { index, references } = recovered.sealRef;
  const named = (name: string): Uint8Array =>
    references[name] ?? fail('RECOVERY_TREE_INVALID', `leaf ${index} names no ${name} of its seal`);
  return { digest: named('statement'), number: readU64(named('number')), size: readU64(named('size')) };
}

function makeSealer(ground: Ground, seals: SealGround): Sealer {
  const { config, keys, machine, store } = ground;
  const previous = lastSeal(seals);
  return createSealer({
    hashing: machine.crypto,
    quoter: seals.quoter,
    clock: seals.clock,
    boot: {
      origin: config.origin,
      epoch: seals.epoch,
      bootId: keys.bootId,
      epochKey: ed25519Raw(keys.epoch.spki),
      logKeyThumbprint: seals.keyring.thumbprints[0]?.thumbprint as Uint8Array,
      configDigest: ground.configDigest,
      parentSeal: previous?.digest ?? null,
    },
    previous,
    every: { seconds: config.seal.everySeconds, leaves: config.seal.maxLeaves },
    spacingMs: SEAL_SPACING_MS,
    head: () => seals.ledger.head(),
    state: () => ({
      policyDigest: seals.policies.digest(),
      // No counters yet: the fold over no effects is the hash of its name.
      stateDigest: machine.crypto.sha256(utf8('assay/state/v1')),
      refused: seals.refused(),
    }),
    append: (draft) => seals.ledger.append(draft),
    keep: async (seal) => {
      await store.put(`seals/${seal.number}`, utf8(formatSealFile(seal)));
      machine.console({ event: 'sealed', number: seal.number });
    },
    onProblem: (error) => machine.console({ event: 'problem', code: error.code, detail: error.message }),
  });
}

async function readSeal(store: StoreClient, number: number): Promise<SealRecord | null> {
  const file = await readFile(store, `seals/${number}`, MAX_BUNDLE);
  if (file === null) return null;
  const { statement, evidence } = parseSealFile(file);
  return evidence === null ? null : { number, statement, evidence, challenge: null };
}

export async function boot(machine: Machine): Promise<Booted> {
  const started = machine.monotonicNs();
  machine.console({ event: 'booting' });
  const ground = await layGround(machine);
  const { config, keys, store, kin } = ground;
  const clock = await startClock(machine);
  await store.open();
  const attestTo = attestRelease({
    hashing: machine.crypto,
    platform: machine.platform,
    origin: config.origin,
    bootId: keys.bootId,
    configDigest: ground.configDigest,
    keyId: config.keyring.kmsKeyId,
  });
  const keyring = await obtainKeyring(ground, clock, machine.release(config, attestTo));
  machine.console({ event: 'keyring' });

  const logKey = keyring.named[0]?.key as Uint8Array;
  const recovered = await recoverLog(store, {
    origin: config.origin,
    crypto: machine.crypto,
    logKey,
    acceptEpoch: (file) => kin.epoch(file, keyring.thumbprints),
  });
  clock.requireAtLeast(recovered.lastTime);
  const epoch = recovered.lastEpoch + 1;
  machine.console({ event: 'recovered', size: recovered.size, epoch });

  const quoter = createQuoter(machine.platform, machine.monotonicNs, (quote, roundTripMs) => {
    if (machine.platform.time.signed && quote.time !== null) clock.anchor(quote.time, roundTripMs);
  });
  const attestor = createAttestor({
    hashing: machine.crypto,
    quoter,
    clock,
    keys,
    identity: identityOf(ground, keyring, epoch),
    named: [...keyring.named],
  });
  const ledger = openLedger({
    store,
    hashing: machine.crypto,
    log: keyring.log,
    epochSigner: keys.epoch,
    origin: config.origin,
    epoch,
    recovered,
    clock: () => clock.now(),
    limits: DEFAULT_LEDGER_LIMITS,
  });
  let sealer: Sealer | null = null;
  const append = async (draft: LeafDraft): Promise<Receipt> => {
    const receipt = await ledger.append(draft);
    sealer?.onGrowth(ledger.head().size);
    return receipt;
  };
  const policies = createPolicies({
    crypto: machine.crypto,
    clock,
    origin: config.origin,
    authorities: config.policy,
    compile: machine.compile,
    keep: (bytes) => store.put(`objects/${toHex(machine.crypto.sha256(bytes))}`, bytes),
    append,
  });
  await startEpoch(ground, attestor, ledger, epoch, recovered.sealRef?.references['statement'] ?? null);
  await restorePolicies(ground, policies, recovered);
  const decider = createDecider({
    size: () => ledger.head().size,
    hashing: machine.crypto,
    clock,
    policies,
    append,
    maxValidForMs: config.maxValidForMs,
  });
  sealer = makeSealer(ground, {
    epoch,
    keyring,
    recovered,
    clock,
    quoter,
    ledger,
    policies,
    refused: () => decider.refused,
  });
  sealer.request();
  machine.console({ event: 'booted', epoch, ms: Math.round(Number(machine.monotonicNs() - started) / 1e6) });
  const made = sealer;
  return {
    config,
    tls: keys.tls,
    services: enclaveServices({
      config,
      simulated: machine.platform.simulated,
      platform: machine.platform.kind,
      epoch,
      clock,
      attestor,
      sealer: made,
      policies,
      decider,
      ledger,
      readSeal: (number) => readSeal(store, number),
    }),
    async stop() {
      made.stop();
      await ledger.close();
    },
  };
}
