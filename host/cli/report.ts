/** A verdict for people: the word first, then what was found, then every check that did not pass. */
import { styleText } from 'node:util';
import { isObject } from '../../src/codec/json-shape.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { Check, Verdict, VerdictWord } from '../../verifier/index.ts';
import { printable } from './errors.ts';
import { platformRows, shortSaid } from './report-platform.ts';

const COLOURS = { trusted: 'green', authentic: 'yellow', undetermined: 'yellow', rejected: 'red' } as const;
const MEANINGS: Readonly<Record<VerdictWord, string>> = {
  trusted: 'authentic, and acceptable to the trust policy',
  authentic: 'genuine, but not appraised: give --trust to say what is acceptable',
  rejected: 'not authentic, or not acceptable',
  undetermined: 'cannot be judged: something needed is missing',
};
/** Whether to colour is decided by our own `Io`, not by the process's standard output. */
const ALWAYS = { validateStream: false } as const;
const LABEL = 17;

export interface ReportStyle {
  readonly colour: boolean;
}

export function renderVerdict(verdict: Verdict, { colour }: ReportStyle): string {
  const word = verdict.verdict.toUpperCase();
  const head = colour ? styleText(['bold', COLOURS[verdict.verdict]], word, ALWAYS) : word;
  const passed = verdict.checks.filter(({ status }) => status === 'pass').length;
  const lines = [
    `${head}  ${verdict.code ?? MEANINGS[verdict.verdict]}`,
    ...row(
      'platform',
      verdict.platform === null
        ? null
        : `${verdict.platform}${verdict.simulated === true ? ', SIMULATED hardware' : ''}`,
    ),
    ...row('judged', verdict.at === null ? null : `${verdict.mode}, at ${verdict.at}`),
    ...row('valid until', verdict.valid_until),
    ...verdictClaims(verdict),
    ...row('checks', `${passed} of ${verdict.checks.length} passed`),
    ...verdict.checks.filter(({ status }) => status === 'fail').map((check) => failedLine(check, colour)),
    ...row('not performed', verdict.unverified.join(', ') || null),
    ...row('waived', verdict.waived.join(', ') || null),
    ...row('evidence', verdict.evidence_sha256 === null ? null : `sha256 ${verdict.evidence_sha256}`),
    ...row('trust policy', verdict.trust_sha256 === null ? null : `sha256 ${verdict.trust_sha256}`),
  ];
  return `${lines.join('\n')}\n`;
}

function failedLine({ name, code, clause }: Check, colour: boolean): string {
  const mark = colour ? styleText('red', 'failed', ALWAYS) : 'failed';
  return `  ${mark}${' '.repeat(LABEL - 6)}${name}: ${code} (${clause})`;
}

/** Of platforms with many claims those that people decide by; --json has the rest. */
function verdictClaims({ platform, claims }: Verdict): readonly string[] {
  const { rows, rest } = platformRows(platform, claims);
  return [...rows.flatMap(([name, value]) => row(name, value)), ...renderClaims(rest)];
}

/** Each claim on a line of its own; registers that are zero are left out, bits and versions are one line. */
export function renderClaims(claims: JsonObject): string[] {
  return Object.entries(claims).flatMap(([name, value]) => claimLines(name, value));
}

function claimLines(name: string, value: JsonValue | undefined): string[] {
  if (value === null || value === undefined || (Array.isArray(value) && value.length === 0)) return [];
  if (Array.isArray(value) && (value.every(isObject) || value.some(isLong)))
    return value.flatMap((item: JsonValue, i) => (isZeros(item) ? [] : claimLines(`${name}[${i}]`, item)));
  if (isObject(value)) {
    const said = shortSaid(value);
    if (said !== null) return row(name, said);
    return Object.entries(value).flatMap(([key, inner]) =>
      isZeros(inner) ? [] : claimLines(`${name}.${key}`, inner),
    );
  }
  return row(name, typeof value === 'string' ? value : JSON.stringify(value));
}

const isZeros = (value: JsonValue): boolean =>
  typeof value === 'string' && value.length > 8 && /^0+$/.test(value);
/** A measurement, not a word. */
const isLong = (value: JsonValue): boolean => typeof value === 'string' && value.length >= 64;

function row(name: string, value: string | null): string[] {
  return value === null ? [] : [`  ${printable(name).padEnd(LABEL)} ${printable(value)}`];
}

/** Colour only on a terminal whose user has not asked for none (no-color.org). */
export function styleFor(isTty: boolean): ReportStyle {
  return { colour: isTty && (process.env['NO_COLOR'] ?? '') === '' };
}
