/**
 * Mutated attestation documents, recorded and made: each is refused with a typed error, or says exactly what its
 * original said. `ASSAY_MUTATIONS` is how many, the seed is printed.
 */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { AssayError } from '../../src/base/errors.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import {
  ProofCache,
  NITRO_ROOTS,
  type NitroClaims,
  type RootPin,
  verifyNitro,
} from '../../verifier/index.ts';
import { corpusBytes, manifest } from '../support/corpus.ts';
import { MUTATIONS, mutations, SEED } from '../support/mutate.ts';
import { makeDocument, makePki, PKI_TIME } from '../support/nitro-pki.ts';

interface Sample {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly at: number;
}

async function samples(): Promise<{ samples: readonly Sample[]; roots: readonly RootPin[] }> {
  const pki = await makePki();
  const recorded = manifest('nitro')
    .filter(({ outcome }) => outcome === 'authentic')
    .map((entry) => ({
      name: entry.file,
      bytes: corpusBytes('nitro', entry.file),
      at: Date.parse(entry.verify_at as string),
    }));
  const made = { name: 'made', bytes: makeDocument(pki, { nonce: new Uint8Array(32) }), at: PKI_TIME };
  return { samples: [made, ...recorded], roots: [...NITRO_ROOTS, pki.pin] };
}

describe('mutated documents', () => {
  it(`${MUTATIONS} mutations, seed ${SEED}`, async () => {
    const { samples: all, roots } = await samples();
    const cache = new ProofCache();
    const claimsOf = async (bytes: Uint8Array, at: number): Promise<NitroClaims> =>
      (await verifyNitro(parseNitro(bytes), { at, crypto: nodeCrypto, roots, cache })).claims;
    const share = Math.ceil(MUTATIONS / all.length);
    let accepted = 0;
    for (const [i, sample] of all.entries()) {
      const original = await claimsOf(sample.bytes, sample.at);
      for (const { bytes, how } of mutations([sample.bytes], { count: share, seed: SEED + i })) {
        try {
          const claims = await claimsOf(bytes, sample.at);
          accepted++;
          expect(claims, `${sample.name}: ${how}`).toEqual(original);
        } catch (error) {
          if (!(error instanceof AssayError))
            throw new Error(`${sample.name}: ${how}, seed ${SEED}`, { cause: error });
          expect(error.code, `${sample.name}: ${how}`).not.toBe('INTERNAL');
        }
      }
    }
    console.info(`nitro: ${share * all.length} mutations, seed ${SEED}, ${accepted} with unchanged claims`);
  });

  it('refuses every flipped bit of the payload and of the leaf', async () => {
    const pki = await makePki();
    const bytes = makeDocument(pki);
    const document = parseNitro(bytes);
    const from = document.sign1.offsets.payload;
    const cache = new ProofCache();
    const verify = (candidate: Uint8Array): Promise<unknown> =>
      Promise.resolve().then(() =>
        verifyNitro(parseNitro(candidate), { at: PKI_TIME, crypto: nodeCrypto, roots: [pki.pin], cache }),
      );
    await verify(bytes);
    // One bit of every byte here; `make fuzz` finds the others.
    for (let at = from; at < from + document.sign1.payload.length; at++) {
      const flipped = bytes.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at & 7));
      await expect(verify(flipped)).rejects.toBeInstanceOf(AssayError);
    }
  });
});
