/** What `assay collateral fetch` says of what it has fetched: for people a line each, for programs one object. */
import { nodeCrypto } from '../../native/crypto.ts';
import { formatTime } from '../../src/base/clock.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { type CollateralItem, itemBegins, itemEnds } from '../../src/collateral/index.ts';
import { type Absent, describeNeed, type Fetched, type Need } from '../collateral/index.ts';
import { printable } from './errors.ts';

export interface CollateralOutcome {
  readonly needs: readonly Need[];
  readonly fetched: readonly Fetched[];
  /** What could not be had, and is not needed. */
  readonly absent: readonly Absent[];
  readonly path: string;
  readonly sha256: string;
  /** Of the bundle: all of them, each once. */
  readonly items: readonly CollateralItem[];
}

const FROM = { network: 'fetched', cache: 'from the cache', kept: 'from the cache, not renewed' } as const;

export function collateralReport(outcome: CollateralOutcome, json: boolean): string {
  return json ? `${JSON.stringify(asObject(outcome))}\n` : `${asText(outcome).map(printable).join('\n')}\n`;
}

function asText(outcome: CollateralOutcome): readonly string[] {
  const { needs, fetched, path, sha256 } = outcome;
  const rows = fetched.map(({ resource, items, from }) => [
    resource.name,
    FROM[from],
    `ends ${formatTime(Math.min(...items.map(itemEnds)))}`,
    details(items),
  ]);
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => (row[column] as string).length)));
  return [
    ...needs.map((need) => `For ${describeNeed(need)}`),
    ...rows.map(
      (row) =>
        `  ${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}`,
    ),
    ...notes(outcome),
    `Bundle       ${path}`,
    `SHA-256      ${sha256}`,
    `Valid until  ${validUntil(outcome)}`,
    'NOT VERIFIED: assay verify judges it together with evidence',
  ];
}

function asObject(outcome: CollateralOutcome): JsonObject {
  const { needs, fetched, path, sha256 } = outcome;
  return {
    verified: false,
    bundle: path,
    sha256,
    valid_until: validUntil(outcome),
    needs: needs.map(describeNeed),
    items: fetched.flatMap(({ resource, items, from, at }) =>
      items.map((item) => ({
        name: resource.name,
        url: resource.url,
        from,
        fetched_at: formatTime(at),
        kind: item.kind,
        sha256: toHex(nodeCrypto.sha256(item.bytes)),
        begins: formatTime(itemBegins(item)),
        ends: formatTime(itemEnds(item)),
        evaluation_number: evaluationNumber(item),
      })),
    ),
    notes: notes(outcome),
  };
}

const validUntil = ({ items }: CollateralOutcome): string => formatTime(Math.min(...items.map(itemEnds)));

function notes({ needs, fetched, absent }: CollateralOutcome): readonly string[] {
  return [
    ...fetched.flatMap(({ resource, at, because }) =>
      because === null ? [] : [`${resource.name} is of ${formatTime(at)}: ${because.message}`],
    ),
    ...absent.map(
      ({ resource, because }) => `No ${resource.name}, which no verdict needs: ${because.message}`,
    ),
    ...(needs.some((need) => need.vendor === 'amd' && need.key === 'vlek')
      ? ['The VLEK certificate itself is handed to the cloud provider alone: it comes with the evidence']
      : []),
  ];
}

/** The first item says it; the others are its issuers, or authorities beside it. */
function details(items: readonly CollateralItem[]): string {
  const [item] = items;
  if (item === undefined || item.kind === 'certificate') return items.map(nameOf).join(', ');
  if (item.kind === 'crl') return `${item.crl.revoked.length} revoked, of ${formatTime(item.crl.thisUpdate)}`;
  if (item.kind === 'tcb-evaluation-numbers') {
    const numbers = item.document.value.numbers.map(({ number }) => number);
    return `evaluation numbers ${numbers.sort((a, b) => a - b).join(', ')}`;
  }
  return `evaluation number ${evaluationNumber(item)}, of ${formatTime(item.document.value.issueDate)}`;
}

const nameOf = (item: CollateralItem): string =>
  item.kind === 'certificate' ? (item.certificate.subject.commonName ?? '') : item.kind;

const evaluationNumber = (item: CollateralItem): number | null =>
  item.kind === 'tcb-info' || item.kind === 'qe-identity'
    ? item.document.value.tcbEvaluationDataNumber
    : null;
