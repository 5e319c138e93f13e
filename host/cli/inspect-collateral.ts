/**
 * What collateral says, for `assay inspect`: one piece in full, several as a list with what each is of and when it ends.
 * Text is for people, levels as a table; the JSON has everything.
 */
import { formatTime, type Millis } from '../../src/base/clock.ts';
import { AssayError } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import type { Crl } from '../../src/codec/x509-crl.ts';
import {
  type Collateral,
  type CollateralItem,
  type EnclaveLevel,
  itemBegins,
  itemEnds,
  type QeIdentity,
  type TcbEvaluationNumbers,
  type TcbInfo,
  type TcbLevel,
} from '../../src/collateral/index.ts';
import { isPck, readPck } from '../../src/evidence/intel/index.ts';
import { printable } from './errors.ts';
import { describeBytes, describeCertificate, plain } from './inspect-plain.ts';
import { renderClaims } from './report.ts';
import { table } from './table.ts';

export interface Inspected {
  readonly json: JsonObject;
  readonly text: readonly string[];
}

/** `items`: at least one. */
export function inspectCollateral(items: readonly CollateralItem[]): Inspected {
  const certificates = items.flatMap((item) => (item.kind === 'certificate' ? [item.certificate] : []));
  if (certificates.length === items.length) return inspectCertificates(certificates);
  const [only] = items;
  return only === undefined || items.length > 1 ? inspectList(items) : inspectItem(only);
}

/** What came beside evidence, and could be read or not. */
export function inspectBeside({ items, ignored }: Collateral): Inspected {
  const list = items.length === 0 ? { json: { items: [] }, text: [] } : inspectList(items);
  const lines = ignored.map(
    ({ name, code, why }) => `    ignored: ${name}: ${code === null ? '' : `${code}: `}${why}`,
  );
  return {
    json: { ...list.json, ignored: ignored.map((file) => ({ ...file })) },
    text: [...list.text, ...lines.map(printable)],
  };
}

function inspectCertificates(certificates: readonly Certificate[]): Inspected {
  const json = {
    certificates: certificates.map((certificate, i) =>
      describeCertificate(certificate, `certificates[${i}]`),
    ),
  };
  return { json, text: renderClaims(json) };
}

function inspectList(items: readonly CollateralItem[]): Inspected {
  const ends = formatTime(
    items.reduce((least, item) => Math.min(least, itemEnds(item)), Number.POSITIVE_INFINITY),
  );
  const rows = items.map((item) => ({
    kind: item.kind,
    subject: subjectOf(item),
    begins: formatTime(itemBegins(item)),
    ends: formatTime(itemEnds(item)),
    ...describeBytes(item.bytes),
  }));
  return {
    json: { items: rows, valid_until: ends },
    text: [
      ...table(
        ['kind', 'of', 'from', 'until'],
        rows.map(({ kind, subject, begins, ends: until }) => [kind, subject, begins, until]),
      ),
      ...renderClaims({ valid_until: ends }),
    ],
  };
}

/** Of whom or what it speaks. */
function subjectOf(item: CollateralItem): string {
  switch (item.kind) {
    case 'certificate':
      return named(item.certificate);
    case 'crl':
      return `${item.crl.issuer.commonName ?? '?'}: ${item.crl.revoked.length} revoked`;
    case 'tcb-info': {
      const { tee, fmspc, tcbEvaluationDataNumber } = item.document.value;
      return `${tee.toUpperCase()} ${fmspc}, evaluation ${tcbEvaluationDataNumber}`;
    }
    case 'qe-identity':
      return `${item.document.value.id}, evaluation ${item.document.value.tcbEvaluationDataNumber}`;
    case 'tcb-evaluation-numbers':
      return item.document.value.id;
  }
}

/** One certificate that is broken in there must not hide the others. */
function named(certificate: Certificate): string {
  const name = certificate.subject.commonName ?? '?';
  if (!isPck(certificate)) return name;
  try {
    return `${name} of ${toHex(readPck(certificate).fmspc)}`;
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    return `${name}: ${error.code}`;
  }
}

function inspectItem(item: CollateralItem): Inspected {
  switch (item.kind) {
    case 'certificate':
      return inspectCertificates([item.certificate]);
    case 'crl':
      return inspectCrl(item.crl, item.bytes);
    case 'tcb-info':
      return withHead(item, inspectTcbInfo(item.document.value));
    case 'qe-identity':
      return withHead(item, inspectQeIdentity(item.document.value));
    case 'tcb-evaluation-numbers':
      return withHead(item, inspectNumbers(item.document.value));
  }
}

function withHead(
  item: Exclude<CollateralItem, { kind: 'certificate' | 'crl' }>,
  { json, text }: Inspected,
): Inspected {
  const { issueDate, nextUpdate } = item.document.value;
  const head = {
    kind: item.kind,
    ...describeBytes(item.bytes),
    issue_date: formatTime(issueDate),
    next_update: formatTime(nextUpdate),
  };
  const signature = { signature: toHex(item.document.signature) };
  return {
    json: { ...head, ...json, ...signature },
    text: [...renderClaims(head), ...text, ...renderClaims(signature)],
  };
}

/** But for those that are shown otherwise. */
function fieldsOf(statement: TcbInfo | QeIdentity, ...others: readonly string[]): JsonObject {
  const elsewhere = ['issueDate', 'nextUpdate', 'tcbLevels', ...others];
  return plain(Object.fromEntries(Object.entries(statement).filter(([key]) => !elsewhere.includes(key))));
}

function inspectTcbInfo(info: TcbInfo): Inspected {
  const { tcbLevels, tdxModuleIdentities, sgxLabels, tdxLabels } = info;
  const own = fieldsOf(info, 'tdxModuleIdentities', 'sgxLabels', 'tdxLabels');
  const labels = { sgx_labels: sgxLabels, tdx_labels: tdxLabels };
  const identities = tdxModuleIdentities.map(({ tcbLevels: levels, ...module }) => ({
    ...plain(module),
    tcb_levels: levels.map(plainLevel),
  }));
  return {
    json: { ...own, ...labels, tdx_module_identities: identities, tcb_levels: tcbLevels.map(plainLevel) },
    text: [
      ...renderClaims(own),
      '  levels of the platform, as served:',
      ...platformTable(tcbLevels),
      ...renderClaims({ ...labelled('sgx', sgxLabels), ...labelled('tdx', tdxLabels) }),
      ...tdxModuleIdentities.flatMap(({ id, tcbLevels: levels, ...module }) => [
        printable(`  module ${id}:`),
        ...renderClaims(plain(module)),
        ...enclaveTable(levels),
      ]),
    ],
  };
}

function inspectQeIdentity(identity: QeIdentity): Inspected {
  const { tcbLevels } = identity;
  const own = fieldsOf(identity);
  return {
    json: { ...own, tcb_levels: tcbLevels.map(plainLevel) },
    text: [...renderClaims(own), '  levels, as served:', ...enclaveTable(tcbLevels)],
  };
}

function inspectNumbers({ id, version, numbers }: TcbEvaluationNumbers): Inspected {
  const rows = numbers.map(({ number, recoveryEventDate, tcbDate }) => ({
    number,
    tcb_date: formatTime(tcbDate),
    recovery_event_date: formatTime(recoveryEventDate),
  }));
  return {
    json: { id, version, numbers: rows },
    text: [
      ...renderClaims({ id, version }),
      ...table(
        ['number', 'TCB date', 'recovery event'],
        numbers.map(({ number, tcbDate, recoveryEventDate }) => [
          `${number}`,
          day(tcbDate),
          day(recoveryEventDate),
        ]),
      ),
    ],
  };
}

const plainLevel = ({ tcbDate, ...level }: TcbLevel | EnclaveLevel): JsonObject => ({
  ...plain(level),
  tcb_date: formatTime(tcbDate),
});

/** What the columns of the table are. */
const labelled = (part: string, labels: readonly (string | null)[]): JsonObject =>
  Object.fromEntries(labels.map((label, i) => [`${part}[${i}]`, label]));

/** Versions are at most 65,535 and mostly below 10. */
const versions = (list: readonly number[] | null): string => (list ?? []).join(' ');

function platformTable(levels: readonly TcbLevel[]): readonly string[] {
  const tdx = levels.some((level) => level.tdx !== null);
  return table(
    ['status', 'TCB date', 'SGX components', 'PCE', ...(tdx ? ['TDX components'] : []), 'advisories'],
    levels.map((level) => [
      level.status,
      day(level.tcbDate),
      versions(level.sgx),
      `${level.pcesvn}`,
      ...(tdx ? [versions(level.tdx)] : []),
      level.advisories.join(' '),
    ]),
  );
}

const enclaveTable = (levels: readonly EnclaveLevel[]): readonly string[] =>
  table(
    ['ISVSVN', 'status', 'TCB date', 'advisories'],
    levels.map(({ isvsvn, status, tcbDate, advisories }) => [
      `${isvsvn}`,
      status,
      day(tcbDate),
      advisories.join(' '),
    ]),
  );

/** Dates of levels are midnights. */
const day = (at: Millis): string => formatTime(at).replace('T00:00:00Z', '');

/** More of them would push everything else off a screen. */
const SHOWN = 16;

function inspectCrl(crl: Crl, bytes: Uint8Array): Inspected {
  const { issuer, thisUpdate, nextUpdate, number, authorityKeyId, revoked } = crl;
  const head = {
    kind: 'crl',
    ...describeBytes(bytes),
    issuer: issuer.commonName,
    this_update: formatTime(thisUpdate),
    next_update: formatTime(nextUpdate),
    number: number === null ? null : `0x${number.toString(16)}`,
    authority_key_id: authorityKeyId === null ? null : toHex(authorityKeyId),
    revoked_count: revoked.length,
  };
  const rows = revoked.map(({ serial, date, reason }) => ({
    serial: toHex(serial),
    date: formatTime(date),
    reason,
  }));
  const shown = rows
    .slice(0, SHOWN)
    .map(({ serial, date, reason }) => [serial, date, reason === null ? '' : `${reason}`]);
  return {
    json: { ...head, revoked: rows },
    text: [
      ...renderClaims(head),
      ...(rows.length === 0 ? [] : table(['revoked', 'on', 'reason'], shown)),
      ...(rows.length > SHOWN ? [`    and ${rows.length - SHOWN} more; --json lists them all`] : []),
    ],
  };
}
