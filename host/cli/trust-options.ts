/** What the author of a trust policy says on the command line, beside the measurements: the same for every command. */
import { fail } from '../../src/base/errors.ts';
import type { JsonValue } from '../../src/codec/json.ts';
import type { HardwareIds, TrustPolicy } from '../../verifier/index.ts';
import { readFile } from './input.ts';
import type { CommandLine, Options } from './options.ts';
import { guestChoices } from './trust-guest.ts';
import { addConfiguration, buildTrustPolicy, type TrustChoices, type TrustFacts } from './trust-make.ts';

const TEXT = { type: 'string' } as const;
const MANY = { type: 'string', multiple: true } as const;

export const TRUST_OPTIONS: Options = {
  config: TEXT,
  origin: TEXT,
  'config-digest': TEXT,
  authority: MANY,
  'simulated-root': MANY,
  'any-service': { type: 'boolean' },
  'max-age': TEXT,
  challenge: TEXT,
};

/** What was learnt of evidence, when there is any. */
export interface Learnt {
  readonly provenance: 'trust-on-first-use';
  readonly ids: HardwareIds;
}

/** Throws EXPECTATION_MISSING for what neither the facts nor the author say. */
export function trustFromFacts(
  facts: TrustFacts,
  line: CommandLine,
  learnt: Learnt | null = null,
): TrustPolicy {
  const config = line.text('config');
  const known = config === undefined ? facts : addConfiguration(facts, readFile(config), config);
  return buildTrustPolicy(withOptions(known, line), {
    anyService: line.flag('any-service'),
    freshness: freshnessOf(line),
    ...hardwareAndPlatform(facts, line, learnt?.ids ?? null),
    ...(learnt === null ? {} : { provenance: learnt.provenance }),
  });
}

function hardwareAndPlatform(
  { guest }: TrustFacts,
  line: CommandLine,
  ids: HardwareIds | null,
): Partial<TrustChoices> {
  if (guest !== undefined) return guestChoices(guest, ids, line);
  return line.flag('pin-hardware') && ids !== null ? { hardware: { ...ids } } : {};
}

function freshnessOf(line: CommandLine): NonNullable<TrustChoices['freshness']> {
  const [age, challenge] = [line.text('max-age'), line.text('challenge')];
  return {
    ...(age === undefined ? {} : { max_age_seconds: age === 'any' ? age : secondsOf(age) }),
    ...(challenge === undefined ? {} : { nonce: challenge }),
  };
}

const secondsOf = (text: string): JsonValue =>
  /^\d{1,9}$/.test(text) ? Number(text) : fail('USAGE', `--max-age ${text}: must be seconds, or any`);

/** What the author says outright goes before what a file says. */
function withOptions(facts: TrustFacts, line: CommandLine): TrustFacts {
  const authorities = line.texts('authority');
  const roots = simulatedRootsOf(line);
  return {
    ...facts,
    origin: line.text('origin') ?? facts.origin,
    configDigest: line.text('config-digest') ?? facts.configDigest,
    authorities: authorities.length > 0 ? authorities : facts.authorities,
    simulatedRoots: roots.length > 0 ? roots : facts.simulatedRoots,
  };
}

/** The roots that the author names: `NAME=HEX`. */
export function simulatedRootsOf(line: CommandLine): TrustFacts['simulatedRoots'] {
  return line.texts('simulated-root').map((root) => {
    const at = root.lastIndexOf('=');
    return at < 1
      ? fail('USAGE', '--simulated-root: must be NAME=HEX')
      : { name: root.slice(0, at), spkiSha256: root.slice(at + 1) };
  });
}
