/**
 * AWS Nitro attestation documents (aws/aws-nitro-enclaves-nsm-api docs/attestation_process.md section 3): a
 * COSE_Sign1 around a CBOR map. Genuine documents are not canonical CBOR: keys are unsorted, and since mid-2025 the
 * map is of indefinite length. Parses and judges nothing; certificates are left as DER for the verifier.
 */
import { ParseError } from '../base/errors.ts';
import { MAX_TIME, type Millis } from '../base/clock.ts';
import { CborReader } from '../codec/cbor.ts';
import { COSE_ALG, type CoseSign1, parseCoseSign1 } from '../codec/cose.ts';

/** Registers by index; only those that were locked are there (16 usually, up to 32). */
export type NitroPcrs = Readonly<Record<number, Uint8Array>>;

export interface NitroDocument {
  /** `enclave` lists `pcrs`; `nitrotpm`, from the same PKI, lists `nitrotpm_pcrs` and measures an EC2 instance. */
  readonly kind: 'enclave' | 'nitrotpm';
  readonly sign1: CoseSign1;
  /** `i-<instance>-enc<launch>` or `i-<instance>-tpm<zeros>`. */
  readonly moduleId: string;
  readonly digest: 'SHA384';
  /** The hypervisor's clock when it signed. */
  readonly timestamp: Millis;
  readonly pcrs: NitroPcrs;
  /** DER of the certificate whose key signed the document. */
  readonly certificate: Uint8Array;
  /** DER, from the root to the issuer of `certificate`. */
  readonly cabundle: readonly Uint8Array[];
  /** What the caller asked to be signed: at most 1,024 bytes each, null when it gave none. */
  readonly publicKey: Uint8Array | null;
  readonly userData: Uint8Array | null;
  readonly nonce: Uint8Array | null;
  /** Names of fields that this reader does not know; they are signed, and nothing relies on them. */
  readonly unknownFields: readonly string[];
}

export const NITRO_MAX_DOCUMENT = 24_576;
const MAX_PAYLOAD = 16_384;
const MAX_FIELDS = 32;
const MAX_CERTIFICATE = 1_024;
const MAX_BUNDLE = 8;
/** Hardware signs 1,024 bytes each, although section 3.2.2.2 of the AWS text says 512 (recorded documents). */
const MAX_USER_FIELD = 1_024;
const PCR_SIZE = 48;
const PCR_COUNT = 32;
const SIGNATURE_SIZE = 96;
/**
 * QEMU's NSM (hw/virtio/virtio-nsm.c) names an algorithm that does not exist, and leaves certificate, authority and
 * signature as so many zero bytes each.
 */
const EMULATED = { algorithm: -1, signature: 64 } as const;
const SIGNED = { algorithm: COSE_ALG.ES384, signature: SIGNATURE_SIZE } as const;
const DEFINITE_ARRAY_OF_4 = 0x84;

type Draft = { -readonly [K in keyof NitroDocument]?: NitroDocument[K] };

const REQUIRED = ['module_id', 'digest', 'timestamp', 'certificate', 'cabundle'] as const;

/**
 * Throws ParseError: a CBOR_, COSE_ or NITRO_ code with offset and path. Byte strings are views of the input. A
 * document of an emulator, which nobody signed, is NITRO_UNSIGNED_EMULATION.
 */
export function parseNitro(bytes: Uint8Array): NitroDocument {
  if (!endsUnsigned(bytes)) return readDocument(bytes, SIGNED);
  const { offsets } = parseEmulatedNitro(bytes).sign1;
  throw new ParseError(
    'NITRO_UNSIGNED_EMULATION',
    'certificate and signature are zero bytes, as an emulator leaves them',
    offsets.signature,
    'document',
  );
}

/**
 * Reads what an emulated NSM wrote. It proves nothing: only a test that runs such a machine itself has a use for it.
 * A document with anything but zeros where a signature belongs is refused with NITRO_FIELD_INVALID.
 */
export function parseEmulatedNitro(bytes: Uint8Array): NitroDocument {
  const document = readDocument(bytes, EMULATED);
  const blank = [document.sign1.signature, document.certificate, ...document.cabundle];
  if (document.cabundle.length !== 1 || !blank.every(isBlank))
    throw new ParseError('NITRO_FIELD_INVALID', 'not what an emulator writes', 0, 'document');
  return document;
}

const isBlank = (bytes: Uint8Array): boolean =>
  bytes.length === EMULATED.signature && bytes.every((byte) => byte === 0);

/** A signature of 64 zero bytes at the end; a genuine one has 96, and neither half of it can be so small. */
function endsUnsigned(bytes: Uint8Array): boolean {
  const head = bytes.length - EMULATED.signature - 2;
  return (
    head > 0 &&
    bytes[head] === 0x58 &&
    bytes[head + 1] === EMULATED.signature &&
    isBlank(bytes.subarray(head + 2))
  );
}

function readDocument(
  bytes: Uint8Array,
  { algorithm, signature }: { readonly algorithm: number; readonly signature: number },
): NitroDocument {
  const path = 'document';
  if (bytes.length > NITRO_MAX_DOCUMENT)
    throw new ParseError('NITRO_TOO_LARGE', `${bytes.length} bytes, at most ${NITRO_MAX_DOCUMENT}`, 0, path);
  const sign1 = parseCoseSign1(bytes, { path, maxPayload: MAX_PAYLOAD, signature });
  // The wrapper is not signed, so its one form leaves the least room to write the same document differently.
  const start = sign1.tagged ? 1 : 0;
  if (bytes[start] !== DEFINITE_ARRAY_OF_4)
    throw new ParseError('COSE_INVALID', 'not a definite array of four', start, path);
  if (sign1.alg !== algorithm)
    throw new ParseError(
      'NITRO_FIELD_INVALID',
      `algorithm ${sign1.alg}, not ${algorithm}`,
      sign1.offsets.protected,
      path,
    );
  return Object.freeze({ sign1, ...readPayload(sign1) });
}

function readPayload(sign1: CoseSign1): Omit<NitroDocument, 'sign1'> {
  const reader = new CborReader(sign1.payload, { path: 'document.payload', base: sign1.offsets.payload });
  const draft: Draft = { publicKey: null, userData: null, nonce: null };
  const seen = new Set<string>();
  const unknown: string[] = [];
  reader.map(
    (key) => {
      if (typeof key === 'number') return reader.fail('NITRO_FIELD_INVALID', 'an integer key');
      seen.add(key);
      if (!readField(reader, key, draft)) unknown.push(unknownField(reader, key));
    },
    { max: MAX_FIELDS },
  );
  const missing =
    REQUIRED.find((name) => !seen.has(name)) ??
    (draft.pcrs === undefined ? 'pcrs or nitrotpm_pcrs' : undefined);
  if (missing !== undefined)
    throw new ParseError('NITRO_FIELD_MISSING', `${missing} is missing`, sign1.offsets.payload, reader.path);
  reader.end();
  return { ...(draft as Omit<NitroDocument, 'sign1'>), unknownFields: Object.freeze(unknown) };
}

/** Section 3.2.2.2 of the AWS text. False when the key is none of its fields. */
function readField(reader: CborReader, key: string, draft: Draft): boolean {
  switch (key) {
    case 'module_id':
      draft.moduleId = moduleId(reader);
      return true;
    case 'digest':
      if (reader.text({ max: 16 }) !== 'SHA384')
        reader.fail('NITRO_FIELD_INVALID', 'digest other than SHA384');
      draft.digest = 'SHA384';
      return true;
    case 'timestamp':
      draft.timestamp = reader.uint(MAX_TIME);
      if (draft.timestamp === 0) reader.fail('NITRO_FIELD_INVALID', 'timestamp zero');
      return true;
    case 'pcrs':
    case 'nitrotpm_pcrs':
      // Both would be two documents in one: a reader that takes either could be shown the wrong one.
      if (draft.pcrs !== undefined) reader.fail('NITRO_FIELD_INVALID', 'both pcrs and nitrotpm_pcrs');
      draft.kind = key === 'pcrs' ? 'enclave' : 'nitrotpm';
      draft.pcrs = pcrs(reader);
      return true;
    case 'certificate':
      draft.certificate = reader.bytes({ min: 1, max: MAX_CERTIFICATE });
      return true;
    case 'cabundle':
      draft.cabundle = bundle(reader);
      return true;
    case 'public_key':
      draft.publicKey = reader.nullOr(() => reader.bytes({ min: 1, max: MAX_USER_FIELD }));
      return true;
    case 'user_data':
      draft.userData = reader.nullOr(() => reader.bytes({ max: MAX_USER_FIELD }));
      return true;
    case 'nonce':
      draft.nonce = reader.nullOr(() => reader.bytes({ max: MAX_USER_FIELD }));
      return true;
    default:
      return false;
  }
}

function moduleId(reader: CborReader): string {
  const id = reader.text({ min: 1, max: 128 });
  if (!/^[!-~]+$/.test(id)) reader.fail('NITRO_FIELD_INVALID', 'module id is not printable ASCII');
  return id;
}

/** The list is sparse: only locked registers are in it, in any order. Duplicates are refused by the reader. */
function pcrs(reader: CborReader): NitroPcrs {
  const out: Record<number, Uint8Array> = Object.create(null);
  reader.map(
    (index) => {
      if (typeof index !== 'number' || index < 0 || index >= PCR_COUNT)
        return reader.fail('NITRO_FIELD_INVALID', `register index is not in 0..${PCR_COUNT - 1}`);
      // AWS allows 32, 48 or 64 bytes by digest; the digest is SHA384.
      out[index] = reader.bytes({ min: PCR_SIZE, max: PCR_SIZE });
    },
    { min: 1, max: PCR_COUNT },
  );
  return Object.freeze(out);
}

function bundle(reader: CborReader): readonly Uint8Array[] {
  const out: Uint8Array[] = [];
  reader.array(() => out.push(reader.bytes({ min: 1, max: MAX_CERTIFICATE })), { min: 1, max: MAX_BUNDLE });
  return Object.freeze(out);
}

/** AWS may add fields. They are read by all rules, named in the claims, and mean nothing here. */
function unknownField(reader: CborReader, key: string): string {
  if (!/^[!-~]{1,64}$/.test(key)) reader.fail('NITRO_FIELD_INVALID', 'field name is not printable ASCII');
  reader.skip();
  return key;
}
