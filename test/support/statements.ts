/** A sample of every statement, with each optional field set, and the domain that it belongs to. */
import type { RecordCodec } from '../../src/codec/cbor-record.ts';
import { DOMAINS, type Domain } from '../../src/statement/bind.ts';
import { Gpu } from '../../src/statement/gpu.ts';
import { Identity } from '../../src/statement/identity.ts';
import { Keyring } from '../../src/statement/keyring.ts';
import { GenesisOrder, PolicyOrder } from '../../src/statement/order.ts';
import { Release } from '../../src/statement/release.ts';
import { Seal } from '../../src/statement/seal.ts';
import { Session } from '../../src/statement/session.ts';

const b = (fill: number, size = 32): Uint8Array => new Uint8Array(size).fill(fill);
const origin = 'sim.assay.example/log';
const keys = [{ name: 'log', thumbprint: b(0x21) }];

export const IDENTITY: Identity = {
  platform: 'nitro',
  simulated: true,
  origin,
  epoch: 7,
  bootId: b(1),
  epochKey: b(2),
  sessionKey: b(3),
  tlsSpkiHash: b(4),
  hpkeKey: b(5),
  keyring: keys,
  custody: 'aws-kms',
  configDigest: b(6),
  witnessPolicyDigest: b(7),
  gpuDigest: b(8),
  challengeRoot: b(9),
};

export const SESSION: Session = {
  role: 'enclave',
  bootId: b(1),
  challenge: b(10),
  exporter: b(11),
  tlsSpkiHash: b(4),
  evidenceDigest: b(12),
};

export const SEAL: Seal = {
  origin,
  treeSize: 4096,
  root: b(13),
  number: 12,
  previousSeal: b(14),
  epoch: 7,
  bootId: b(1),
  epochKey: b(2),
  parentSeal: b(15),
  logKeyThumbprint: b(0x21),
  policyDigest: b(16),
  stateDigest: b(17),
  previousSize: 4000,
  refused: 3,
  time: 1_795_000_000_123,
  clockSource: 'nsm',
  clockErrorMs: 40,
  witnessedSize: 3900,
  witnessedHash: b(18),
  configDigest: b(6),
  witnessPolicyDigest: b(7),
  challengeRoot: b(9),
};

export const KEYRING: Keyring = {
  origin,
  keyringId: b(19, 16),
  version: 2,
  parentId: b(20, 16),
  keys,
  bootId: b(1),
  custody: 'aws-kms',
  configDigest: b(6),
};

export const RELEASE: Release = {
  purpose: 'open',
  backend: 'aws-kms',
  backendId: 'arn:aws:kms:eu-central-1:111122223333:key/0',
  backendChallenge: b(22),
  recipientSpkiHash: b(23),
  keyringId: b(19, 16),
  keyringDigest: b(24),
  origin,
  epoch: 7,
  bootId: b(1),
  configDigest: b(6),
  claimedSize: 4000,
  claimedRoot: b(25),
};

export const GPU: Gpu = { bootId: b(1), epochKey: b(2), challenge: b(26) };

export const POLICY_ORDER: PolicyOrder = {
  origin,
  tenant: 'acme',
  version: 4,
  previous: b(27),
  bundleDigest: b(28),
  notAfter: 1_795_000_000_000,
};

export const GENESIS_ORDER: GenesisOrder = {
  origin,
  keyringId: b(19, 16),
  notAfter: 1_795_000_000_000,
  nonce: b(29),
};

export interface Sample {
  readonly domain: Domain;
  readonly codec: RecordCodec<never>;
  readonly value: Readonly<Record<string, unknown>>;
  readonly encoded: Uint8Array;
}

function sample<T>(domain: Domain, codec: RecordCodec<T>, value: T): Sample {
  return {
    domain,
    codec: codec as unknown as RecordCodec<never>,
    value: value as Readonly<Record<string, unknown>>,
    encoded: codec.encode(value),
  };
}

export const SAMPLES: readonly Sample[] = [
  sample(DOMAINS.identity, Identity, IDENTITY),
  sample(DOMAINS.session, Session, SESSION),
  sample(DOMAINS.seal, Seal, SEAL),
  sample(DOMAINS.keyring, Keyring, KEYRING),
  sample(DOMAINS.release, Release, RELEASE),
  sample(DOMAINS.gpu, Gpu, GPU),
  sample(DOMAINS.policyOrder, PolicyOrder, POLICY_ORDER),
  sample(DOMAINS.genesisOrder, GenesisOrder, GENESIS_ORDER),
];
