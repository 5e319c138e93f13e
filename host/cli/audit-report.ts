/** An audit for people: the word first, then what was found, then what is in the log. */
import { styleText } from 'node:util';
import type { AuditReport, VerdictWord } from '../../verifier/index.ts';
import { printable } from './errors.ts';
import type { ReportStyle } from './report.ts';

const COLOURS: Readonly<Record<VerdictWord, 'green' | 'yellow' | 'red'>> = {
  trusted: 'green',
  authentic: 'yellow',
  undetermined: 'yellow',
  rejected: 'red',
};
const LABEL = 17;

export function renderAudit(report: AuditReport, { colour }: ReportStyle): string {
  const word = report.verdict.toUpperCase();
  const head = colour ? styleText(['bold', COLOURS[report.verdict]], word) : word;
  const { decisions } = report.leaves;
  const decided = Object.entries(decisions).map(([decision, count]) => `${count} ${decision}`);
  const { seals } = report;
  const lines = [
    `${head}  ${report.grades.join(', ')}`,
    ...report.findings.flatMap(({ code, message }) =>
      row(code === report.code ? 'found' : 'note', `${code}: ${message}`),
    ),
    ...row(
      'log',
      report.origin === null
        ? null
        : `${report.origin}${report.simulated === true ? ', SIMULATED hardware' : ''}`,
    ),
    ...row('leaves', report.size === null ? null : `${report.size}, root ${report.root}`),
    ...row('decisions', decided.length === 0 ? null : decided.join(', ')),
    ...row(
      'seals',
      `${seals.count}, of which ${seals.quoted} with evidence; ${report.sealed_size} leaves sealed, ${report.unsealed} not yet`,
    ),
    ...row('from', report.first_time),
    ...row('to', report.last_time),
    ...report.epochs.flatMap(({ epoch, platform, first_leaf, started }) =>
      row(`epoch ${epoch}`, `${platform}, from leaf ${first_leaf}, ${started}`),
    ),
    ...row('receipts held', report.receipts === 0 ? null : `${report.receipts} agree`),
    ...row('waived', report.waived.join(', ') || null),
    ...row('trust policy', report.trust_sha256 === null ? null : `sha256 ${report.trust_sha256}`),
  ];
  return `${lines.join('\n')}\n`;
}

function row(name: string, value: string | null): string[] {
  return value === null ? [] : [`  ${printable(name).padEnd(LABEL)} ${printable(value)}`];
}
