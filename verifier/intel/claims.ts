/** Claims of a quote as a verdict shows them: bytes in lower-case hex, times in RFC 3339, statuses in Intel's words. */
import { formatTime, type Millis } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { PckExtension, SgxReport, TdReport } from '../../src/evidence/intel/index.ts';
import type { Verified } from '../platform.ts';
import { evaluationNumberOf } from './appraise.ts';
import type { TcbEvaluation } from './tcb.ts';
import type { IntelClaims } from './verify.ts';

const hexOrNull = (bytes: Uint8Array | null): string | null => (bytes === null ? null : toHex(bytes));
const timeOrNull = (at: Millis | null): string | null => (at === null ? null : formatTime(at));

export function intelClaimsJson({ claims, pin, chain }: Verified<IntelClaims>): JsonObject {
  const { quote, launch, current, tcbInfo, qeIdentity } = claims;
  return Object.freeze({
    version: quote.version,
    tee: quote.tee.toUpperCase(),
    body_type: quote.bodyType,
    ...tcbJson(claims),
    launch: evaluationJson(launch),
    current: current === null ? null : evaluationJson(current),
    ...(quote.body.type === 'sgx' ? sgxJson(quote.body) : tdJson(quote.body)),
    report_data: toHex(quote.body.reportData),
    qe_isvsvn: quote.qe.report.isvSvn,
    pck: pckJson(claims.pck, claims.pckCa),
    collateral: {
      tcb_info_issued: formatTime(tcbInfo.issueDate),
      tcb_info_next_update: formatTime(tcbInfo.nextUpdate),
      qe_identity_issued: formatTime(qeIdentity.issueDate),
      qe_identity_next_update: formatTime(qeIdentity.nextUpdate),
    },
    root: pin.name,
    root_spki_sha256: pin.spkiSha256,
    pck_not_after: formatTime(chain.leaf.notAfter),
  });
}

function tcbJson(claims: IntelClaims): JsonObject {
  const { status, launch, current, explanation, forecasts, tcbInfo, qeIdentity } = claims;
  return {
    tcb_status: status,
    advisories: [...new Set([...launch.advisories, ...(current?.advisories ?? [])])].sort(),
    tcb_date: timeOrNull(launch.tcbDate),
    tcb_evaluation_data_number: evaluationNumberOf(claims),
    eval_numbers: {
      tcbInfo: tcbInfo.tcbEvaluationDataNumber,
      qeIdentity: qeIdentity.tcbEvaluationDataNumber,
    },
    shortfall: explanation.shortfalls.map(({ part, component, label, has, needs }) => ({
      part,
      component,
      label,
      has,
      needs,
      short_by: needs - has,
    })),
    closes: explanation.closes,
    out_of_date_since: timeOrNull(explanation.since),
    forecast: forecasts.map(({ evaluationNumber, issueDate, status: then, advisories }) => ({
      tcb_evaluation_data_number: evaluationNumber,
      issued: formatTime(issueDate),
      tcb_status: then,
      advisories,
    })),
  };
}

function evaluationJson({ status, advisories, tcbDate, platform, module, qe }: TcbEvaluation): JsonObject {
  return {
    tcb_status: status,
    advisories,
    tcb_date: timeOrNull(tcbDate),
    parts: {
      platform: platform?.status ?? null,
      module: module?.status ?? null,
      qe: qe?.status ?? null,
    },
  };
}

function pckJson(pck: PckExtension, ca: string): JsonObject {
  return {
    ca,
    ppid: toHex(pck.ppid),
    fmspc: toHex(pck.fmspc),
    pce_id: toHex(pck.pceId),
    pce_svn: pck.pceSvn,
    components: pck.components,
    sgx_type: pck.sgxType,
    platform_instance: hexOrNull(pck.platformInstanceId),
    configuration:
      pck.configuration === null
        ? null
        : {
            dynamic_platform: pck.configuration.dynamicPlatform,
            cached_keys: pck.configuration.cachedKeys,
            smt_enabled: pck.configuration.smtEnabled,
          },
  };
}

function sgxJson(report: SgxReport): JsonObject {
  return {
    debug: report.flags.debug,
    mrenclave: toHex(report.mrenclave),
    mrsigner: toHex(report.mrsigner),
    isvprodid: report.isvProdId,
    isvsvn: report.isvSvn,
    attributes: toHex(report.attributes),
    miscselect: toHex(report.miscselect),
    cpusvn: toHex(report.cpuSvn),
    config_id: toHex(report.configId),
    config_svn: report.configSvn,
    isv_ext_prod_id: toHex(report.isvExtProdId),
    isv_family_id: toHex(report.isvFamilyId),
  };
}

function tdJson(report: TdReport): JsonObject {
  const extended: Record<string, JsonValue> =
    report.type !== 'td15ex'
      ? {}
      : {
          vm_id: report.vmId,
          td_id: hexOrNull(report.tdId),
          dev_info: hexOrNull(report.devInfo),
          init_servtd_hash: hexOrNull(report.initServTdHash),
          init_servtd_attributes: hexOrNull(report.initServTdAttributes),
          init_cpusvn: hexOrNull(report.initCpuSvn),
          init_tee_tcb_svn: hexOrNull(report.initTeeTcbSvn),
          init_fmspc: hexOrNull(report.initTeeFmspc),
          cur_servtd_hash: hexOrNull(report.curServTdHash),
          cur_servtd_attributes: hexOrNull(report.curServTdAttributes),
        };
  return {
    debug: report.flags.debug,
    sept_ve_disable: report.flags.septVeDisable,
    migratable: report.flags.migratable,
    tee_tcb_svn: toHex(report.teeTcbSvn),
    tee_tcb_svn2: hexOrNull(report.teeTcbSvn2),
    mrseam: toHex(report.mrseam),
    mrsignerseam: toHex(report.mrsignerseam),
    seamattributes: toHex(report.seamAttributes),
    tdattributes: toHex(report.tdAttributes),
    xfam: toHex(report.xfam),
    mrtd: toHex(report.mrtd),
    mrconfigid: toHex(report.mrconfigid),
    mrowner: toHex(report.mrowner),
    mrownerconfig: toHex(report.mrownerconfig),
    rtmrs: report.rtmrs.map(toHex),
    mrservicetd: hexOrNull(report.mrservicetd),
    ...extended,
  };
}
