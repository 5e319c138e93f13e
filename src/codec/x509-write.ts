/** Self-signed certificates (RFC 5280): the enclave's TLS certificate, whose key is vouched for by evidence. */
import type { Millis } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import {
  derBitString,
  derBoolean,
  derExplicit,
  derOctetString,
  derOid,
  derSequence,
  derSetOf,
  derTime,
  derUnsigned,
  derUtf8String,
} from './der-write.ts';
import { DerReader } from './der.ts';
import { OID, type Extension } from './x509.ts';

export interface SelfSignedInput {
  readonly subjectCommonName: string;
  readonly notBefore: Millis;
  readonly notAfter: Millis;
  /** Unsigned big-endian, 1 to 20 octets as written. */
  readonly serial: Uint8Array;
  /** DER SubjectPublicKeyInfo of a P-256, P-384 or Ed25519 key; the signature algorithm follows from it. */
  readonly spki: Uint8Array;
  /** Signs the TBSCertificate: a DER pair for ECDSA (`ecdsaP1363ToDer`), 64 bytes for Ed25519. */
  readonly sign: (tbs: Uint8Array) => Uint8Array;
  readonly extensions?: readonly Extension[];
}

export function selfSignedCertificate(input: SelfSignedInput): Uint8Array {
  const algorithm = signatureAlgorithm(input.spki);
  const name = derSequence(
    derSetOf(derSequence(derOid(OID.commonName), derUtf8String(input.subjectCommonName))),
  );
  const extensions = (input.extensions ?? []).map(({ oid, critical, value }) =>
    derSequence(derOid(oid), ...(critical ? [derBoolean(true)] : []), derOctetString(value)),
  );
  const tbs = derSequence(
    derExplicit(0, derUnsigned(2)),
    derUnsigned(input.serial),
    algorithm,
    name,
    derSequence(derTime(input.notBefore), derTime(input.notAfter)),
    name,
    input.spki,
    ...(extensions.length > 0 ? [derExplicit(3, derSequence(...extensions))] : []),
  );
  return derSequence(tbs, algorithm, derBitString(input.sign(tbs)));
}

function signatureAlgorithm(spki: Uint8Array): Uint8Array {
  const { algorithm, curve } = new DerReader(spki).sequence((key) => {
    const read = key.sequence((inner) => ({
      algorithm: inner.oid(),
      curve: inner.done ? null : inner.oid(),
    }));
    key.bitString();
    return read;
  });
  if (algorithm === OID.ed25519) return derSequence(derOid(OID.ed25519));
  if (algorithm === OID.ecPublicKey && curve === OID.p256) return derSequence(derOid(OID.ecdsaSha256));
  if (algorithm === OID.ecPublicKey && curve === OID.p384) return derSequence(derOid(OID.ecdsaSha384));
  return fail('X509_KEY_INVALID', 'no signature algorithm for this key');
}
