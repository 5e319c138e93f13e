/**
 * The signature section of an EIF: a CBOR array of {signing_certificate, signature}, where byte strings are
 * written as arrays of integers (serde's Vec<u8>) and the certificate is PEM. The hypervisor uses the first
 * entry alone and checks its signature before boot; what remains visible to a verifier is PCR8. The maps keep the
 * order of AWS's structs (aws-nitro-enclaves-image-format src/defs/mod.rs), which is not the sorted one.
 */
import { utf8 } from '../base/bytes.ts';
import { AssayError, fail } from '../base/errors.ts';
import { encodeCbor } from '../codec/cbor-encode.ts';
import { CborReader } from '../codec/cbor.ts';
import { formatPem, parsePem } from '../codec/pem.ts';

export interface EifSignature {
  /** DER. */
  readonly certificate: Uint8Array;
  /** COSE_Sign1 over {register_index: 0, register_value: PCR0}. */
  readonly signature: Uint8Array;
}

const MAX_ENTRIES = 8;
const MAX_BYTES = 16_384;

/** Throws EIF_SIGNATURE_INVALID. */
export function parseEifSignature(section: Uint8Array): EifSignature {
  try {
    const reader = new CborReader(section, { path: 'eif.signature' });
    const entries: EifSignature[] = [];
    reader.array(() => entries.push(readEntry(reader)), { min: 1, max: MAX_ENTRIES });
    reader.end();
    return entries[0] as EifSignature;
  } catch (error) {
    if (error instanceof AssayError && error.code === 'EIF_SIGNATURE_INVALID') throw error;
    throw new AssayError('EIF_SIGNATURE_INVALID', 'signature section', { cause: error });
  }
}

/** The section with one entry. */
export function formatEifSignature({ certificate, signature }: EifSignature): Uint8Array {
  const entry = new Map([
    ['signing_certificate', [...utf8(formatPem('CERTIFICATE', certificate))]],
    ['signature', [...signature]],
  ]);
  return encodeCbor([entry], { order: 'insertion' });
}

/** What the COSE_Sign1 covers: {register_index: 0, register_value: PCR0}. */
export function eifSignaturePayload(pcr0: Uint8Array): Uint8Array {
  const info = new Map<string, number | number[]>([
    ['register_index', 0],
    ['register_value', [...pcr0]],
  ]);
  return encodeCbor(info, { order: 'insertion' });
}

function readEntry(reader: CborReader): EifSignature {
  const found = new Map<string | number, Uint8Array>();
  reader.map((key) => found.set(key, readByteArray(reader)), { min: 2, max: 2 });
  const pem = found.get('signing_certificate') ?? fail('EIF_SIGNATURE_INVALID', 'no signing_certificate');
  const signature = found.get('signature') ?? fail('EIF_SIGNATURE_INVALID', 'no signature');
  const certificates = parsePem(new TextDecoder('utf-8', { fatal: true }).decode(pem), 'CERTIFICATE');
  if (certificates.length !== 1) fail('EIF_SIGNATURE_INVALID', `${certificates.length} certificates`);
  return Object.freeze({ certificate: certificates[0] as Uint8Array, signature });
}

function readByteArray(reader: CborReader): Uint8Array {
  const bytes: number[] = [];
  reader.array(() => bytes.push(reader.uint(255)), { max: MAX_BYTES });
  return Uint8Array.from(bytes);
}
