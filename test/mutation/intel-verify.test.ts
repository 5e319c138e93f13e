/**
 * Mutated quotes, statements and revocation lists, verified whole: each is refused with a typed error, or says exactly
 * what its original said, and none takes long. `ASSAY_MUTATIONS` is how many of each, the seed is printed.
 */
import { describe, expect, it } from 'vitest';
import { AssayError } from '../../src/base/errors.ts';
import { type Collateral, readCollateral } from '../../src/collateral/index.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { intelClaimsJson } from '../../verifier/intel/claims.ts';
import { ProofCache } from '../../verifier/proof-cache.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { reassembled } from '../support/intel.ts';
import { fileOf, type Given, givenOf, recordedCase, verify } from '../support/intel-verify.ts';
import { madeIntel } from '../support/made-intel.ts';
import { derSpans, MUTATIONS, mutateAsync, type MutationOptions, SEED } from '../support/mutate.ts';
import { INTEL_TIME } from '../support/simulated-intel.ts';

const MOST_MS = 50;

if (CORPUS === null) missing('tdx', 9);

interface Subject {
  readonly name: string;
  readonly given: Given;
  /** Null for the quote itself. */
  readonly file: string | null;
  readonly options?: MutationOptions;
}

const TD = 'tdx_v4_b0c06f_phala';
const TD_15 = 'tdx_v5_90c06f_go';
const ENCLAVE = 'sgx_v3_00a067110000_phala';

function recorded(): readonly Subject[] {
  if (CORPUS === null) return [];
  const [td, newer, enclave] = [TD, TD_15, ENCLAVE].map((name) => givenOf(recordedCase(name))) as [
    Given,
    Given,
    Given,
  ];
  return [
    { name: 'TDX quote, version 4', given: td, file: null },
    { name: 'TDX quote, version 5', given: newer, file: null },
    { name: 'SGX quote', given: enclave, file: null },
    { name: 'TCB info of TDX', given: td, file: 'tcb_info.json' },
    { name: 'TCB info of SGX', given: enclave, file: 'tcb_info.json' },
    { name: 'QE identity', given: td, file: 'qe_identity.json' },
    { name: 'list of the PCK CA', given: td, file: 'pck_crl.der', options: { spans: derSpans } },
    { name: 'list of the root', given: td, file: 'root_ca_crl.der', options: { spans: derSpans } },
    { name: 'path of the signer', given: td, file: 'tcb_signing_chain.pem' },
  ];
}

/** The subject with other bytes in its place; all else was proven before. */
interface Bench {
  readonly original: Uint8Array;
  readonly said: string;
  /** Null when it is refused, else what it claims. */
  verified(bytes: Uint8Array): Promise<string | null>;
  /** The code of the refusal. */
  refusal(bytes: Uint8Array): Promise<string | null>;
}

async function bench({ given, file }: Subject, roots?: Parameters<typeof verify>[1]): Promise<Bench> {
  const cache = new ProofCache();
  const others = given.files.filter(({ name }) => file === null || !name.endsWith(file));
  const kept = readCollateral(others);
  const withBytes = (bytes: Uint8Array): Collateral => {
    const own = readCollateral([{ name: 'mutated', bytes }]);
    return { items: [...kept.items, ...own.items], ignored: own.ignored };
  };
  const run = async (bytes: Uint8Array): Promise<string> => {
    const how = { ...roots, cache };
    const verified =
      file === null
        ? await verify({ ...given, quote: bytes }, { ...how, collateral: kept })
        : await verify(given, { ...how, collateral: withBytes(bytes) });
    return JSON.stringify([intelClaimsJson(verified), verified.validFrom, verified.validUntil]);
  };
  const original = file === null ? given.quote : fileOf(given.files, file);
  const outcome = async (bytes: Uint8Array): Promise<readonly [string | null, string | null]> => {
    try {
      return [await quickly(() => run(bytes)), null];
    } catch (error) {
      if (!(error instanceof AssayError)) throw error;
      expect(error.code).not.toBe('INTERNAL');
      return [null, error.code];
    }
  };
  return {
    original,
    said: await run(original),
    verified: async (bytes) => (await outcome(bytes))[0],
    refusal: async (bytes) => (await outcome(bytes))[1],
  };
}

/** Runs twice more when it took long: once may be the machine's fault. */
async function quickly<T>(work: () => Promise<T>): Promise<T> {
  let took = 0;
  for (let i = 0; i < 3; i++) {
    const began = performance.now();
    try {
      const value = await work();
      took = performance.now() - began;
      if (took < MOST_MS) return value;
    } catch (error) {
      took = performance.now() - began;
      if (took < MOST_MS) throw error;
    }
  }
  throw new Error(`took ${took.toFixed(0)} ms, at most ${MOST_MS}`);
}

describe.each(recorded().map((subject) => [subject.name, subject] as const))('%s', (name, subject) => {
  it(`${MUTATIONS} mutations, seed ${SEED}`, async () => {
    const { original, said, verified } = await bench(subject);
    let [refused, unchanged] = [0, 0];
    await mutateAsync(
      name,
      [original],
      async ({ bytes }) => {
        const claims = await verified(bytes);
        if (claims === null) refused++;
        else {
          unchanged++;
          expect(claims).toBe(said);
        }
      },
      subject.options,
    );
    console.info(`${name}: refused ${refused}, unchanged ${unchanged}`);
    expect(refused).toBeGreaterThan(0);
  });

  it('is refused at every length short of its own', async () => {
    const { original, refusal, verified } = await bench(subject);
    const { file } = subject;
    const end = file === null ? reassembled(parseQuote(original)).length : original.length;
    // Every length costs a verification up to what is missing; of the longest it is one in five.
    const step = file === 'tcb_info.json' ? 5 : 1;
    for (let length = 0; length < end; length += step) {
      const code = await refusal(original.subarray(0, length));
      // What follows the certificate that is needed is not: the root is the quote's own.
      if (code === null && file === 'tcb_signing_chain.pem') continue;
      if (code === null) throw new Error(`${length} of ${end} bytes are taken`);
    }
    for (let length = end; length <= original.length; length++)
      expect(await verified(original.subarray(0, length))).not.toBe(null);
  });

  it('counts in every byte that is signed', async () => {
    const { original, verified } = await bench(subject);
    const [from, to] = signedPart(subject, original);
    const step = Math.max(1, Math.ceil((to - from) / 2_500));
    for (let at = from; at < to; at += step) {
      const flipped = original.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at & 7));
      if ((await verified(flipped)) !== null) throw new Error(`bit ${at & 7} of byte ${at} is not signed`);
    }
  });
});

/** From the first byte to the last that a signature covers, or is. */
function signedPart({ file }: Subject, original: Uint8Array): readonly [from: number, to: number] {
  if (file === null) return [0, quoteEnd(original)];
  if (!file.endsWith('.json')) return [0, file.endsWith('.pem') ? signerEnd(original) : original.length];
  const text = new TextDecoder().decode(original);
  // The signature's hexadecimal may be of either case, so bits of it can differ without a change.
  return [0, text.indexOf('"signature"')];
}

/** Up to the certificates, which have lines that end in more than one way. */
function quoteEnd(bytes: Uint8Array): number {
  const quote = parseQuote(bytes);
  const { certification } = quote;
  return reassembled(quote).length - (certification.kind === 'ppid' ? 0 : certification.raw.length);
}

/** The signer's certificate stands first, and the root behind it is the quote's own. */
function signerEnd(bytes: Uint8Array): number {
  const last = '-----END CERTIFICATE-----';
  return new TextDecoder().decode(bytes).indexOf(last) + last.length;
}

describe('a simulated platform', () => {
  it(`${MUTATIONS} mutations of the largest body, seed ${SEED}`, async () => {
    const made = await madeIntel();
    const given: Given = { quote: made.td({}, 4), files: made.files('tdx'), at: INTEL_TIME };
    const { original, said, verified } = await bench(
      { name: 'made', given, file: null },
      { roots: made.pins },
    );
    let refused = 0;
    await mutateAsync('made', [original], async ({ bytes }) => {
      const claims = await verified(bytes);
      if (claims === null) refused++;
      else expect(claims).toBe(said);
    });
    expect(refused).toBeGreaterThan(0);
  });
});
