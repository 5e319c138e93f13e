/**
 * Nitro verifications on one core: cold (five P-384 signatures) and with warm authorities (two), each beside the
 * same signatures alone in the same run. Prints medians of rounds that take turns, so that a busy machine slows all.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import type { Crypto, VerifyKey } from '../../src/base/crypto.ts';
import { sigStructure } from '../../src/codec/cose.ts';
import { ecdsaDerToP1363, parseCertificate } from '../../src/codec/x509.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { ProofCache, NITRO_ROOTS, verifyNitro, webCrypto } from '../../verifier/index.ts';
import { CORPUS, corpusBytes, missing } from '../support/corpus.ts';
import { makeDocument, makePki, PKI_TIME } from '../support/nitro-pki.ts';

const ROUNDS = Number(process.env['ASSAY_BENCH_ROUNDS'] ?? 25);
const EACH = 8;

interface Subject {
  readonly bytes: Uint8Array;
  readonly at: number;
  readonly roots: typeof NITRO_ROOTS;
}

/** A genuine document if there is one: its certificates are a little larger than ours. */
async function subject(): Promise<Subject> {
  if (CORPUS !== null) {
    const bytes = corpusBytes('nitro', 'docs/turnkey-2025-09-16-a.cbor');
    return { bytes, at: Date.parse('2025-09-16T21:25:49Z'), roots: NITRO_ROOTS };
  }
  missing('nitro (bench)', 1);
  const pki = await makePki();
  return {
    bytes: makeDocument(pki),
    at: PKI_TIME,
    roots: [
      {
        ...pki.pin,
        validity: { notBefore: PKI_TIME - 1000 * 86_400_000, notAfter: PKI_TIME + 9000 * 86_400_000 },
      },
    ],
  };
}

type Signature = readonly [key: VerifyKey, message: Uint8Array, signature: Uint8Array];

/** The signatures of a document with everything prepared that is not the signature itself. */
async function signatures({ bytes }: Subject, crypto: Crypto): Promise<readonly Signature[]> {
  const document = parseNitro(bytes);
  const chain = [...document.cabundle, document.certificate].map((der) => parseCertificate(der));
  const keys = await Promise.all(chain.map(({ spki }) => crypto.importKey('ES384', spki.raw)));
  const certificates = chain
    .slice(1)
    .map(({ tbs, signature }, i): Signature => [keys[i] as VerifyKey, tbs, ecdsaDerToP1363(signature, 48)]);
  return [
    ...certificates,
    [keys.at(-1) as VerifyKey, sigStructure(document.sign1), document.sign1.signature],
  ];
}

async function main(): Promise<void> {
  const from = await subject();
  const { bytes, at, roots } = from;
  const cache = new ProofCache();
  const node = await signatures(from, nodeCrypto);
  const web = await signatures(from, webCrypto);
  const all = async (list: readonly Signature[]): Promise<void> => {
    for (const [key, message, signature] of list) await key.verify(message, signature);
  };
  const cases: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['raw5', () => all(node)],
    ['cold', () => verifyNitro(parseNitro(bytes), { at, roots, crypto: nodeCrypto })],
    ['raw2', () => all(node.slice(-2))],
    ['warm', () => verifyNitro(parseNitro(bytes), { at, roots, crypto: nodeCrypto, cache })],
    ['web5', () => all(web)],
    ['webCold', () => verifyNitro(parseNitro(bytes), { at, roots, crypto: webCrypto })],
    ['parse', async () => parseNitro(bytes)],
  ];
  const times = new Map(cases.map(([name]) => [name, [] as number[]]));
  for (let round = -3; round < ROUNDS; round++)
    for (const [name, run] of cases) {
      const start = process.hrtime.bigint();
      for (let i = 0; i < EACH; i++) await run();
      if (round >= 0) times.get(name)?.push(Number(process.hrtime.bigint() - start) / 1e6 / EACH);
    }
  const median = (name: string): number => {
    const sorted = (times.get(name) as number[]).toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1] as number;
  };
  const line = (label: string, name: string, raw: string): string =>
    `${label.padEnd(44)} ${(1000 / median(name)).toFixed(0).padStart(6)}/s  ${median(name).toFixed(3)} ms  ${(median(raw) / median(name)).toFixed(2)} of raw (${(1000 / median(raw)).toFixed(0)}/s)`;
  console.log(
    `nitro: medians of ${ROUNDS} rounds, one core, ${bytes.length}-byte document, Node ${process.version}`,
  );
  console.log(line('  cold, node:crypto (aim 0.70)', 'cold', 'raw5'));
  console.log(line('  warm authorities, node:crypto (aim 0.75)', 'warm', 'raw2'));
  console.log(line('  cold, WebCrypto', 'webCold', 'web5'));
  console.log(`  parse alone${' '.repeat(33)} ${(1000 / median('parse')).toFixed(0).padStart(6)}/s`);
}

await main();
