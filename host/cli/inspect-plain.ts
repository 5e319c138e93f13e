/** Parsed values as JSON that people can read, for `assay inspect`. */
import { nodeCrypto } from '../../native/crypto.ts';
import { formatTime } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import { isPck, readPck } from '../../src/evidence/intel/index.ts';
import { isSnpEndorsement, readSnpEndorsement } from '../../src/evidence/snp/index.ts';

type Plain = string | number | boolean | null | readonly Plain[] | JsonObject;

/** A parsed value as JSON: bytes become hexadecimal, names become snake_case. */
export function plain(value: object): JsonObject {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      plainValue(item),
    ]),
  );
}

function plainValue(value: unknown): Plain {
  if (value instanceof Uint8Array) return toHex(value);
  if (typeof value === 'bigint') return `0x${value.toString(16)}`;
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === 'object' && value !== null) return plain(value);
  return value as Plain;
}

/** With what Intel and AMD write into certificates of the keys behind evidence; what is broken in there throws. */
export function describeCertificate(certificate: Certificate, path: string): JsonObject {
  return {
    subject: certificate.subject.commonName,
    issuer: certificate.issuer.commonName,
    serial: toHex(certificate.serial),
    not_before: formatTime(certificate.notBefore),
    not_after: formatTime(certificate.notAfter),
    ca: certificate.basicConstraints?.ca ?? false,
    path_length: certificate.basicConstraints?.pathLength ?? null,
    spki_sha256: toHex(nodeCrypto.sha256(certificate.spki.raw)),
    sha256: toHex(nodeCrypto.sha256(certificate.raw)),
    ...(isSnpEndorsement(certificate) ? plain(readSnpEndorsement(certificate, path)) : {}),
    ...(isPck(certificate) ? plain(readPck(certificate, path)) : {}),
  };
}

/** What inspection says of the bytes themselves. */
export function describeBytes(bytes: Uint8Array): { readonly sha256: string; readonly size: number } {
  return { sha256: toHex(nodeCrypto.sha256(bytes)), size: bytes.length };
}
