/**
 * Mutated SEV-SNP evidence, recorded and made: reports and the certificates and lists beside them. Each is refused
 * with a typed error, or says exactly what its original said. `ASSAY_MUTATIONS` is how many, the seed is printed.
 */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { AssayError } from '../../src/base/errors.ts';
import { type Collateral, readCollateral } from '../../src/collateral/index.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import { ProofCache, type RootPin, SNP_ROOTS, type SnpClaims, verifySnp } from '../../verifier/index.ts';
import { derSpans, MUTATIONS, mutations, SEED } from '../support/mutate.ts';
import { recorded, recordedFiles, recordedOf } from '../support/snp.ts';
import { AMD_TIME } from '../support/simulated-amd.ts';
import { collateralOf, made } from '../support/snp-made.ts';
import { CORPUS } from '../support/corpus.ts';

const OF_GENOA: ReadonlySet<string> = new Set(['ARK-Genoa', 'SEV-Genoa', 'SEV-VCEK', 'list']);
/** What may be another and harm nothing: of a pinned root the pin says all that matters; a list can be left out. */
const UNSIGNED: ReadonlySet<string> = new Set(['ARK-Genoa', 'list']);

interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly collateral: Collateral;
}

interface Samples {
  readonly all: readonly Sample[];
  readonly roots: readonly RootPin[];
}

async function samples(): Promise<Samples> {
  const one = await made();
  const real = recorded().flatMap(({ name, bytes, at, files, outcome }) =>
    outcome === 'authentic' ? [{ name, bytes, at, collateral: readCollateral(files) }] : [],
  );
  const own = { name: 'made', bytes: one.bytes, at: AMD_TIME, collateral: collateralOf(one) };
  return { all: [own, ...real], roots: [...SNP_ROOTS, one.root] };
}

/** One file for each piece, named by what it is. */
function filesOf({ items }: Collateral): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
  return items.map((item) => ({
    name: item.kind === 'certificate' ? (item.certificate.subject.commonName ?? '') : 'list',
    bytes: item.bytes,
  }));
}

async function claimsOf(
  bytes: Uint8Array,
  { at, collateral }: Omit<Sample, 'name' | 'bytes'>,
  roots: readonly RootPin[],
  cache?: ProofCache,
): Promise<SnpClaims> {
  const saved = cache === undefined ? {} : { cache };
  return (await verifySnp(parseSnpReport(bytes), { at, crypto: nodeCrypto, roots, collateral, ...saved }))
    .claims;
}

/** The claims, or null when the evidence was refused with a code that is not a defect of ours. */
async function outcome(how: string, claims: () => Promise<SnpClaims>): Promise<SnpClaims | null> {
  try {
    return await claims();
  } catch (error) {
    if (!(error instanceof AssayError)) throw new Error(`${how}, seed ${SEED}`, { cause: error });
    expect(error.code, how).not.toBe('INTERNAL');
    return null;
  }
}

describe('mutated evidence', () => {
  it(`${MUTATIONS} mutations of reports, seed ${SEED}`, async () => {
    const { all, roots } = await samples();
    const cache = new ProofCache();
    const share = Math.ceil(MUTATIONS / all.length);
    let accepted = 0;
    for (const [i, sample] of all.entries()) {
      const original = await claimsOf(sample.bytes, sample, roots, cache);
      for (const { bytes, how } of mutations([sample.bytes], { count: share, seed: SEED + i })) {
        const said = await outcome(`${sample.name}: ${how}`, () => claimsOf(bytes, sample, roots, cache));
        if (said === null) continue;
        accepted++;
        expect(said, `${sample.name}: ${how}`).toEqual(original);
        // A report has one form: what says the same is the same.
        expect(bytes, how).toEqual(sample.bytes);
      }
    }
    console.info(`snp: ${share * all.length} mutations, seed ${SEED}, ${accepted} with unchanged claims`);
  });

  it(`${MUTATIONS} mutations of certificates and lists, seed ${SEED}`, async () => {
    const one = await made();
    const sources = [{ name: 'made', bytes: one.bytes, at: AMD_TIME, files: filesOf(collateralOf(one)) }];
    if (CORPUS !== null) {
      const { bytes, at, files } = recordedOf('oak-genoa-oc');
      const used = filesOf(readCollateral([...files, ...recordedFiles('crl')])).filter(({ name }) =>
        OF_GENOA.has(name),
      );
      sources.push({ name: 'oak-genoa-oc', bytes, at, files: used });
    }
    const roots = [...SNP_ROOTS, one.root];
    const share = Math.ceil(MUTATIONS / sources.length / 4);
    let [accepted, refused] = [0, 0];
    for (const [s, { name, bytes, at, files }] of sources.entries()) {
      expect(files).toHaveLength(4);
      const original = await claimsOf(bytes, { at, collateral: readCollateral(files) }, roots);
      expect(original.revocation).not.toBeNull();
      for (const [i, file] of files.entries())
        for (const mutation of mutations([file.bytes], {
          count: share,
          seed: SEED + 4 * s + i,
          spans: derSpans,
        })) {
          const how = `${name}/${file.name}: ${mutation.how}`;
          const others = files.filter((other) => other !== file);
          const collateral = readCollateral([...others, { name: file.name, bytes: mutation.bytes }]);
          const said = await outcome(how, () => claimsOf(bytes, { at, collateral }, roots));
          if (said === null) {
            refused++;
            continue;
          }
          accepted++;
          if (!UNSIGNED.has(file.name)) expect(mutation.bytes, how).toEqual(file.bytes);
          // A list that is none any more, or of another issuer, says nothing; else it says what it said before.
          expect({ ...said, revocation: original.revocation }, how).toEqual(original);
          if (said.revocation !== null) expect(said.revocation, how).toEqual(original.revocation);
        }
    }
    console.info(`snp collateral: ${refused} refused, ${accepted} with unchanged claims, seed ${SEED}`);
    expect(refused).toBeGreaterThan(0);
  });

  it.runIf(CORPUS !== null).each(['v5-turin-caci', 'v3-milan-aws-vlek', 'v2-milan'])(
    'refuses %s with any byte of it another, and cut anywhere',
    async (name) => {
      const { bytes, at, files } = recordedOf(name);
      const given = { at, collateral: readCollateral(files) };
      const cache = new ProofCache();
      await claimsOf(bytes, given, SNP_ROOTS, cache);
      // Three of the 255 other values of every byte here; `make fuzz` finds the others.
      for (let place = 0; place < bytes.length; place++)
        for (const mask of [1 << (place & 7), 0x80 >> (place & 7) || 1, 0xff]) {
          const flipped = bytes.slice();
          flipped[place] = (flipped[place] as number) ^ mask;
          const how = `byte ${place} ^ ${mask}`;
          expect(await outcome(how, () => claimsOf(flipped, given, SNP_ROOTS, cache)), how).toBeNull();
        }
      for (let length = 0; length < bytes.length; length++) {
        const cut = bytes.subarray(0, length);
        const how = `cut to ${length}`;
        expect(await outcome(how, () => claimsOf(cut, given, SNP_ROOTS, cache)), how).toBeNull();
      }
    },
  );
});
