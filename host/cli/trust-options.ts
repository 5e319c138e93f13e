/** What the author of a trust policy says on the command line, beside the measurements: the same for every command. */
import { fail } from '../../src/base/errors.ts';
import type { TrustPolicy } from '../../verifier/index.ts';
import { readFile } from './input.ts';
import type { CommandLine, Options } from './options.ts';
import { addConfiguration, buildTrustPolicy, type TrustFacts } from './trust-make.ts';

const TEXT = { type: 'string' } as const;
const MANY = { type: 'string', multiple: true } as const;

export const TRUST_OPTIONS: Options = {
  config: TEXT,
  origin: TEXT,
  'config-digest': TEXT,
  authority: MANY,
  'simulated-root': MANY,
  'any-service': { type: 'boolean' },
};

/** Throws EXPECTATION_MISSING for what neither the facts nor the author say. */
export function trustFromFacts(facts: TrustFacts, line: CommandLine): TrustPolicy {
  const config = line.text('config');
  const known = config === undefined ? facts : addConfiguration(facts, readFile(config), config);
  return buildTrustPolicy(withOptions(known, line), { anyService: line.flag('any-service') });
}

/** What the author says outright goes before what a file says. */
function withOptions(facts: TrustFacts, line: CommandLine): TrustFacts {
  const authorities = line.texts('authority');
  const roots = line.texts('simulated-root').map((root) => {
    const at = root.lastIndexOf('=');
    return at < 1
      ? fail('USAGE', '--simulated-root: must be NAME=HEX')
      : { name: root.slice(0, at), spkiSha256: root.slice(at + 1) };
  });
  return {
    ...facts,
    origin: line.text('origin') ?? facts.origin,
    configDigest: line.text('config-digest') ?? facts.configDigest,
    authorities: authorities.length > 0 ? authorities : facts.authorities,
    simulatedRoots: roots.length > 0 ? roots : facts.simulatedRoots,
  };
}
