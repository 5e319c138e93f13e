/**
 * Verifications of SEV-SNP reports on one core: cold (report, VCEK, ASK and ARK from bytes: two RSA-PSS signatures, one
 * of P-384, three keys) and warm (certificates known: the report's signature alone), each beside the same keys and
 * signatures alone in the same run. Medians of rounds that take turns.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { createAmdVendor, parseAmdFaults } from '../../host/simulator/amd/index.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import { type CollateralFile, readCollateral } from '../../src/collateral/index.ts';
import { isSnpEndorsement, parseSnpReport } from '../../src/evidence/snp/index.ts';
import { ProofCache, SNP_ROOTS, verifySnp, webCrypto } from '../../verifier/index.ts';
import { type RootPin, simulatedRoot } from '../../verifier/roots.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { recordedFiles, recordedOf } from '../support/snp.ts';
import { Counting, line, raw, ROUNDS, type Signed, takeTurns, through, type Work } from './rounds.ts';

interface Subject {
  readonly report: Uint8Array;
  readonly files: readonly CollateralFile[];
  readonly at: number;
  readonly roots: readonly RootPin[];
}

const SAMPLE = 'v3-milan-caci';

/** A genuine report with what AMD's key service has for it, if there is one. */
async function subject(): Promise<Subject> {
  if (CORPUS !== null) {
    const { bytes, at } = recordedOf(SAMPLE);
    const files = recordedFiles(`${SAMPLE}/vcek.pem`, 'roots/milan-ask.der', 'roots/milan-ark.der');
    return { report: bytes, files, at, roots: SNP_ROOTS };
  }
  missing('snp (bench)', 1);
  const at = Date.UTC(2026, 10, 20);
  const derive = deriveFrom(new Uint8Array(32).fill(1));
  const vendor = await createAmdVendor({
    derive,
    now: () => at,
    faults: parseAmdFaults([]),
    product: 'Milan',
  });
  const report = vendor.launchGuest({ measurement: new Uint8Array(48) }).report(new Uint8Array(64).fill(1));
  const files = [...vendor.collateral('vcek')]
    .filter(([name]) => ['vcek.pem', 'ask.pem', 'ark.pem'].includes(name))
    .map(([name, bytes]) => ({ name, bytes }));
  return { report, files, at, roots: [simulatedRoot('snp', vendor.rootName, toHex(vendor.rootSpkiSha256))] };
}

/** Keys and signatures of one verification. A simulated root signs itself as well. */
function workOf({ report, files, roots }: Subject): { readonly cold: Work; readonly warm: Work } {
  const { signed: message, signature } = parseSnpReport(report);
  const certificates = readCollateral(files).items.flatMap((item) =>
    item.kind === 'certificate' ? [item.certificate] : [],
  );
  const issued = (by: Certificate, { tbs, signature: own }: Certificate): Signed => ({
    algorithm: 'PS384',
    by: by.spki.raw,
    message: tbs,
    signature: own,
    form: 'pss',
  });
  const named = (is: (name: string, one: Certificate) => boolean): Certificate =>
    certificates.find((one) => is(one.subject.commonName ?? '', one)) as Certificate;
  const vcek = named((_, one) => isSnpEndorsement(one));
  const ask = named((name) => name === vcek.issuer.commonName);
  const ark = named((name) => name === ask.issuer.commonName);
  const hardware: Signed = { algorithm: 'ES384', by: vcek.spki.raw, message, signature, form: 'p1363' };
  const self = roots.some(({ simulated }) => simulated) ? [issued(ark, ark)] : [];
  return {
    cold: {
      imports: [ark, ask, vcek].map(({ spki }) => spki.raw),
      signatures: [...self, issued(ark, ask), issued(ask, vcek), hardware],
    },
    warm: { imports: [], signatures: [hardware] },
  };
}

async function main(): Promise<void> {
  const from = await subject();
  const { cold, warm } = workOf(from);
  const collateral = readCollateral(from.files);
  const verify = (crypto: Crypto, given: Partial<Parameters<typeof verifySnp>[1]> = {}): Promise<unknown> =>
    verifySnp(parseSnpReport(from.report), {
      at: from.at,
      roots: from.roots,
      crypto,
      collateral: given.collateral ?? readCollateral(from.files),
      ...given,
    });
  const counting = new Counting(nodeCrypto);
  await counting.demand(cold, () => verify(counting.crypto));
  const known = { collateral, cache: new ProofCache() };
  await verify(counting.crypto, known);
  await counting.demand(warm, () => verify(counting.crypto, known));
  const [nodeKnown, webKnown] = [new ProofCache(), new ProofCache()].map((cache) => ({ collateral, cache }));
  const [rawCold, rawWarm] = [raw(cold), raw(warm)];
  const median = await takeTurns({
    'raw cold': rawCold.plain,
    'quick cold': rawCold.quick,
    cold: () => verify(nodeCrypto),
    'raw warm': rawWarm.plain,
    'quick warm': rawWarm.quick,
    warm: () => verify(nodeCrypto, nodeKnown),
    'web raw cold': through(webCrypto, cold),
    'web cold': () => verify(webCrypto),
    'web raw warm': through(webCrypto, warm),
    'web warm': () => verify(webCrypto, webKnown),
    read: async () => [parseSnpReport(from.report), readCollateral(from.files)],
  });
  console.log(`snp: medians of ${ROUNDS} rounds, one core, a report of Milan, Node ${process.version}`);
  const [quickest, web] = ['raw at its quickest', 'WebCrypto alone'];
  console.log(line(median, 'cold (aim 650/s)', 'cold', ['raw cold', 'raw'], ['quick cold', quickest]));
  console.log(line(median, 'warm (aim 1,400/s)', 'warm', ['raw warm', 'raw'], ['quick warm', quickest]));
  console.log(line(median, 'cold, WebCrypto', 'web cold', ['web raw cold', web]));
  console.log(line(median, 'warm, WebCrypto', 'web warm', ['web raw warm', web]));
  console.log(
    line(median, `DER and PEM: ${((100 * median('read')) / median('cold')).toFixed(0)} % of cold`, 'read'),
  );
}

await main();
