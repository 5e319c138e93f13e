/**
 * Forges Nitro attestation documents that the production verifier verifies unchanged under the simulated root:
 * COSE_Sign1 without a tag, ES384 with high-S half of the time (as OpenSSL leaves it), the payload a map of
 * indefinite length in the order of fields that the hypervisor has written since mid-2025.
 */
import { randomBytes, sign } from 'node:crypto';
import type { Millis } from '../../src/base/clock.ts';
import { concat, u64be } from '../../src/base/bytes.ts';
import { encodeCbor } from '../../src/codec/cbor-encode.ts';
import type { NitroDocument } from '../../src/evidence/nitro.ts';
import { type ImageMeasurements, measureText, PCR_SIZE } from '../../src/image/pcr.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Faults } from './faults.ts';
import { createPki, type Leaf, LEAF_LIFETIME, type Pki, SIMULATED_ROOT_NAME } from './pki.ts';
import { type Derive, deriveFrom, instanceIdOf } from './state.ts';

export interface QuoteFields {
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
  readonly publicKey: Uint8Array | null;
}

export interface NitroHardware {
  readonly instanceId: string;
  readonly rootName: string;
  /** DER of the root, also when documents are signed under a wrong one. */
  readonly rootCertificate: Uint8Array;
  /** SHA-256 of the root's SubjectPublicKeyInfo: what a trust policy names. */
  readonly rootSpkiSha256: Uint8Array;
  /** A module for an enclave launched now; its name carries the launch time. */
  launch(): NitroModule;
  /** The same claims as in a document that an emulated module left unsigned, signed under this root. */
  countersign(document: NitroDocument): Promise<Uint8Array>;
}

export interface NitroModule {
  readonly moduleId: string;
  /** PCR values that hold from boot on for this image, by index; the rest is zero. */
  bootRegisters(measured: ImageMeasurements): ReadonlyMap<number, Uint8Array>;
  /** A signed document over the given registers, in index order. */
  attest(registers: ReadonlyMap<number, Uint8Array>, fields: QuoteFields): Promise<Uint8Array>;
}

export interface HardwareOptions {
  readonly derive: Derive;
  readonly faults: Faults;
  /** The hypervisor's clock. */
  readonly now: () => Millis;
}

const PROTECTED = Uint8Array.of(0xa1, 0x01, 0x38, 0x22); // {1: -35}, ES384
const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
/** A genuine leaf begins three seconds before the first document that it signs. */
const LEAF_LEAD = 3 * SECOND;
/** A leaf is used again until less than this is left of it. */
const LEAF_RESERVE = HOUR;
/** The instance certificate is issued with 18 h left. */
const PKI_RENEWAL = 12 * HOUR;

export async function createNitroHardware(options: HardwareOptions): Promise<NitroHardware> {
  const { derive, faults, now } = options;
  const instanceId = instanceIdOf(derive);
  const honest = await createPki(derive, instanceId, now());
  const signing = faults.wrongRoot ? deriveFrom(new Uint8Array(randomBytes(32))) : derive;
  const pki = renewed(() => createPki(signing, instanceId, now()), now);
  return Object.freeze({
    instanceId,
    rootName: SIMULATED_ROOT_NAME,
    rootCertificate: honest.root.certificate,
    rootSpkiSha256: nodeCrypto.sha256(honest.root.spki),
    launch: () => createModule(options, pki, instanceId),
    countersign: async (document: NitroDocument) => {
      // The issuer of a leaf is the instance that the module belongs to.
      const [instance = ''] = document.moduleId.split('-enc');
      return countersign(await createPki(signing, instance, document.timestamp), document);
    },
  });
}

async function countersign(pki: Pki, document: NitroDocument): Promise<Uint8Array> {
  const { moduleId, timestamp, pcrs, userData, nonce, publicKey } = document;
  const leaf = await pki.issueLeaf(moduleId, timestamp - LEAF_LEAD, LEAF_LIFETIME);
  const payload = encodePayload({
    moduleId,
    timestamp,
    registers: new Map(Object.entries(pcrs).map(([index, value]) => [Number(index), value])),
    certificate: leaf.certificate,
    bundle: pki.bundle,
    fields: { userData, nonce, publicKey },
  });
  return encodeSign1(payload, leaf);
}

/** The authorities near an enclave live a day or less, so they are issued anew while the machine runs. */
function renewed(issue: () => Promise<Pki>, now: () => Millis): () => Promise<Pki> {
  let current: Promise<Pki> | null = null;
  let issuedAt = 0;
  return () => {
    if (current === null || now() - issuedAt > PKI_RENEWAL || now() < issuedAt) {
      issuedAt = now();
      current = issue();
    }
    return current;
  };
}

function createModule(
  options: HardwareOptions,
  authorities: () => Promise<Pki>,
  instanceId: string,
): NitroModule {
  const { faults, now } = options;
  const launched = now().toString(16).padStart(12, '0');
  const moduleId = `${instanceId}-enc${launched}${randomBytes(2).toString('hex')}`;
  let earlierNonce: Uint8Array = new Uint8Array(randomBytes(32));
  let leaf: { readonly from: Pki; readonly until: Millis; readonly issued: Promise<Leaf> } | null = null;

  const currentLeaf = async (): Promise<{ leaf: Leaf; pki: Pki }> => {
    const pki = await authorities();
    if (leaf === null || leaf.from !== pki || now() > leaf.until - LEAF_RESERVE) {
      const start = now() - (faults.expiredLeaf ? LEAF_LIFETIME + HOUR : LEAF_LEAD);
      const until = faults.expiredLeaf ? now() + 2 * HOUR : start + LEAF_LIFETIME;
      leaf = { from: pki, until, issued: pki.issueLeaf(moduleId, start, LEAF_LIFETIME) };
    }
    return { leaf: await leaf.issued, pki };
  };

  /** The nonce of the request before this one, while the fault lasts. */
  const replayed = (nonce: Uint8Array | null): Uint8Array | null => {
    if (!faults.replayedNonce || nonce === null) return nonce;
    const stale = earlierNonce;
    earlierNonce = nonce;
    return stale;
  };

  return Object.freeze({
    moduleId,
    bootRegisters({ pcr0, pcr1, pcr2 }: ImageMeasurements): ReadonlyMap<number, Uint8Array> {
      const zero = new Uint8Array(PCR_SIZE);
      return new Map([
        [0, faults.debug ? zero : pcr0],
        [1, faults.debug ? zero : pcr1],
        [2, faults.debug ? zero : pcr2],
        [4, measureText(nodeCrypto, instanceId)],
      ]);
    },
    async attest(registers: ReadonlyMap<number, Uint8Array>, fields: QuoteFields): Promise<Uint8Array> {
      if (faults.slowQuotesMs > 0) await new Promise((resolve) => setTimeout(resolve, faults.slowQuotesMs));
      const { leaf: signer, pki } = await currentLeaf();
      const payload = encodePayload({
        moduleId,
        timestamp: now(),
        registers,
        certificate: signer.certificate,
        bundle: pki.bundle,
        fields: { ...fields, nonce: replayed(fields.nonce) },
      });
      return encodeSign1(payload, signer);
    },
  });
}

interface Payload {
  readonly moduleId: string;
  readonly timestamp: Millis;
  readonly registers: ReadonlyMap<number, Uint8Array>;
  readonly certificate: Uint8Array;
  readonly bundle: readonly Uint8Array[];
  readonly fields: QuoteFields;
}

/** BF … FF, with the inner map and array definite and the timestamp in eight bytes, as recorded since 2025-08. */
function encodePayload({ moduleId, timestamp, registers, certificate, bundle, fields }: Payload): Uint8Array {
  const sorted = new Map([...registers].sort(([a], [b]) => a - b));
  const entry = (name: string, value: Uint8Array): Uint8Array => concat(encodeCbor(name), value);
  return concat(
    Uint8Array.of(0xbf),
    entry('module_id', encodeCbor(moduleId)),
    entry('digest', encodeCbor('SHA384')),
    entry('timestamp', concat(Uint8Array.of(0x1b), u64be(timestamp))),
    entry('pcrs', encodeCbor(sorted, { order: 'insertion' })),
    entry('certificate', encodeCbor(certificate)),
    entry('cabundle', encodeCbor(bundle)),
    entry('public_key', encodeCbor(fields.publicKey)),
    entry('user_data', encodeCbor(fields.userData)),
    entry('nonce', encodeCbor(fields.nonce)),
    Uint8Array.of(0xff),
  );
}

/** RFC 9052 section 4.4: the signature covers Signature1, protected header, empty external data and payload. */
function encodeSign1(payload: Uint8Array, leaf: Leaf): Uint8Array {
  const covered = encodeCbor(['Signature1', PROTECTED, new Uint8Array(0), payload]);
  const signature = new Uint8Array(sign('sha384', covered, { key: leaf.key, dsaEncoding: 'ieee-p1363' }));
  return concat(
    Uint8Array.of(0x84),
    encodeCbor(PROTECTED),
    Uint8Array.of(0xa0),
    encodeCbor(payload),
    encodeCbor(signature),
  );
}
