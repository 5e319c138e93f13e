/** `assay receipt`: judges a receipt file offline, and whether it lets one action happen. */
import { nodeCrypto } from '../../native/crypto.ts';
import { formatTime } from '../../src/base/clock.ts';
import { AssayError, type Code, fail } from '../../src/base/errors.ts';
import { UNDETERMINED } from '../../src/base/undetermined.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import { type Leaf, parseReceiptFile, type ReceiptFile } from '../../src/log/index.ts';
import {
  auditJudge,
  type JudgedEpoch,
  type ReceiptLevel,
  type SealedReceipt,
  trustPolicyDigest,
  type VerifiedReceipt,
  verifyReceipt,
  verifyReceiptForAction,
  verifySeal,
} from '../../verifier/index.ts';
import { printable, reportError } from './errors.ts';
import { readInput } from './input.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine, readHex, readTime } from './options.ts';
import { renderClaims } from './report.ts';
import { readTrustFile } from './trust-file.ts';

export const RECEIPT_HELP = `Usage: assay receipt verify FILE|- --trust FILE [options]

Judges a receipt file offline: the attestation in it under your trust policy, both signatures
of the checkpoint, and that the leaf stands in the log. Shows what was decided.

  --trust FILE     the trust policy: what is acceptable (see assay trust)
  --at TIME        judge at this time (RFC 3339) instead of now
  --json           prints one object

Whether it lets one action happen; all of these together:
  --audience NAME  the tool server that asks
  --action HEX     identity of the tool call
  --nonce HEX      nonce of the request
  --principal HEX  SHA-256 of the caller's public key
  --level 0|1|2    least level: checkpoint, sealed, witnessed

Exit status: 0 trusted, 1 rejected, 2 malformed or usage, 4 undetermined.
`;

const TEXT = { type: 'string' } as const;
const OPTIONS = {
  trust: TEXT,
  at: TEXT,
  audience: TEXT,
  action: TEXT,
  nonce: TEXT,
  principal: TEXT,
  level: TEXT,
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;
const ACTION = ['audience', 'action', 'nonce', 'principal', 'level'] as const;

/** Returns the exit status; with --json, standard output holds one object whatever happens. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = args;
  if (action === undefined || args.includes('--help') || args.includes('-h')) {
    io.out(RECEIPT_HELP);
    return action === undefined ? 2 : 0;
  }
  try {
    if (action !== 'verify')
      fail('USAGE', `assay receipt: no action ${JSON.stringify(action)}; there is verify`);
    return await verify(rest, io);
  } catch (error) {
    const code: Code = error instanceof AssayError ? error.code : 'INTERNAL';
    const verdict = UNDETERMINED.has(code) ? 'undetermined' : 'rejected';
    if (args.includes('--json')) io.out(`${JSON.stringify({ verdict, code })}\n`);
    return reportError(error, io);
  }
}

async function verify(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('receipt verify', args, OPTIONS, [1, 1]);
  const path = line.text('trust');
  if (path === undefined)
    return fail('EXPECTATION_MISSING', 'assay receipt verify: --trust FILE says what is acceptable');
  const trust = readTrustFile(path);
  const at = line.text('at');
  const now = at === undefined ? io.now() : readTime('--at', at);
  const file = parseReceiptFile(await readInput(line.positionals[0] as string, io));
  const judged = await auditJudge({ trust, crypto: nodeCrypto, now })(file.attestation);
  const verified = await judgeReceipt(file, judged, line, now);
  const code: Code | null = judged.anchored ? null : 'TIME_UNANCHORED';
  const report = {
    verdict: code === null ? 'trusted' : 'undetermined',
    code,
    notes: verified.notes,
    trust_sha256: trustPolicyDigest(trust, nodeCrypto),
    origin: verified.checkpoint.origin,
    simulated: verified.simulated,
    level: verified.level,
    epoch: verified.checkpoint.epoch,
    size: verified.checkpoint.size,
    leaf: leafJson(verified.leaf),
  } satisfies JsonObject;
  io.out(line.flag('json') ? `${JSON.stringify(report)}\n` : render(report));
  return code === null
    ? 0
    : reportError(new AssayError(code, 'the attestation has expired since; give --at'), io);
}

async function judgeReceipt(
  file: ReceiptFile,
  judged: JudgedEpoch,
  line: CommandLine,
  now: number,
): Promise<VerifiedReceipt> {
  const { service } = judged;
  const receipt = file.seal === null ? file.receipt : await withSeal(file, judged);
  const given = ACTION.filter((name) => line.text(name) !== undefined);
  if (given.length === 0) return verifyReceipt(receipt, service, nodeCrypto);
  const lacking = ACTION.filter((name) => line.text(name) === undefined);
  if (lacking.length > 0)
    fail('EXPECTATION_MISSING', `assay receipt verify: --${lacking.join(', --')} not given`);
  const text = (name: (typeof ACTION)[number]): string => line.text(name) ?? '';
  return verifyReceiptForAction(receipt, {
    service,
    crypto: nodeCrypto,
    audience: text('audience'),
    action: readHex('--action', text('action'), 32, 32),
    nonce: readHex('--nonce', text('nonce'), 16, 64),
    principal: readHex('--principal', text('principal'), 32, 32),
    level: readLevel(text('level')),
    now,
  });
}

async function withSeal(
  { receipt, seal }: ReceiptFile,
  { service, judgeSeal }: JudgedEpoch,
): Promise<SealedReceipt> {
  if (seal === null) return fail('SEAL_MISSING', 'the receipt file has no seal');
  return { receipt, seal: await verifySeal(seal, service, nodeCrypto, judgeSeal) };
}

function readLevel(text: string): ReceiptLevel {
  if (text === '0' || text === '1' || text === '2') return Number(text) as ReceiptLevel;
  return fail('USAGE', '--level: must be 0, 1 or 2');
}

/** Bytes in hex, times in RFC 3339; fields that the leaf does not have are left out. */
function leafJson(leaf: Leaf): JsonObject {
  const out: Record<string, JsonValue> = {};
  for (const [name, value] of Object.entries(leaf) as [keyof Leaf, unknown][])
    if (!isEmpty(value))
      out[name] = name === 'time' || name === 'notAfter' ? formatTime(value as number) : plain(value);
  return out;
}

function isEmpty(value: unknown): boolean {
  if (value === null) return true;
  return (
    typeof value === 'object' && !(value instanceof Uint8Array) && Object.keys(value as object).length === 0
  );
}

function plain(value: unknown): JsonValue {
  if (value instanceof Uint8Array) return toHex(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value as JsonValue;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plain(inner)]));
}

function render(report: {
  verdict: string;
  code: Code | null;
  notes: readonly Code[];
  leaf: JsonObject;
  [name: string]: JsonValue;
}): string {
  const { verdict, code, notes, leaf, ...rest } = report;
  const head = `${verdict.toUpperCase()}  ${[code ?? 'the leaf stands in the log', ...notes].join(', ')}`;
  return `${[printable(head), ...renderClaims(rest), ...renderClaims(leaf)].join('\n')}\n`;
}
