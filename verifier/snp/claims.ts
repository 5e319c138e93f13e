/** Claims of a verified report as a verdict shows them: bytes and bit fields in lower-case hex, times in RFC 3339. */
import { formatTime } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { SnpReport, SnpTcb } from '../../src/evidence/snp/index.ts';
import type { Verified } from '../platform.ts';
import { explainTcb, weaknessesOf } from './explain.ts';
import { text } from './firmware.ts';
import type { SnpTrust } from './trust.ts';
import type { SnpClaims } from './verify.ts';

/** `trust`: what the trust policy says of the platform, so that versions that fall short of it can be named. */
export function snpClaimsJson(
  { claims, pin, chain }: Verified<SnpClaims>,
  trust: SnpTrust | null,
): JsonObject {
  const { report, endorsement, product, levels, revocation } = claims;
  const { leaf } = chain;
  return Object.freeze({
    version: report.version,
    product,
    cpuid_fam_mod_step:
      report.cpu === null ? null : [report.cpu.family, report.cpu.model, report.cpu.stepping],
    signer: report.signer,
    guest_svn: report.guestSvn,
    ...bitFields(report),
    vmpl: report.vmpl,
    family_id: toHex(report.familyId),
    image_id: toHex(report.imageId),
    measurement: toHex(report.measurement),
    host_data: toHex(report.hostData),
    report_data: toHex(report.reportData),
    id_key_digest: toHex(report.idKeyDigest),
    author_key_enabled: report.authorKeyEnabled,
    author_key_digest: toHex(report.authorKeyDigest),
    report_id: toHex(report.reportId),
    report_id_ma: toHex(report.reportIdMa),
    chip_id: toHex(report.chipId),
    reported_tcb: toHex(report.tcbs.reported),
    committed_tcb: toHex(report.tcbs.committed),
    current_tcb: toHex(report.tcbs.current),
    launch_tcb: toHex(report.tcbs.launch),
    tcb: {
      reported: levelsJson(levels.reported),
      committed: levelsJson(levels.committed),
      current: levelsJson(levels.current),
      launch: levelsJson(levels.launch),
    },
    ...(trust === null ? {} : { tcb_short: [...explainTcb(claims, trust)] }),
    current_ver: text(report.currentVersion),
    committed_ver: text(report.committedVersion),
    launch_mit: bits(report.mitigations?.launch ?? null),
    current_mit: bits(report.mitigations?.current ?? null),
    ek_product: endorsement.productName,
    ek_csp_id: endorsement.cspId,
    ek_issuer: leaf.issuer.commonName,
    ek_not_before: formatTime(leaf.notBefore),
    ek_not_after: formatTime(leaf.notAfter),
    root: pin.name,
    root_spki_sha256: pin.spkiSha256,
    revocation:
      revocation === null
        ? null
        : {
            crl_number: revocation.number === null ? null : bits(revocation.number),
            this_update: formatTime(revocation.thisUpdate),
            next_update: formatTime(revocation.nextUpdate),
          },
    weaknesses: weaknessesOf(claims).map(({ id, meaning }) => ({ id, meaning })),
  });
}

function levelsJson({ fmc, bootloader, tee, snp, microcode }: SnpTcb): JsonObject {
  return { ...(fmc === null ? {} : { fmc }), bootloader, tee, snp, microcode };
}

/** The numbers as they stand in the report, and what their bits mean. */
function bitFields({ policy, platformInfo, signed }: SnpReport): JsonObject {
  const view = new DataView(signed.buffer, signed.byteOffset, signed.byteLength);
  return {
    policy: bits(view.getBigUint64(0x08, true)),
    guest_policy: {
      abi: `${policy.abiMajor}.${policy.abiMinor}`,
      smt: policy.smtAllowed,
      migration_agent: policy.migrationAgentAllowed,
      debug: policy.debugAllowed,
      single_socket: policy.singleSocketOnly,
      cxl: policy.cxlAllowed,
      aes_256_xts: policy.aes256XtsRequired,
      rapl_disabled: policy.raplDisabledRequired,
      ciphertext_hiding: policy.ciphertextHidingRequired,
      page_swap_disabled: policy.pageSwapDisabled,
    },
    platform_info: bits(view.getBigUint64(0x40, true)),
    platform: {
      smt: platformInfo.smtEnabled,
      tsme: platformInfo.tsmeEnabled,
      ecc: platformInfo.eccEnabled,
      rapl_disabled: platformInfo.raplDisabled,
      ciphertext_hiding: platformInfo.ciphertextHiding,
      alias_check: platformInfo.aliasCheckComplete,
      iommu_write_safe: platformInfo.iommuWriteSafe,
      tio: platformInfo.tioEnabled,
    },
  };
}

function bits(value: bigint | null): string | null {
  return value === null ? null : `0x${value.toString(16)}`;
}
