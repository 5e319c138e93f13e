/**
 * Who asks the custodian of a simulated TDX or SEV-SNP machine for a key. AWS has nothing like it: quotes and reports
 * have no slot for a recipient key, so the release statement comes along, and the evidence binds it. The production
 * verifier judges the evidence under the simulated root. A guest that its host can debug, move or fault gets no key,
 * whatever it measures; measurements are the key policy's to compare.
 *
 * Evidence has no time here, and a repeated request is answered again: only the guest that made the recipient key, which
 * lives for one request, can open the answer.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { fromBase64 } from '../../src/codec/base64.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import { DOMAINS } from '../../src/statement/bind.ts';
import { Release } from '../../src/statement/release.ts';
import { hearEvidence, requireBinding } from '../../verifier/appraise.ts';
import { withEndorsements } from '../../verifier/endorsements.ts';
import { readTrustPolicy, type TrustPolicy } from '../../verifier/trust-policy.ts';
import type { Asked, AttestedRecipient, Recipients } from './kms.ts';
import { deny, type Fields, invalid, text } from './kms-request.ts';

type GuestPlatform = 'tdx' | 'snp';

/** Everything but measurements, and strict. */
const EXPECTED: Readonly<Record<GuestPlatform, JsonObject>> = {
  tdx: {
    mrtd: 'any',
    rtmrs: 'any',
    debug: 'reject',
    service_td: 'none',
    owner: 'any',
    tcb: {
      statuses: ['UpToDate'],
      advisories: 'none',
      min_evaluation_number: 'any',
      min_tcb_date: 'any',
      grace_days: 'none',
    },
    platform: 'any',
  },
  snp: {
    measurement: 'any',
    debug: 'reject',
    vmpl: [0],
    tcb: { minimum: 'any', provisional_firmware: 'reject' },
    milan_vcek: 'reject',
    id_key: 'any',
    host_data: 'any',
  },
};

export function guestRecipients(
  platform: GuestPlatform,
  root: { readonly rootName: string; readonly rootSpkiSha256: Uint8Array },
): Recipients {
  const trust = readTrustPolicy({
    version: 1,
    service: 'any',
    hardware: { ids: 'any' },
    platforms: { [platform]: EXPECTED[platform] },
    freshness: { max_age_seconds: 'any', nonce: 'any' },
    revocation: 'required',
    simulated: { roots: [{ platform, spki_sha256: toHex(root.rootSpkiSha256), name: root.rootName }] },
    witnesses: 'none',
  });
  return Object.freeze({
    claimed: (recipient: Fields) => bytesOf(recipient, 'PublicKey'),
    async attested(recipient: Fields, asked: Asked): Promise<AttestedRecipient> {
      if (recipient['Platform'] !== platform) return invalid(`Platform is not ${platform}`);
      const key = bytesOf(recipient, 'PublicKey');
      const evidence = bytesOf(recipient, 'Evidence');
      await judge(platform, recipient, evidence, trust, asked);
      requireRelease(bytesOf(recipient, 'Statement'), key, asked);
      return { key, registers: registersOf(platform, evidence) };
    },
  });
}

/** Not authentic or not of this statement: invalid, as AWS has it. Authentic and not acceptable: denied. */
async function judge(
  platform: GuestPlatform,
  recipient: Fields,
  bytes: Uint8Array,
  trust: TrustPolicy,
  { now }: Asked,
): Promise<void> {
  const carried = recipient['Endorsements'];
  const endorsements = carried === null ? null : bytesOf(recipient, 'Endorsements');
  const collateral = withEndorsements(endorsements);
  const { log, evidence } = await hearEvidence(
    bytes,
    platform,
    { mode: 'live', now, trust, crypto: nodeCrypto, collateral },
    [],
  );
  const { failure, unverified } = log;
  if (evidence === null) return invalid(`evidence: ${failure?.code ?? 'EVIDENCE_UNVERIFIED'}`);
  if (failure !== null) return deny(`evidence: ${failure.code}`);
  if (unverified.length > 0) return invalid(`evidence: not performed: ${unverified.join(', ')}`);
  try {
    requireBinding(evidence, DOMAINS.release, bytesOf(recipient, 'Statement'), nodeCrypto);
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return invalid(`evidence: ${error.code}`);
  }
}

const PURPOSES: Readonly<Record<Asked['operation'], string>> = { GenerateDataKey: 'create', Decrypt: 'open' };

/** The statement must be of exactly this request: this key of ours, this use of it, this recipient, this keyring. */
function requireRelease(statement: Uint8Array, key: Uint8Array, { operation, keyId, context }: Asked): void {
  const release = Release.decode(statement);
  const differs = (what: string): never => invalid(`the release statement is of another ${what}`);
  if (release.backend !== 'sim-kms' || release.backendId !== keyId) differs('custodian');
  if (release.purpose !== PURPOSES[operation]) differs('purpose');
  if (!equalBytes(release.recipientSpkiHash, nodeCrypto.sha256(key))) differs('recipient key');
  if (release.origin !== text(context, 'assay:origin')) differs('origin');
  if (!equalBytes(release.keyringId, fromHex(text(context, 'assay:keyring')))) differs('keyring');
  if (!equalBytes(release.keyringDigest, fromHex(text(context, 'assay:header')))) differs('keyring header');
}

/** The names that key policies have for them. */
function registersOf(platform: GuestPlatform, evidence: Uint8Array): Readonly<Record<string, Uint8Array>> {
  if (platform === 'snp') {
    const { measurement, hostData } = parseSnpReport(evidence);
    return { MEASUREMENT: measurement, HOST_DATA: hostData };
  }
  const { body } = parseQuote(evidence);
  if (body.type === 'sgx') return invalid('evidence: of an SGX enclave');
  const rtmrs = body.rtmrs.map((value, index) => [`RTMR${index}`, value] as const);
  return { MRTD: body.mrtd, ...Object.fromEntries(rtmrs) };
}

function bytesOf(recipient: Fields, name: string): Uint8Array {
  return fromBase64(text(recipient, name));
}
