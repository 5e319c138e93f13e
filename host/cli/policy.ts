/** `assay policy`: makes, checks and signs policy bundles. Nothing here is trusted by the enclave. */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { nodeCrypto } from '../../native/crypto.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import { formatTime, type Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { compileBundle, type CompiledPolicy, createEngines, LIMITS } from '../../src/policy/index.ts';
import { formatOrderFile, parseOrderFile } from '../../src/statement/order-file.ts';
import {
  decodePolicyOrder,
  encodePolicyOrder,
  orderMessage,
  type PolicyOrder,
  type SignedOrder,
} from '../../src/statement/order.ts';
import { buildPolicyFolder, loadCedarModule, readAuthorityKey, writeAuthorityKey } from '../policy/index.ts';
import type { Io } from './io.ts';

export const POLICY_HELP = `Usage: assay policy <action>

  build DIR -o FILE      makes a bundle of a policy folder (manifest.yaml, Cedar files, principals.json)
  check FILE or DIR      compiles a bundle or folder as the enclave would and says what is in it
  keygen -o KEY          makes an authority's Ed25519 key (PKCS#8 PEM) and prints its public half
  sign BUNDLE --key KEY --origin ORIGIN --version N --not-after TIME [--previous ORDER] -o ORDER
                         signs a new policy order; TIME is RFC 3339 or +DAYSd
  sign BUNDLE --key KEY --order ORDER -o ORDER
                         adds a signature to an order, after checking that it names this bundle

  --json                 prints one JSON object instead of text
`;

type Options = NonNullable<ParseArgsConfig['options']>;
const TEXT = { type: 'string' } as const;
const COMMON: Options = { json: { type: 'boolean' }, output: { type: 'string', short: 'o' } };
const SIGN: Options = {
  ...COMMON,
  key: TEXT,
  origin: TEXT,
  version: TEXT,
  previous: TEXT,
  order: TEXT,
  'not-after': TEXT,
};

interface Arguments {
  readonly file: string | undefined;
  readonly json: boolean;
  readonly values: Readonly<Record<string, string | undefined>>;
}

/** Runs one action; returns the exit status. Throws AssayError: USAGE, POLICY_*, ORDER_*, KEY_INVALID. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = args;
  switch (action) {
    case 'build':
      return build(read(rest, COMMON), io);
    case 'check':
      return check(read(rest, COMMON), io);
    case 'keygen':
      return keygen(read(rest, COMMON), io);
    case 'sign':
      return sign(read(rest, SIGN), io);
    case '--help':
    case '-h':
      io.out(POLICY_HELP);
      return 0;
    default:
      return fail(
        'USAGE',
        action === undefined ? 'assay policy: needs an action' : `assay policy: unknown action ${action}`,
      );
  }
}

function read(args: readonly string[], options: Options): Arguments {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options,
      allowPositionals: true,
      strict: true,
    });
    if (positionals.length > 1) fail('USAGE', `assay policy: unexpected ${positionals[1]}`);
    const { json, ...texts } = values;
    return { file: positionals[0], json: json === true, values: texts as Record<string, string | undefined> };
  } catch (error) {
    if (error instanceof TypeError) return fail('USAGE', `assay policy: ${error.message}`);
    throw error;
  }
}

function needed(value: string | undefined, name: string): string {
  return value ?? fail('USAGE', `assay policy: ${name} is missing`);
}

function build(args: Arguments, io: Io): number {
  const bytes = buildPolicyFolder(needed(args.file, 'DIR'));
  const policy = compile(bytes);
  const output = needed(args.values['output'], '-o FILE');
  writeWhole(output, bytes);
  return report(
    args,
    io,
    { ...summary(policy, bytes), file: output },
    describe(policy, bytes).concat(`written     ${output}`),
  );
}

function check(args: Arguments, io: Io): number {
  const path = needed(args.file, 'FILE or DIR');
  const bytes = isFolder(path) ? buildPolicyFolder(path) : readFile(path, LIMITS.bundleBytes);
  const policy = compile(bytes);
  return report(args, io, summary(policy, bytes), describe(policy, bytes));
}

function keygen(args: Arguments, io: Io): number {
  const output = needed(args.values['output'], '-o KEY');
  const publicKey = toHex(writeAuthorityKey(output).publicKey);
  return report(args, io, { file: output, public_key: publicKey }, [
    `public key  ${publicKey}`,
    `written     ${output}`,
  ]);
}

function sign(args: Arguments, io: Io): number {
  const bundle = readFile(needed(args.file, 'BUNDLE'), LIMITS.bundleBytes);
  const key = readAuthorityKey(needed(args.values['key'], '--key KEY'));
  const output = needed(args.values['output'], '-o ORDER');
  const unsigned =
    args.values['order'] === undefined ? newOrder(args, bundle, io.now()) : existingOrder(args, bundle);
  const order = decodePolicyOrder(unsigned.order);
  const signature = key.sign(orderMessage(nodeCrypto, 'policy', unsigned.order));
  const others = unsigned.signatures.filter((one) => !equalBytes(one.key, key.publicKey));
  const signed: SignedOrder = {
    order: unsigned.order,
    signatures: [...others, { key: key.publicKey, signature }],
  };
  writeWhole(output, formatOrderFile({ kind: 'policy', signed }));
  return report(args, io, orderSummary(order, signed, output), describeOrder(order, signed, output));
}

function newOrder(args: Arguments, bundle: Uint8Array, now: Millis): SignedOrder {
  const version = Number(needed(args.values['version'], '--version N'));
  if (!Number.isSafeInteger(version) || version < 1)
    fail('USAGE', 'assay policy sign: --version must be 1 or more');
  const previous = args.values['previous'];
  if ((version === 1) !== (previous === undefined))
    fail('USAGE', 'assay policy sign: --previous ORDER goes with every version but 1');
  const order = encodePolicyOrder({
    origin: needed(args.values['origin'], '--origin ORIGIN'),
    tenant: compile(bundle).tenant,
    version,
    previous: previous === undefined ? null : nodeCrypto.sha256(readOrder(previous).order),
    bundleDigest: nodeCrypto.sha256(bundle),
    notAfter: readTime(needed(args.values['not-after'], '--not-after TIME'), now),
  });
  return { order, signatures: [] };
}

/** A co-signer signs the bytes of the first signer, but only for the bundle that was put before them. */
function existingOrder(args: Arguments, bundle: Uint8Array): SignedOrder {
  for (const option of ['origin', 'version', 'previous', 'not-after']) {
    if (args.values[option] !== undefined)
      fail('USAGE', `assay policy sign: --${option} does not go with --order`);
  }
  const signed = readOrder(args.values['order'] as string);
  const order = decodePolicyOrder(signed.order);
  if (!equalBytes(order.bundleDigest, nodeCrypto.sha256(bundle)))
    fail('ORDER_BUNDLE_MISMATCH', `the order is for bundle ${toHex(order.bundleDigest)}`);
  const { tenant } = compile(bundle);
  if (tenant !== order.tenant)
    fail('ORDER_MISDIRECTED', `the order is for ${order.tenant}, the bundle for ${tenant}`);
  return signed;
}

function readOrder(path: string): SignedOrder {
  const { kind, signed } = parseOrderFile(readFile(path, 65_536));
  if (kind !== 'policy') fail('ORDER_FILE_INVALID', `${path}: is a ${kind} order, not a policy order`);
  return signed;
}

/** RFC 3339, or `+30d` counted from now. */
function readTime(text: string, now: Millis): Millis {
  const days = /^\+([1-9][0-9]{0,3})d$/.exec(text)?.[1];
  if (days !== undefined) return now + Number(days) * 86_400_000;
  const time = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2})$/.test(text)
    ? new Date(text).getTime()
    : Number.NaN;
  if (Number.isNaN(time) || time <= now)
    fail('USAGE', `assay policy sign: --not-after ${text} is not a time to come`);
  return time;
}

function compile(bytes: Uint8Array): CompiledPolicy {
  return compileBundle(bytes, { hashing: nodeCrypto, engines: createEngines({ cedar: loadCedarModule() }) });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function readFile(path: string, max: number): Uint8Array {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) return fail('POLICY_SOURCE_INVALID', `${path}: is not a file`);
  if (found.size > max) return fail('POLICY_SOURCE_INVALID', `${path}: is larger than ${max} bytes`);
  return new Uint8Array(readFileSync(path));
}

/** A reader sees the old file or the new one, never half of it. */
function writeWhole(path: string, content: Uint8Array | string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(`${path}.part`, content);
    renameSync(`${path}.part`, path);
  } catch (error) {
    fail('POLICY_SOURCE_INVALID', `${path}: cannot be written`, { cause: error });
  }
}

function summary(policy: CompiledPolicy, bytes: Uint8Array): object {
  return {
    digest: toHex(policy.digest),
    bytes: bytes.length,
    tenant: policy.tenant,
    intervention_points: [...policy.points.keys()],
    policies: [...policy.manifest.policies.values()].map(({ id, type, adapter }) => ({ id, type, adapter })),
    tools: [...policy.manifest.tools.keys()],
    principals: policy.principals.map(({ id, agent, key }) => ({ id, agent, key })),
  };
}

function describe(policy: CompiledPolicy, bytes: Uint8Array): string[] {
  return [
    `bundle      ${toHex(policy.digest)} (${bytes.length} bytes)`,
    `tenant      ${policy.tenant}`,
    `policies    ${[...policy.manifest.policies.values()].map(({ id, type, adapter }) => `${id} (${adapter ?? type})`).join(', ')}`,
    `points      ${[...policy.points.keys()].join(', ')}`,
    `tools       ${[...policy.manifest.tools.keys()].join(', ') || 'none'}`,
    `principals  ${policy.principals.map(({ id, agent }) => `${id} as ${agent}`).join(', ') || 'none'}`,
  ];
}

function orderSummary(order: PolicyOrder, signed: SignedOrder, file: string): object {
  return {
    file,
    origin: order.origin,
    tenant: order.tenant,
    version: order.version,
    previous: order.previous === null ? null : toHex(order.previous),
    bundle: toHex(order.bundleDigest),
    not_after: formatTime(order.notAfter),
    order: toHex(nodeCrypto.sha256(signed.order)),
    signed_by: signed.signatures.map(({ key }) => toHex(key)),
  };
}

function describeOrder(order: PolicyOrder, signed: SignedOrder, file: string): string[] {
  return [
    `order       ${toHex(nodeCrypto.sha256(signed.order))}`,
    `for         ${order.origin}, tenant ${order.tenant}, version ${order.version}`,
    `bundle      ${toHex(order.bundleDigest)}`,
    `not after   ${formatTime(order.notAfter)}`,
    ...signed.signatures.map(({ key }) => `signed by   ${toHex(key)}`),
    `written     ${file}`,
  ];
}

function report(args: Arguments, io: Io, value: object, lines: readonly string[]): number {
  io.out(args.json ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
  return 0;
}
