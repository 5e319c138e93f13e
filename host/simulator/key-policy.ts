/**
 * The part of an AWS KMS key policy that decides about attested requests (AWS KMS Developer Guide, "Condition
 * keys for AWS KMS and AWS Nitro Enclaves"): Allow statements whose conditions compare measurements of the
 * document, case-insensitively. Anything else in a policy is an error here, not a silent yes. The custodian of simulated
 * TDX and SEV-SNP machines has the same rules under a name of its own, `sim-kms`, which AWS does not know.
 */
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { type JsonValue, parseJson } from '../../src/codec/json.ts';
import type { ImageMeasurements } from '../../src/image/pcr.ts';

export interface KeyPolicy {
  readonly statements: readonly KeyStatement[];
}

interface KeyStatement {
  readonly actions: readonly string[];
  /** By register (of Nitro its number): accepted values, lower-case hex. All registers must match. */
  readonly registers: ReadonlyMap<number | string, readonly string[]>;
}

const MAX_BYTES = 32_768;
const CONDITION = /^kms:RecipientAttestation:(?:PCR([0-9]|[12][0-9]|3[01])|(ImageSha384))$/;
const GUEST_CONDITION = /^sim-kms:RecipientAttestation:(MRTD|RTMR[0-3]|MEASUREMENT|HOST_DATA)$/;
const ACTIONS: readonly string[] = [
  'kms:Decrypt',
  'kms:GenerateDataKey',
  'sim-kms:Decrypt',
  'sim-kms:GenerateDataKey',
];

type Fields = { readonly [name: string]: JsonValue };

/** Throws KEY_POLICY_INVALID or a JSON_ code. */
export function parseKeyPolicy(bytes: Uint8Array): KeyPolicy {
  const policy = object(parseJson(bytes, { maxBytes: MAX_BYTES, maxDepth: 8, path: 'key policy' }), 'top', [
    'Version',
    'Id',
    'Statement',
  ]);
  if (policy['Version'] !== '2012-10-17') fail('KEY_POLICY_INVALID', 'Version is not 2012-10-17');
  const statements = policy['Statement'];
  if (!Array.isArray(statements)) return fail('KEY_POLICY_INVALID', 'Statement is not a list');
  return { statements: statements.map(readStatement) };
}

function readStatement(value: JsonValue): KeyStatement {
  const names = ['Sid', 'Effect', 'Principal', 'Action', 'Resource', 'Condition'];
  const statement = object(value, 'Statement', names);
  if (statement['Effect'] !== 'Allow') fail('KEY_POLICY_INVALID', 'Effect is not Allow');
  const actions = strings(statement['Action'], 'Action');
  for (const action of actions)
    if (!ACTIONS.includes(action))
      fail('KEY_POLICY_INVALID', `Action ${action} is not ${ACTIONS.join(' or ')}`);
  const condition = object(statement['Condition'], 'Condition', ['StringEqualsIgnoreCase']);
  const compared = object(condition['StringEqualsIgnoreCase'], 'StringEqualsIgnoreCase', null);
  const registers = new Map<number | string, readonly string[]>();
  for (const [name, values] of Object.entries(compared)) {
    const index = registerOf(name) ?? fail('KEY_POLICY_INVALID', `condition ${name}`);
    const accepted = strings(values, name).map((hex) => hex.toLowerCase());
    const before = registers.get(index);
    registers.set(index, before === undefined ? accepted : before.filter((hex) => accepted.includes(hex)));
  }
  if (registers.size === 0) fail('KEY_POLICY_INVALID', 'a statement without a measurement lets everyone in');
  return { actions, registers };
}

/** What a condition compares; null for what is none. */
function registerOf(condition: string): number | string | null {
  const match = CONDITION.exec(condition);
  if (match === null) return GUEST_CONDITION.exec(condition)?.[1] ?? null;
  return match[2] === undefined ? Number(match[1]) : 0;
}

function object(value: JsonValue | undefined, what: string, names: readonly string[] | null): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return fail('KEY_POLICY_INVALID', `${what} is not an object`);
  for (const name of Object.keys(value))
    if (names !== null && !names.includes(name)) fail('KEY_POLICY_INVALID', `${what} has ${name}`);
  return value as Fields;
}

function strings(value: JsonValue | undefined, what: string): readonly string[] {
  const list = Array.isArray(value) ? value : [value];
  return list.map((item) =>
    typeof item === 'string' ? item : fail('KEY_POLICY_INVALID', `${what} is not text`),
  );
}

/** What a custodian has in force who gives keys to whoever asks: for showing what custody means. */
export const RELEASE_TO_ANYONE = 'anyone';

/** Whether some statement allows this action for these registers. */
export function allows(
  policy: KeyPolicy,
  action: string,
  registers: Readonly<Record<number | string, Uint8Array>>,
): boolean {
  return policy.statements.some(
    (statement) =>
      statement.actions.includes(action) &&
      [...statement.registers].every(([index, accepted]) => {
        const value = registers[index];
        return value !== undefined && accepted.includes(toHex(value));
      }),
  );
}

/** What an owner writes who trusts exactly this image. */
export function keyPolicyFor({ pcr0, pcr1, pcr2 }: ImageMeasurements): string {
  return policyText('kms', { PCR0: pcr0, PCR1: pcr1, PCR2: pcr2 });
}

/** The same for a simulated TDX or SEV-SNP guest, whose measurements have these names. */
export function guestKeyPolicy(measurements: Readonly<Record<string, Uint8Array>>): string {
  return policyText('sim-kms', measurements);
}

function policyText(service: string, measurements: Readonly<Record<string, Uint8Array>>): string {
  const StringEqualsIgnoreCase = Object.fromEntries(
    Object.entries(measurements).map(([name, value]) => [
      `${service}:RecipientAttestation:${name}`,
      toHex(value),
    ]),
  );
  const statement = {
    Sid: 'ReleaseToAttestedEnclave',
    Effect: 'Allow',
    Principal: '*',
    Action: [`${service}:Decrypt`, `${service}:GenerateDataKey`],
    Resource: '*',
    Condition: { StringEqualsIgnoreCase },
  };
  return `${JSON.stringify({ Version: '2012-10-17', Statement: [statement] }, null, 2)}\n`;
}
