/** What evidence says of itself, as JSON: documents of Nitro, quotes of TDX and SGX, reports of SEV-SNP. */
import { formatTime } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import {
  type Certification,
  isIntelQuote,
  parseQuote,
  type SgxReport,
  type TdReport,
} from '../../src/evidence/intel/index.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { isSnpReport, parseSnpReport, readTcb, type SnpTcbs } from '../../src/evidence/snp/index.ts';
import { detectPlatform } from '../../verifier/index.ts';
import { describeBytes, describeCertificate, plain } from './inspect-plain.ts';

/** Throws PLATFORM_UNKNOWN, and as the readers of each platform do. */
export function inspectEvidence(bytes: Uint8Array): JsonObject {
  if (isSnpReport(bytes)) return inspectSnpReport(bytes);
  return isIntelQuote(bytes) ? inspectQuote(bytes) : inspectNitro(bytes);
}

function inspectNitro(bytes: Uint8Array): JsonObject {
  const platform = detectPlatform(bytes);
  const document = parseNitro(bytes);
  const { sign1, certificate, cabundle, ...fields } = document;
  return {
    platform,
    ...describeBytes(bytes),
    tagged: sign1.tagged,
    indefinite_map: sign1.payload[0] === 0xbf,
    ...plain(fields),
    timestamp: formatTime(document.timestamp),
    signature: toHex(sign1.signature),
    certificates: [
      ...describeChain(cabundle, (i) => `document.payload.cabundle[${i}]`),
      ...describeChain([certificate], () => 'document.payload.certificate'),
    ],
  };
}

function inspectQuote(bytes: Uint8Array): JsonObject {
  const { tee, body, signed, signature, attestationKey, qe, certification, ...header } = parseQuote(bytes);
  return {
    platform: tee,
    ...describeBytes(bytes),
    ...plain(header),
    ...describeBody(body),
    signed_bytes: signed.length,
    signature: toHex(signature),
    attestation_key: toHex(attestationKey),
    quoting_enclave: {
      ...describeBody(qe.report),
      signature: toHex(qe.signature),
      auth_data: toHex(qe.authData),
    },
    certification: describeCertification(certification),
    certificates:
      certification.kind === 'ppid'
        ? []
        : describeChain(certification.certificates, (i) => `quote.certification[${i}]`),
  };
}

/** Field names as verdicts have them. */
const NAMES: Readonly<Record<string, string>> = {
  cpu_svn: 'cpusvn',
  isv_prod_id: 'isvprodid',
  isv_svn: 'isvsvn',
  seam_attributes: 'seamattributes',
  td_attributes: 'tdattributes',
  xfam_bits: 'xfam_number',
};

/** Fields that this kind of body does not have are left out. */
function describeBody({ flags, ...body }: SgxReport | TdReport): JsonObject {
  const fields = Object.entries(plain(body)).filter(([, value]) => value !== null);
  return {
    ...Object.fromEntries(fields.map(([key, value]) => [NAMES[key] ?? key, value])),
    flags: plain(flags),
  };
}

function describeCertification(certification: Certification): JsonObject {
  if (certification.kind === 'ppid') return plain(certification);
  return { kind: certification.kind, certificates: certification.certificates.length };
}

function inspectSnpReport(bytes: Uint8Array): JsonObject {
  const { signed, tcbs, ...fields } = parseSnpReport(bytes);
  const { product } = fields;
  const tcb = (name: keyof SnpTcbs): JsonObject => {
    const parts =
      product === null ? {} : readTcb(tcbs[name], product, { path: `report.${name}Tcb`, offset: 0 });
    return plain({ raw: tcbs[name], ...parts });
  };
  return {
    platform: 'snp',
    ...describeBytes(bytes),
    signed_bytes: signed.length,
    ...plain(fields),
    reported_tcb: tcb('reported'),
    current_tcb: tcb('current'),
    committed_tcb: tcb('committed'),
    launch_tcb: tcb('launch'),
  };
}

function describeChain(
  certificates: readonly Uint8Array[],
  pathOf: (i: number) => string,
): readonly JsonObject[] {
  return certificates.map((der, i) =>
    describeCertificate(parseCertificate(der, { path: pathOf(i) }), pathOf(i)),
  );
}
