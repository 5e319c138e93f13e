/** `assay inspect`: what evidence says about itself. Nothing is verified, and the output says so first. */
import { nodeCrypto } from '../../native/crypto.ts';
import { formatTime } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import {
  isSnpEndorsement,
  isSnpReport,
  parseSnpReport,
  readSnpEndorsement,
  readTcb,
  type SnpTcbs,
} from '../../src/evidence/snp/index.ts';
import { decodeLeaf } from '../../src/log/leaf.ts';
import type { Attestation } from '../../src/statement/attestation.ts';
import { Identity } from '../../src/statement/identity.ts';
import { detectPlatform } from '../../verifier/index.ts';
import { readInput, readSource, type Source } from './input.ts';
import type { Io } from './io.ts';
import { readCommandLine } from './options.ts';
import { renderClaims } from './report.ts';

export const INSPECT_HELP = `Usage: assay inspect FILE|- [--json]

Shows what evidence, an attestation, a receipt or certificates say, without judging any of it.
`;

const OPTIONS = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/** Exit status 0, or 2 through a thrown AssayError for bytes that cannot be read. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('inspect', args, OPTIONS, [0, 1]);
  if (line.flag('help') || line.positionals.length === 0) {
    io.out(INSPECT_HELP);
    return line.flag('help') ? 0 : 2;
  }
  const source = readSource(await readInput(line.positionals[0] as string, io));
  const found = inspectSource(source);
  io.out(
    line.flag('json')
      ? `${JSON.stringify({ verified: false, ...found })}\n`
      : `NOT VERIFIED: what the bytes say of themselves; assay verify judges them\n${renderClaims(found).join('\n')}\n`,
  );
  return 0;
}

function inspectSource(source: Source): JsonObject {
  if (source.kind === 'evidence') return inspectEvidence(source.bytes);
  if (source.kind === 'attestation') return inspectAttestation(source.attestation);
  if (source.kind === 'certificates') return inspectCertificates(source.certificates);
  const { receipt, attestation, seal } = source.receipt;
  return {
    leaf: plain(decodeLeaf(receipt.leaf)),
    index: receipt.index,
    proof: receipt.proof.map(toHex),
    checkpoint: receipt.checkpoint,
    sealed: seal !== null,
    attestation: inspectAttestation(attestation),
  };
}

function inspectAttestation(attestation: Attestation): JsonObject {
  return {
    ...inspectEvidence(attestation.evidence),
    identity: plain(Identity.decode(attestation.identity)),
    challenge: attestation.challenge === null ? null : plain(attestation.challenge),
    keys: attestation.keys.map(plain),
  };
}

function inspectEvidence(bytes: Uint8Array): JsonObject {
  if (isSnpReport(bytes)) return inspectSnpReport(bytes);
  const platform = detectPlatform(bytes);
  const document = parseNitro(bytes);
  const { sign1, certificate, cabundle, ...fields } = document;
  return {
    platform,
    sha256: toHex(nodeCrypto.sha256(bytes)),
    size: bytes.length,
    tagged: sign1.tagged,
    indefinite_map: sign1.payload[0] === 0xbf,
    ...plain(fields),
    timestamp: formatTime(document.timestamp),
    signature: toHex(sign1.signature),
    certificates: [
      ...cabundle.map((der, i) =>
        describe(parseCertificate(der, { path: `document.payload.cabundle[${i}]` })),
      ),
      describe(parseCertificate(certificate, { path: 'document.payload.certificate' })),
    ],
  };
}

function inspectCertificates(certificates: readonly Uint8Array[]): JsonObject {
  return {
    certificates: certificates.map((der, i) => {
      const path = `certificates[${i}]`;
      const certificate = parseCertificate(der, { path });
      const amd = isSnpEndorsement(certificate) ? plain(readSnpEndorsement(certificate, path)) : {};
      return { ...describe(certificate), ...amd };
    }),
  };
}

function inspectSnpReport(bytes: Uint8Array): JsonObject {
  const { signed, tcbs, ...fields } = parseSnpReport(bytes);
  const { product } = fields;
  const tcb = (name: keyof SnpTcbs): object =>
    product === null
      ? { raw: tcbs[name] }
      : { raw: tcbs[name], ...readTcb(tcbs[name], product, { path: `report.${name}Tcb`, offset: 0 }) };
  return {
    platform: 'sev-snp',
    sha256: toHex(nodeCrypto.sha256(bytes)),
    size: bytes.length,
    signed_bytes: signed.length,
    ...plain(fields),
    reported_tcb: plain(tcb('reported')),
    current_tcb: plain(tcb('current')),
    committed_tcb: plain(tcb('committed')),
    launch_tcb: plain(tcb('launch')),
  };
}

function describe(certificate: Certificate): JsonObject {
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
  };
}

type Plain = string | number | boolean | null | readonly Plain[] | JsonObject;

/** A parsed value as JSON: bytes become hexadecimal, names become snake_case. */
function plain(value: object): JsonObject {
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
