/**
 * The newest collateral ever seen here: old statements and lists keep their signatures, so only who remembers can
 * tell that something newer is held back. Intel numbers its CRLs 1 for ever, so the number alone proves nothing and
 * the time counts too.
 *
 * Statements are remembered for each channel: `early` is ahead of `standard` by up to a year, and who asks for one
 * evaluation number wants that one.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { equalBytes } from '../../src/base/bytes.ts';
import { formatTime, type Millis } from '../../src/base/clock.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { canonicalize } from '../../src/codec/jcs.ts';
import { isObject, jsonObject, jsonText } from '../../src/codec/json-shape.ts';
import { type JsonValue, parseJson } from '../../src/codec/json.ts';
import type { CollateralItem } from '../../src/collateral/index.ts';
import { readPrivate, withLock, writePrivate } from './files.ts';

/** Which of Intel's statements was asked for: the newest, the usual, or the one of a number. */
export type Channel = 'early' | 'standard' | number;

/** The newest of one series of statements, or of one issuer's lists. */
export interface Highest {
  /** issueDate or thisUpdate. */
  readonly issued: Millis;
  /** tcbEvaluationDataNumber or CRL number; null for a list without one. */
  readonly number: bigint | null;
}

/** By series, as `tcb-info/tdx/90c06f000000/standard` or `crl/<name>/<key id>`. */
export type Memory = ReadonlyMap<string, Highest>;

/** Beside the cached answers, not among them: they may be thrown away, this must not. */
export const memoryPath = (folder: string): string => join(folder, 'highest.json');

const MEMORY_TYPE = 'assay/collateral-memory/v1';
const MAX_FILE = 4 * 1024 * 1024;
const MAX_SERIES = 10_000;
/** A CRL number has at most 20 octets (RFC 5280 section 5.2.3). */
const NUMBER = /^(0|[1-9][0-9]{0,48})$/;

/** Empty when there is no such file. COLLATERAL_MEMORY_INVALID when there is and it is not what `remember` wrote. */
export function readMemory(path: string): Memory {
  const bytes = readPrivate(path, MAX_FILE);
  if (bytes === null) return new Map();
  try {
    return parseMemory(bytes);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new AssayError('COLLATERAL_MEMORY_INVALID', `${path}: ${why}`, { cause });
  }
}

/** Throws COLLATERAL_ROLLED_BACK, naming what is shown and what was seen, for an item that is older than remembered. */
export function checkAgainst(
  memory: Memory,
  collateral: { readonly items: readonly CollateralItem[] },
  channel: Channel = 'standard',
): void {
  for (const item of collateral.items) {
    const series = seriesOf(item, channel);
    const seen = series === null ? undefined : memory.get(series.key);
    if (series === null || seen === undefined || !isOlder(item.kind, series.shown, seen)) continue;
    fail(
      'COLLATERAL_ROLLED_BACK',
      `${series.name} of ${describe(series.shown)}, and one of ${describe(seen)} was seen before`,
    );
  }
}

/** Keeps the newer of what the file has and what these items show. Other processes may do the same meanwhile. */
export async function remember(
  path: string,
  items: readonly CollateralItem[],
  channel: Channel = 'standard',
): Promise<void> {
  await withLock(path, () => {
    const memory = readMemory(path);
    const next = new Map(memory);
    for (const item of items) {
      const series = seriesOf(item, channel);
      if (series === null) continue;
      const seen = next.get(series.key);
      next.set(series.key, seen === undefined ? series.shown : newer(item.kind, series.shown, seen));
    }
    if (next.size > MAX_SERIES)
      fail('COLLATERAL_MEMORY_INVALID', `${path}: more than ${MAX_SERIES} platforms and issuers`);
    const bytes = formatMemory(next);
    if (!equalBytes(bytes, formatMemory(memory))) writePrivate(path, bytes);
  });
}

interface Series {
  readonly key: string;
  /** For people. */
  readonly name: string;
  readonly shown: Highest;
}

/** Null for what has no order in time: certificates are judged by their dates and lists alone. */
function seriesOf(item: CollateralItem, channel: Channel): Series | null {
  switch (item.kind) {
    case 'certificate':
      return null;
    case 'crl': {
      const { issuer, authorityKeyId, thisUpdate, number } = item.crl;
      const hash = createHash('sha256').update(issuer.raw).digest('hex');
      return {
        key: `crl/${hash}/${authorityKeyId === null ? '' : toHex(authorityKeyId)}`,
        name: `a revocation list of ${issuer.commonName ?? 'an issuer without a name'}`,
        shown: { issued: thisUpdate, number },
      };
    }
    case 'tcb-info': {
      const { tee, fmspc, issueDate, tcbEvaluationDataNumber } = item.document.value;
      return {
        key: `tcb-info/${tee}/${fmspc}/${channel}`,
        name: `TCB info of ${tee} ${fmspc} (${channel})`,
        shown: { issued: issueDate, number: BigInt(tcbEvaluationDataNumber) },
      };
    }
    case 'qe-identity': {
      const { id, issueDate, tcbEvaluationDataNumber } = item.document.value;
      return {
        key: `qe-identity/${id}/${channel}`,
        name: `identity of ${id} (${channel})`,
        shown: { issued: issueDate, number: BigInt(tcbEvaluationDataNumber) },
      };
    }
    case 'tcb-evaluation-numbers': {
      const { id, issueDate, numbers } = item.document.value;
      const highest = Math.max(0, ...numbers.map(({ number }) => number));
      return {
        key: `tcb-evaluation-numbers/${id}`,
        name: `evaluation numbers of ${id}`,
        shown: { issued: issueDate, number: BigInt(highest) },
      };
    }
  }
}

/** A statement with a higher number is newer whatever its date. Of a list neither number nor date goes back. */
function isOlder(kind: CollateralItem['kind'], shown: Highest, seen: Highest): boolean {
  const [now, then] = [shown.number ?? -1n, seen.number ?? -1n];
  if (now < then) return true;
  return shown.issued < seen.issued && (kind === 'crl' || now === then);
}

function newer(kind: CollateralItem['kind'], shown: Highest, seen: Highest): Highest {
  if (kind !== 'crl') return isOlder(kind, shown, seen) ? seen : shown;
  const number = (shown.number ?? -1n) > (seen.number ?? -1n) ? shown.number : seen.number;
  return { issued: Math.max(shown.issued, seen.issued), number };
}

const describe = ({ issued, number }: Highest): string =>
  `${formatTime(issued)}${number === null ? '' : `, number ${number}`}`;

function formatMemory(memory: Memory): Uint8Array {
  const series = [...memory].map(([key, { issued, number }]) => [
    key,
    { issued: formatTime(issued), number: number === null ? null : `${number}` },
  ]);
  return canonicalize({ type: MEMORY_TYPE, highest: Object.fromEntries(series) as JsonValue });
}

/** Only the bytes that `formatMemory` writes for it. */
function parseMemory(bytes: Uint8Array): Memory {
  const value = parseJson(bytes, { maxBytes: MAX_FILE, maxDepth: 4 });
  const file = jsonObject(value, 'memory', ['type', 'highest']);
  const { highest } = file;
  if (jsonText(file, 'type', 'memory') !== MEMORY_TYPE || !isObject(highest))
    return fail('JSON_SHAPE', `memory: not ${MEMORY_TYPE}`);
  const memory = new Map(Object.entries(highest).map(([key, entry]) => [key, parseHighest(entry, key)]));
  if (!equalBytes(formatMemory(memory), bytes)) fail('JSON_SHAPE', 'memory: not as it was written');
  return memory;
}

function parseHighest(value: JsonValue, key: string): Highest {
  const path = `memory.highest[${JSON.stringify(key)}]`;
  const entry = jsonObject(value, path, ['issued', 'number']);
  const issued = Date.parse(jsonText(entry, 'issued', path, { max: 32 }));
  const number = entry['number'] === null ? null : jsonText(entry, 'number', path, { max: 49 });
  if (Number.isNaN(issued) || (number !== null && !NUMBER.test(number)))
    return fail('JSON_SHAPE', `${path}: not a time and a number`);
  return { issued, number: number === null ? null : BigInt(number) };
}
