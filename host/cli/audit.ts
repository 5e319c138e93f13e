/** `assay audit`: brings a log to the auditor, and judges it offline. */
import { nodeCrypto } from '../../native/crypto.ts';
import { AssayError, type Code, fail } from '../../src/base/errors.ts';
import { UNDETERMINED } from '../../src/base/undetermined.ts';
import { parseReceiptFile, type ReceiptFile } from '../../src/log/index.ts';
import { auditBundle, type AuditReport } from '../../verifier/index.ts';
import { exportBundle, folderReader } from '../audit/index.ts';
import { renderAudit } from './audit-report.ts';
import { reportError } from './errors.ts';
import { isAddress, readFile } from './input.ts';
import type { Io } from './io.ts';
import { readCommandLine, readTime } from './options.ts';
import { styleFor } from './report.ts';
import { readTrustFile } from './trust-file.ts';

export const AUDIT_HELP = `Usage: assay audit export STORE -o DIR [--json]
       assay audit verify DIR --trust FILE [--receipt FILE]... [--at TIME] [--json]

export   copies the log from a store's folder: one folder that needs no network to be judged
verify   judges such a folder under your own trust policy: the attestation of each boot, every
         seal, every entry against the signed roots, and what the leaves say

  --trust FILE     the trust policy: what is acceptable (see assay trust)
  --receipt FILE   a receipt that you hold; shows a log that was cut off or forked since
  --at TIME        judge at this time (RFC 3339) instead of now
  --json           prints one report object

Exit status: 0 trusted, 1 rejected, 2 malformed or usage, 4 undetermined.
`;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const HELP = { type: 'boolean', short: 'h' } as const;
const VERIFY_OPTIONS = {
  trust: TEXT,
  receipt: { type: 'string', multiple: true },
  at: TEXT,
  json: FLAG,
  help: HELP,
} as const;
const EXPORT_OPTIONS = { output: { type: 'string', short: 'o' }, json: FLAG, help: HELP } as const;

/** Returns the exit status; with --json, standard output holds one object whatever happens. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = args;
  if (action === undefined || action === '--help' || action === '-h') {
    io.out(AUDIT_HELP);
    return action === undefined ? 2 : 0;
  }
  try {
    if (action === 'verify') return await verify(rest, io);
    if (action === 'export') return await exportTo(rest, io);
    return fail('USAGE', `assay audit: no action ${JSON.stringify(action)}; there are export and verify`);
  } catch (error) {
    const code: Code = error instanceof AssayError ? error.code : 'INTERNAL';
    const verdict = UNDETERMINED.has(code) ? 'undetermined' : 'rejected';
    if (args.includes('--json')) io.out(`${JSON.stringify({ verdict, code })}\n`);
    return reportError(error, io);
  }
}

async function verify(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('audit verify', args, VERIFY_OPTIONS, [wantsHelp(args) ? 0 : 1, 1]);
  if (line.flag('help')) return help(io);
  const trust = line.text('trust');
  if (trust === undefined)
    return fail('EXPECTATION_MISSING', 'assay audit verify: --trust FILE says what is acceptable');
  const at = line.text('at');
  const report = await auditBundle(folderReader(line.positionals[0] as string), {
    trust: readTrustFile(trust),
    crypto: nodeCrypto,
    now: at === undefined ? io.now() : readTime('--at', at),
    receipts: line.texts('receipt').map(readReceipt),
    ...(io.isTty ? { onProgress: progress(io) } : {}),
  });
  io.out(line.flag('json') ? `${JSON.stringify(report)}\n` : renderAudit(report, styleFor(io.isTty)));
  return statusOf(report, io);
}

function statusOf({ code, findings }: AuditReport, io: Io): number {
  if (code === null) return 0;
  const message = findings.find((finding) => finding.code === code)?.message ?? '';
  return reportError(new AssayError(code, message), io);
}

function readReceipt(path: string): ReceiptFile {
  try {
    return parseReceiptFile(readFile(path));
  } catch (error) {
    if (!(error instanceof AssayError)) throw error;
    throw new AssayError(error.code, `${path}: ${error.message}`, { cause: error });
  }
}

async function exportTo(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('audit export', args, EXPORT_OPTIONS, [wantsHelp(args) ? 0 : 1, 1]);
  if (line.flag('help')) return help(io);
  const store = line.positionals[0] as string;
  const target = line.text('output');
  if (target === undefined) return fail('USAGE', 'assay audit export: -o DIR says where to');
  if (isAddress(store))
    fail('USAGE', "assay audit export: give the store's folder; the log is the host's to hand out");
  const exported = await exportBundle(store, target, ...(io.isTty ? [progress(io)] : []));
  const { origin, size, epochs, seals, unpublished } = exported;
  if (unpublished > 0)
    io.err(
      `not in ${target}, because nobody has published them: the last ${unpublished} of ${size + unpublished} leaves; start the service, and export again\n`,
    );
  io.out(
    line.flag('json')
      ? `${JSON.stringify({ output: target, ...exported })}\n`
      : `${origin}: ${size} leaves, ${epochs} epochs, ${seals} seals in ${target}\n`,
  );
  return 0;
}

function help(io: Io): number {
  io.out(AUDIT_HELP);
  return 0;
}

function wantsHelp(args: readonly string[]): boolean {
  return args.includes('--help') || args.includes('-h');
}

/** A line that overwrites itself, for whatever takes longer than a second. */
function progress(io: Io): (done: number, size: number) => void {
  let next = io.now() + 1_000;
  return (done, size) => {
    if (io.now() < next) return;
    next = io.now() + 250;
    io.err(`\r${done} of ${size} leaves\r`);
  };
}
