/** `assay decide`: one decision. The first line is ALLOW, DENY, WARN, ESCALATE or TRANSFORM. */
import { writeFileSync } from 'node:fs';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../src/codec/json.ts';
import { formatReceiptFile } from '../../src/log/files.ts';
import { connect, type Decision, loadClientIdentity } from '../client/index.ts';
import { readInput } from './input.ts';
import { printable } from './errors.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine, readHex } from './options.ts';
import { readTrustFile } from './trust-file.ts';

export const DECIDE_HELP = `Usage: assay decide URL --trust FILE --key FILE (--tool NAME --args JSON | --snapshot FILE)

  --trust FILE        trust policy; the enclave is verified before it is asked
  --key FILE          client key (P-256, PKCS#8 PEM); made when it is absent, and must be named by the policy
  --tool NAME         a tool call, at the intervention point pre_tool_call
  --args JSON         its arguments
  --snapshot FILE     an ACS snapshot instead, - for standard input
  --point NAME        its intervention point (pre_tool_call)
  --audience NAME     who may act on the receipt
  --nonce HEX         16 to 64 bytes that the tool gave out
  --valid-for SECONDS how long the receipt may be used (60)
  -o FILE             writes the receipt, with the attestation that it needs offline
  --json              prints one JSON object

Exit status: 0 allowed (allow, transform), 1 otherwise, 2 usage or malformed input.
`;

const MAX_SNAPSHOT = 1_048_576;

const OPTIONS = {
  trust: { type: 'string' },
  key: { type: 'string' },
  tool: { type: 'string' },
  args: { type: 'string' },
  snapshot: { type: 'string' },
  point: { type: 'string' },
  audience: { type: 'string' },
  nonce: { type: 'string' },
  'valid-for': { type: 'string' },
  output: { type: 'string', short: 'o' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

async function snapshotOf(line: CommandLine, io: Io): Promise<JsonValue> {
  const limits = { maxBytes: MAX_SNAPSHOT, maxDepth: 64 };
  const file = line.text('snapshot');
  if (file !== undefined) return parseJson(await readInput(file, io), { ...limits, path: 'snapshot' });
  const tool = line.text('tool') ?? fail('USAGE', 'assay decide: --tool or --snapshot is needed');
  return {
    tool_call: { name: tool, args: parseJson(line.text('args') ?? '{}', { ...limits, path: '--args' }) },
  };
}

function secondsOf(text: string | undefined): number {
  const seconds = text === undefined ? 60 : Number(text);
  return Number.isFinite(seconds) && seconds > 0
    ? Math.round(seconds * 1_000)
    : fail('USAGE', `assay decide: --valid-for: not a number of seconds: ${text}`);
}

function asJson({
  decision,
  reason,
  rule,
  message,
  target,
  leaf,
  inputIdentity,
  enforcedIdentity,
}: Decision): JsonObject {
  return {
    decision,
    reason,
    rule,
    message,
    target,
    index: leaf.index,
    epoch: leaf.epoch,
    action: leaf.action === null ? null : toHex(leaf.action),
    nonce: leaf.nonce === null ? null : toHex(leaf.nonce),
    not_after: leaf.notAfter,
    input_identity: inputIdentity,
    enforced_identity: enforcedIdentity,
  };
}

function tell(decision: Decision, io: Io): void {
  io.out(`${decision.decision.toUpperCase()}\n`);
  if (decision.rule !== null) io.out(`rule     ${printable(decision.rule)}\n`);
  if (decision.reason !== null) io.out(`reason   ${printable(decision.reason)}\n`);
  if (decision.message !== null) io.out(`message  ${printable(decision.message)}\n`);
  if (decision.target !== null) io.out(`target   ${JSON.stringify(decision.target)}\n`);
  io.out(
    `leaf     ${decision.leaf.index}, epoch ${decision.leaf.epoch}, covered by a checkpoint with both signatures\n`,
  );
}

export async function run(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('decide', args, OPTIONS, [0, 1]);
  if (line.flag('help')) {
    io.out(DECIDE_HELP);
    return 0;
  }
  const url = line.positionals[0] ?? fail('USAGE', 'assay decide: a URL is needed');
  const trust =
    line.text('trust') ??
    fail(
      'USAGE',
      'assay decide: --trust FILE is needed: nothing is asked of an enclave that is not verified',
    );
  const key = line.text('key') ?? fail('USAGE', 'assay decide: --key FILE is needed');
  const snapshot = await snapshotOf(line, io);
  const [audience, nonce, output] = [line.text('audience'), line.text('nonce'), line.text('output')];
  const client = await connect(url, {
    trust: readTrustFile(trust),
    identity: loadClientIdentity(key, { create: true }),
    now: io.now,
  });
  try {
    const decision = await client.decide({
      interventionPoint: line.text('point') ?? 'pre_tool_call',
      snapshot,
      validForMs: secondsOf(line.text('valid-for')),
      ...(audience === undefined ? {} : { audience }),
      ...(nonce === undefined ? {} : { nonce: readHex('--nonce', nonce, 16, 64) }),
    });
    if (output !== undefined) {
      writeFileSync(
        output,
        formatReceiptFile({ receipt: decision.receipt, attestation: client.attestation, seal: null }),
      );
    }
    if (line.flag('json')) io.out(`${JSON.stringify(asJson(decision))}\n`);
    else tell(decision, io);
    return decision.decision === 'allow' || decision.decision === 'transform' ? 0 : 1;
  } finally {
    client.close();
  }
}
