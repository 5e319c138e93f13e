/** A service on a test PKI: identity statement, evidence that binds it, and proofs for sessions with it. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { inclusionProof, leafHash, rootOf } from '../../src/log/merkle.ts';
import {
  type Attestation,
  bind,
  DOMAINS,
  type Domain,
  Identity,
  Session,
  thumbprint,
} from '../../src/statement/index.ts';
import { type LiveSession, readTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { defaultPcrs, makeDocument, makePki, type TestPki } from './nitro-pki.ts';
import { TRUST_JSON } from './trust.ts';

export const CONFIG: Uint8Array = utf8(JSON.stringify({ policy: { threshold: 1, keys: ['aa'.repeat(32)] } }));
export const CHALLENGE: Uint8Array = new Uint8Array(32).fill(0x55);
const NEIGHBOURS = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];

export interface TestService {
  readonly pki: TestPki;
  readonly identity: Identity;
  readonly attestation: Attestation;
  readonly sessionKey: KeyObject;
  readonly session: LiveSession;
}

export interface ServiceChanges {
  readonly identity?: Partial<Identity>;
  /** Fields of the attestation document. */
  readonly document?: Parameters<typeof makeDocument>[1];
  /** What the document binds instead of the identity statement. */
  readonly domain?: Domain;
  readonly session?: Partial<Session>;
  readonly attestation?: Partial<Attestation>;
}

function rawKey(): { raw: Uint8Array; key: KeyObject } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return {
    raw: ed25519Raw(new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }))),
    key: privateKey,
  };
}

/** `CHALLENGE` is the second of three that the quote answers. */
export async function makeService(changes: ServiceChanges = {}, pki?: TestPki): Promise<TestService> {
  const from = pki ?? (await makePki());
  const [log, epoch, session] = [rawKey(), rawKey(), rawKey()];
  const leaves = [NEIGHBOURS[0], CHALLENGE, NEIGHBOURS[1]].map((challenge) =>
    leafHash(nodeCrypto, challenge as Uint8Array),
  );
  const identity: Identity = {
    platform: 'nitro',
    simulated: true,
    origin: 'sim.example.org/log',
    epoch: 3,
    bootId: new Uint8Array(32).fill(3),
    epochKey: epoch.raw,
    sessionKey: session.raw,
    tlsSpkiHash: new Uint8Array(32).fill(4),
    hpkeKey: new Uint8Array(32).fill(5),
    keyring: [{ name: 'log', thumbprint: thumbprint(nodeCrypto, log.raw) }],
    custody: 'aws-kms',
    configDigest: nodeCrypto.sha256(CONFIG),
    witnessPolicyDigest: null,
    gpuDigest: null,
    challengeRoot: rootOf(nodeCrypto, leaves),
    ...changes.identity,
  };
  const statement = Identity.encode(identity);
  const evidence = makeDocument(from, {
    user_data: bind(nodeCrypto, changes.domain ?? DOMAINS.identity, statement),
    nonce: identity.challengeRoot,
    ...changes.document,
  });
  const attestation: Attestation = {
    platform: 'nitro',
    evidence,
    identity: statement,
    challenge: { index: 1, count: 3, path: inclusionProof(nodeCrypto, leaves, 1) },
    keys: [{ name: 'log', key: log.raw }],
    endorsements: null,
    ...changes.attestation,
  };
  return {
    pki: from,
    identity,
    attestation,
    sessionKey: session.key,
    session: sessionOf(identity, attestation, session.key, changes.session),
  };
}

export const EXPORTER: Uint8Array = new Uint8Array(32).fill(6);

export function sessionOf(
  identity: Identity,
  attestation: Attestation,
  key: KeyObject,
  changes: Partial<Session> = {},
  domain: Domain = DOMAINS.session,
): LiveSession {
  const statement = Session.encode({
    role: 'enclave',
    bootId: identity.bootId,
    challenge: CHALLENGE,
    exporter: EXPORTER,
    tlsSpkiHash: identity.tlsSpkiHash,
    evidenceDigest: nodeCrypto.sha256(attestation.evidence),
    ...changes,
  });
  const signature = new Uint8Array(sign(null, bind(nodeCrypto, domain, statement), key));
  return { proof: { statement, signature }, exporter: EXPORTER, tlsSpkiHash: identity.tlsSpkiHash };
}

/** Accepts the service, under its simulated root; `changes` replace top-level keys. */
export function trustFor(
  { pki, identity }: Pick<TestService, 'pki' | 'identity'>,
  changes: JsonObject = {},
): TrustPolicy {
  return readTrustPolicy({
    ...TRUST_JSON,
    service: {
      origin: identity.origin,
      config_digest: toHex(identity.configDigest),
      policy_authorities: ['aa'.repeat(32)],
    },
    platforms: { nitro: { pcrs: { '0': [toHex(defaultPcrs().get(0) as Uint8Array)] }, debug: 'reject' } },
    freshness: { max_age_seconds: 300, nonce: 'session' },
    simulated: { roots: [{ platform: 'nitro', spki_sha256: pki.pin.spkiSha256, name: pki.pin.name }] },
    ...changes,
  });
}
