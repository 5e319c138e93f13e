/**
 * Trust on first use: what a quote, a report or a running service says of itself becomes what is accepted. It must be
 * genuine, and acceptable under the very policy that is made of it; that it is the right one is believed.
 */
import { randomBytes } from 'node:crypto';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Millis } from '../../src/base/clock.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { isObject } from '../../src/codec/json-shape.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { type Collateral, mergeCollateral, readCollateral } from '../../src/collateral/index.ts';
import { Identity } from '../../src/statement/identity.ts';
import {
  type EvidenceJudgement,
  judgeAttestation,
  judgeEvidence,
  type JudgementTime,
  readTrustPolicy,
  type TrustPolicy,
} from '../../verifier/index.ts';
import { readCollateralPaths } from './collateral-input.ts';
import { readSourceAt } from './input.ts';
import type { Io } from './io.ts';
import { type CommandLine, readTime } from './options.ts';
import { factsOfClaims, hardwareOfClaims } from './trust-facts.ts';
import { type EndpointEvidence, policyFromEvidence } from './trust-first-use.ts';
import { refuseGuestOptions } from './trust-guest.ts';
import type { TrustFacts } from './trust-make.ts';
import { simulatedRootsOf, trustFromFacts } from './trust-options.ts';

type Judge = (trust: TrustPolicy) => Promise<EvidenceJudgement>;
type Names = Pick<TrustFacts, 'origin' | 'configDigest' | 'authorities'>;

/** From a file of bare evidence, a folder or JSON of configfs-tsm. */
export async function learnEvidence(path: string, line: CommandLine, io: Io): Promise<TrustPolicy> {
  const source = await readSourceAt(path, io);
  if (source.kind !== 'evidence')
    return fail('USAGE', `assay trust init: --from ${path}: is no quote, report or document of an enclave`);
  const collateral = mergeCollateral(readCollateral(source.collateral ?? []), collateralOf(line));
  const at = line.text('at');
  const time: JudgementTime =
    at === undefined ? { mode: 'live', now: io.now() } : { mode: 'archive', now: readTime('--at', at) };
  const platform = line.text('platform') ?? null;
  const judge: Judge = (trust) =>
    judgeEvidence(source.bytes, { ...time, trust, collateral, crypto: nodeCrypto, platform, nonce: null });
  const nobody = { origin: null, configDigest: null, authorities: null };
  // Nobody asked for this evidence, so it proves no freshness; and a bare one names no service.
  return learn(
    judge,
    () => nobody,
    line,
    (policy) => judge(relaxed(policy)),
  );
}

/** `now` is asked after the answer: a quote can take a minute, and is not from the future for that. */
export async function learnService(url: string, line: CommandLine, io: Io): Promise<TrustPolicy> {
  const { attestEndpoint } = await import('../client/index.ts');
  const challenge = new Uint8Array(randomBytes(32));
  const endpoint = await attestEndpoint(url, challenge);
  return policyFromService(endpoint, challenge, io.now(), line);
}

/** Throws the code of the verdict unless the evidence is trusted under the very policy that is made from it. */
export function policyFromService(
  endpoint: EndpointEvidence,
  challenge: Uint8Array,
  now: Millis,
  line: CommandLine,
): Promise<TrustPolicy> {
  const { attestation, proof, exporter, tlsSpkiHash } = endpoint;
  if (attestation.platform === 'nitro') {
    refuseGuestOptions('nitro', line);
    return policyFromEvidence(endpoint, challenge, now);
  }
  const session = { proof, exporter, tlsSpkiHash };
  const fixed = {
    mode: 'live',
    now,
    challenge,
    session,
    collateral: collateralOf(line),
    crypto: nodeCrypto,
  } as const;
  const judge: Judge = (trust) => judgeAttestation(attestation, { ...fixed, trust });
  return learn(judge, () => namesOf(Identity.decode(attestation.identity)), line, judge);
}

const namesOf = ({ origin, configDigest }: Identity): Names => ({
  origin,
  configDigest: toHex(configDigest),
  authorities: 'any',
});

/** `names`: asked once the evidence is proven. `confirm`: judges it under the policy that was made. */
async function learn(
  judge: Judge,
  names: () => Names,
  line: CommandLine,
  confirm: Judge,
): Promise<TrustPolicy> {
  const roots = simulatedRootsOf(line);
  const { verdict, failure } = await judge(probe(roots));
  const { claims, platform } = verdict;
  // Claims are those of proven evidence; what this probe thinks of them does not count.
  if (platform === null || Object.keys(claims).length === 0) throw failure ?? unexplained(verdict.verdict);
  const guest = factsOfClaims(platform, claims);
  if (guest === null) refuseGuestOptions('nitro', line);
  const policy = trustFromFacts(
    {
      pcrs: guest === null ? registersOf(claims) : {},
      ...(guest === null ? {} : { guest }),
      simulatedRoots: roots,
      ...names(),
    },
    line,
    {
      provenance: 'trust-on-first-use',
      ids: line.flag('pin-hardware') ? hardwareOfClaims(platform, claims) : {},
    },
  );
  const confirmed = await confirm(policy);
  if (confirmed.verdict.verdict !== 'trusted')
    throw confirmed.failure ?? unexplained(confirmed.verdict.verdict);
  return policy;
}

const unexplained = (word: string): AssayError =>
  new AssayError('INTERNAL', `verdict ${word} without a reason`);

/** Only its simulated roots count: they decide what is genuine. */
function probe(roots: TrustFacts['simulatedRoots']): TrustPolicy {
  const named = roots.flatMap(({ name, spkiSha256 }) =>
    (['nitro', 'tdx', 'sgx', 'snp'] as const).map((platform) => ({
      platform,
      spki_sha256: spkiSha256,
      name,
    })),
  );
  return readTrustPolicy({
    version: 1,
    service: 'any',
    hardware: { ids: 'any' },
    platforms: { nitro: { pcrs: 'any', debug: 'allow' } },
    freshness: { max_age_seconds: 'any', nonce: 'any' },
    revocation: 'required',
    simulated: named.length === 0 ? 'reject' : { roots: named },
    witnesses: 'none',
  });
}

function relaxed(policy: TrustPolicy): TrustPolicy {
  const freshness = { max_age_seconds: 'any', nonce: 'any' };
  return readTrustPolicy({ ...(policy as unknown as JsonObject), service: 'any', freshness });
}

/** Kernel and all, and its signer when it has one. */
function registersOf({ pcrs }: JsonObject): TrustFacts['pcrs'] {
  const values = isObject(pcrs) ? pcrs : {};
  return Object.fromEntries(
    ['0', '1', '2', '8'].flatMap((index) => {
      const value = values[index];
      if (typeof value !== 'string' || (index === '8' && /^0+$/.test(value))) return [];
      // A debug enclave shows zeroes, and a policy that expects those could not tell any two images apart.
      if (/^0+$/.test(value)) fail('NITRO_DEBUG_MODE', `PCR${index} is zero`);
      return [[index, [value]] as const];
    }),
  );
}

function collateralOf(line: CommandLine): Collateral {
  const { collateral, other } = readCollateralPaths(line.texts('collateral'));
  if (other !== null) fail('USAGE', 'assay trust init: --collateral: nothing of a vendor is in the file');
  return collateral;
}
