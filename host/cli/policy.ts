/** `assay policy`: makes, checks and signs policy bundles. Nothing here is trusted by the enclave. */
import { readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import type { ParseArgsConfig } from 'node:util';
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
import { genesis, GENESIS_OPTIONS } from './policy-genesis.ts';
import { load, LOAD_OPTIONS } from './policy-load.ts';
import { type CommandLine, readCommandLine, readTime } from './options.ts';

export const POLICY_HELP = `Usage: assay policy <action>

  build DIR -o FILE      makes a bundle of a policy folder (manifest.yaml, Cedar files, principals.json)
  check FILE or DIR      compiles a bundle or folder as the enclave would and says what is in it
  keygen -o KEY          makes an authority's Ed25519 key (PKCS#8 PEM) and prints its public half
  sign BUNDLE --key KEY --origin ORIGIN --version N --not-after TIME [--previous ORDER] -o ORDER
                         signs a new policy order; TIME is RFC 3339 or +DAYSd
  sign BUNDLE --key KEY --order ORDER -o ORDER
                         adds a signature to an order, after checking that it names this bundle
  genesis --key KEY --origin ORIGIN --not-after TIME -o ORDER
                         signs the order that lets an enclave without a keyring make one
  genesis --key KEY --origin ORIGIN --order ORDER -o ORDER
                         adds a signature to it
  load URL --bundle FILE --order ORDER --trust FILE
                         verifies the enclave and brings it a new policy; the enclave decides whether it counts

  --json                 prints one JSON object instead of text
`;

type Options = NonNullable<ParseArgsConfig['options']>;
const DAY = 86_400_000;
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

/** Runs one action; returns the exit status. Throws AssayError: USAGE, POLICY_*, ORDER_*, KEY_INVALID. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = args;
  if (rest.includes('--help') || rest.includes('-h')) {
    io.out(POLICY_HELP);
    return 0;
  }
  switch (action) {
    case 'build':
      return build(readCommandLine('policy build', rest, COMMON, [1, 1]), io);
    case 'check':
      return check(readCommandLine('policy check', rest, COMMON, [1, 1]), io);
    case 'keygen':
      return keygen(readCommandLine('policy keygen', rest, COMMON, [0, 0]), io);
    case 'sign':
      return sign(readCommandLine('policy sign', rest, SIGN, [1, 1]), io);
    case 'genesis':
      return genesis(readCommandLine('policy genesis', rest, { ...COMMON, ...GENESIS_OPTIONS }, [0, 0]), io, {
        readExpiry,
        writeWhole,
      });
    case 'load':
      return load(readCommandLine('policy load', rest, { ...COMMON, ...LOAD_OPTIONS }, [1, 1]), io);
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

/** For options that an action cannot do without. */
function needed(value: string | undefined, name: string): string {
  return value ?? fail('USAGE', `assay policy: ${name} is missing`);
}

function build(line: CommandLine, io: Io): number {
  const bytes = buildPolicyFolder(line.positionals[0] as string);
  const policy = compile(bytes);
  const output = needed(line.text('output'), '-o FILE');
  writeWhole(output, bytes);
  return report(
    line,
    io,
    { ...summary(policy, bytes), file: output },
    describe(policy, bytes).concat(`written     ${output}`),
  );
}

function check(line: CommandLine, io: Io): number {
  const path = line.positionals[0] as string;
  const bytes = isFolder(path) ? buildPolicyFolder(path) : readFile(path, LIMITS.bundleBytes);
  const policy = compile(bytes);
  return report(line, io, summary(policy, bytes), describe(policy, bytes));
}

function keygen(line: CommandLine, io: Io): number {
  const output = needed(line.text('output'), '-o KEY');
  const publicKey = toHex(writeAuthorityKey(output).publicKey);
  return report(line, io, { file: output, public_key: publicKey }, [
    `public key  ${publicKey}`,
    `written     ${output}`,
  ]);
}

function sign(line: CommandLine, io: Io): number {
  const bundle = readFile(line.positionals[0] as string, LIMITS.bundleBytes);
  const key = readAuthorityKey(needed(line.text('key'), '--key KEY'));
  const output = needed(line.text('output'), '-o ORDER');
  const unsigned =
    line.text('order') === undefined ? newOrder(line, bundle, io.now()) : existingOrder(line, bundle);
  const order = decodePolicyOrder(unsigned.order);
  const signature = key.sign(orderMessage(nodeCrypto, 'policy', unsigned.order));
  const others = unsigned.signatures.filter((one) => !equalBytes(one.key, key.publicKey));
  const signed: SignedOrder = {
    order: unsigned.order,
    signatures: [...others, { key: key.publicKey, signature }],
  };
  writeWhole(output, formatOrderFile({ kind: 'policy', signed }));
  return report(line, io, orderSummary(order, signed, output), describeOrder(order, signed, output));
}

function newOrder(line: CommandLine, bundle: Uint8Array, now: Millis): SignedOrder {
  const version = Number(needed(line.text('version'), '--version N'));
  if (!Number.isSafeInteger(version) || version < 1)
    fail('USAGE', 'assay policy sign: --version must be 1 or more');
  const previous = line.text('previous');
  if ((version === 1) !== (previous === undefined))
    fail('USAGE', 'assay policy sign: --previous ORDER goes with every version but 1');
  const order = encodePolicyOrder({
    origin: needed(line.text('origin'), '--origin ORIGIN'),
    tenant: compile(bundle).tenant,
    version,
    previous: previous === undefined ? null : nodeCrypto.sha256(readOrder(previous).order),
    bundleDigest: nodeCrypto.sha256(bundle),
    notAfter: readExpiry(needed(line.text('not-after'), '--not-after TIME'), now),
  });
  return { order, signatures: [] };
}

/** A co-signer signs the bytes of the first signer, but only for the bundle that was put before them. */
function existingOrder(line: CommandLine, bundle: Uint8Array): SignedOrder {
  for (const option of ['origin', 'version', 'previous', 'not-after']) {
    if (line.text(option) !== undefined)
      fail('USAGE', `assay policy sign: --${option} does not go with --order`);
  }
  const signed = readOrder(line.text('order') as string);
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
function readExpiry(text: string, now: Millis): Millis {
  const days = /^\+([1-9][0-9]{0,3})d$/.exec(text)?.[1];
  if (days !== undefined) return now + Number(days) * DAY;
  const time = readTime('assay policy: --not-after', text);
  return time > now ? time : fail('USAGE', `assay policy: --not-after ${text} is past`);
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

function report(line: CommandLine, io: Io, value: object, lines: readonly string[]): number {
  io.out(line.flag('json') ? `${JSON.stringify(value)}\n` : `${lines.join('\n')}\n`);
  return 0;
}
