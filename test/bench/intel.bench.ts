/**
 * Verifications of Intel quotes on one core: cold (all from bytes: quote, chain, five files of collateral; nine P-256
 * signatures, five keys) and warm (chain and collateral known, the attestation key new: two signatures, one key), each
 * beside the same keys and signatures alone in the same run. Medians of rounds that take turns.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { createIntelVendor, parseIntelFaults } from '../../host/simulator/intel/index.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { concat, equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import type { Crl } from '../../src/codec/x509-crl.ts';
import { type CollateralFile, readCollateral } from '../../src/collateral/index.ts';
import { isPck, parseQuote, readPck, type Tee } from '../../src/evidence/intel/index.ts';
import { INTEL_ROOTS, ProofCache, verifyIntel, webCrypto } from '../../verifier/index.ts';
import { type RootPin, simulatedRoot } from '../../verifier/roots.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { givenOf, recordedCase } from '../support/intel-verify.ts';
import { dcapQvl } from '../support/peers.ts';
import {
  Counting,
  line,
  raw,
  ROUNDS,
  type Run,
  type Signed,
  takeTurns,
  through,
  type Work,
} from './rounds.ts';

interface Subject {
  readonly quote: Uint8Array;
  readonly files: readonly CollateralFile[];
  readonly at: number;
  readonly roots: readonly RootPin[];
}

/** A genuine quote with what Intel served for it then, if there is one. */
async function subject(tee: Tee): Promise<Subject> {
  if (CORPUS !== null) {
    const name = tee === 'tdx' ? 'tdx_v5_90c06f_go' : 'sgx_v3_00a067110000_phala';
    return { ...givenOf(recordedCase(name)), roots: INTEL_ROOTS };
  }
  missing(`${tee} (bench)`, 1);
  const at = Date.UTC(2026, 10, 20);
  const derive = deriveFrom(new Uint8Array(32).fill(1));
  const vendor = await createIntelVendor({ derive, now: () => at, faults: parseIntelFaults([]) });
  const [data, code] = [new Uint8Array(64).fill(1), new Uint8Array(32).fill(2)];
  const quote =
    tee === 'tdx'
      ? vendor.launchTd({ mrtd: new Uint8Array(48) }).quote(data)
      : vendor.launchEnclave({ mrenclave: code, mrsigner: code, isvProdId: 1, isvSvn: 1 }).quote(data);
  const files = [...vendor.collateral(tee)]
    .filter(([name]) => name !== 'tcb_evaluation_numbers.json')
    .map(([name, bytes]) => ({ name, bytes }));
  return { quote, files, at, roots: [simulatedRoot(tee, vendor.rootName, toHex(vendor.rootSpkiSha256))] };
}

const P256_SPKI = fromHex('3059301306072a8648ce3d020106082a8648ce3d03010703420004');

/** Keys and signatures of one verification. A simulated root signs itself as well. */
function workOf({ quote: bytes, files, roots }: Subject): { readonly cold: Work; readonly warm: Work } {
  const quote = parseQuote(bytes);
  if (quote.certification.kind === 'ppid') throw new Error('the quote has no chain');
  const { items } = readCollateral(files);
  const own = quote.certification.certificates.map((der) => parseCertificate(der));
  const issuerOf = (name: Certificate['issuer'], among: readonly Certificate[]): Certificate => {
    const found = among.find(({ subject: { raw: other } }) => equalBytes(other, name.raw));
    return found ?? certificateOf(() => false);
  };
  const certificateOf = (is: (one: Certificate) => boolean): Certificate => {
    const found = [
      ...own,
      ...items.flatMap((item) => (item.kind === 'certificate' ? item.certificate : [])),
    ].find(is);
    if (found === undefined) throw new Error('a certificate is missing');
    return found;
  };
  const pck = certificateOf(isPck);
  const authority = issuerOf(pck.issuer, own);
  const root = issuerOf(authority.issuer, own);
  const signer = certificateOf(({ subject: { commonName } }) => commonName?.endsWith('TCB Signing') === true);
  const by = ({ spki }: Certificate): Uint8Array => spki.raw;
  const attestationKey = concat(P256_SPKI, quote.attestationKey);
  const es256 = (
    key: Uint8Array,
    message: Uint8Array,
    signature: Uint8Array,
    form: 'der' | 'p1363',
  ): Signed => ({
    algorithm: 'ES256',
    by: key,
    message,
    signature,
    form,
  });
  const issued = (key: Uint8Array, { tbs, signature }: Certificate | Crl): Signed =>
    es256(key, tbs, signature, 'der');
  const hardware = [
    es256(by(pck), quote.qe.signed, quote.qe.signature, 'p1363'),
    es256(attestationKey, quote.signed, quote.signature, 'p1363'),
  ];
  const cold = [
    ...(roots.some(({ simulated }) => simulated) ? [issued(by(root), root)] : []),
    issued(by(root), authority),
    issued(by(authority), pck),
    ...hardware,
    issued(by(root), signer),
    ...items.flatMap((item) =>
      item.kind === 'crl' ? [issued(by(issuerOf(item.crl.issuer, own)), item.crl)] : [],
    ),
    ...items.flatMap((item) =>
      item.kind === 'tcb-info' || item.kind === 'qe-identity'
        ? [es256(by(signer), item.document.signed, item.document.signature, 'p1363')]
        : [],
    ),
  ];
  return {
    cold: { imports: [...[root, authority, pck, signer].map(by), attestationKey], signatures: cold },
    warm: { imports: [attestationKey], signatures: hardware },
  };
}

/** Everything that is read, and nothing that is judged: JSON, PEM and DER. */
async function read({ quote: bytes, files }: Subject): Promise<void> {
  const { certification } = parseQuote(bytes);
  if (certification.kind !== 'ppid')
    for (const der of certification.certificates) {
      const certificate = parseCertificate(der);
      if (isPck(certificate)) readPck(certificate);
    }
  readCollateral(files);
}

async function casesOf(tee: Tee, from: Subject): Promise<Readonly<Record<string, Run>>> {
  const { cold, warm } = workOf(from);
  const collateral = readCollateral(from.files);
  const verify = (crypto: Crypto, given: Partial<Parameters<typeof verifyIntel>[1]> = {}): Promise<unknown> =>
    verifyIntel(parseQuote(from.quote), {
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
  return {
    [`${tee} raw cold`]: rawCold.plain,
    [`${tee} quick cold`]: rawCold.quick,
    [`${tee} cold`]: () => verify(nodeCrypto),
    [`${tee} raw warm`]: rawWarm.plain,
    [`${tee} quick warm`]: rawWarm.quick,
    [`${tee} warm`]: () => verify(nodeCrypto, nodeKnown),
    [`${tee} web raw cold`]: through(webCrypto, cold),
    [`${tee} web cold`]: () => verify(webCrypto),
    [`${tee} web raw warm`]: through(webCrypto, warm),
    [`${tee} web warm`]: () => verify(webCrypto, webKnown),
    [`${tee} read`]: () => read(from),
  };
}

async function main(): Promise<void> {
  const subjects = { tdx: await subject('tdx'), sgx: await subject('sgx') };
  const qvl = await dcapQvl();
  const { quote, files, at } = subjects.tdx;
  const recorded = CORPUS !== null;
  const median = await takeTurns({
    ...(await casesOf('tdx', subjects.tdx)),
    ...(await casesOf('sgx', subjects.sgx)),
    ...(qvl === null || !recorded ? {} : { qvl: async () => qvl.verify(quote, files, at) }),
  });
  const bytes = files.reduce((sum, file) => sum + file.bytes.length, 0);
  console.log(
    `intel: medians of ${ROUNDS} rounds, one core, TDX quote of ${quote.length} bytes, collateral of ${bytes}, Node ${process.version}`,
  );
  for (const tee of ['tdx', 'sgx'] as const) {
    const of = (name: string, label: string, ...kinds: readonly string[]): void =>
      console.log(
        line(
          median,
          `${tee.toUpperCase()} ${label}`,
          `${tee} ${name}`,
          ...kinds.map((kind) => [`${tee} ${kind}`, called(kind)] as const),
        ),
      );
    const aims = tee === 'tdx' ? [' (aim 0.70)', ' (aim 0.75)'] : ['', ''];
    of('cold', `cold${aims[0]}`, 'raw cold', 'quick cold');
    of('warm', `warm${aims[1]}`, 'raw warm', 'quick warm');
    of('web cold', 'cold, WebCrypto', 'web raw cold');
    of('web warm', 'warm, WebCrypto', 'web raw warm');
    const share = (100 * median(`${tee} read`)) / median(`${tee} cold`);
    of('read', `JSON, PEM and DER: ${share.toFixed(0)} % of cold`);
  }
  if (!recorded) console.log('  @phala/dcap-qvl: knows no simulated root');
  else if (qvl === null) console.log('  @phala/dcap-qvl: not installed');
  else console.log(line(median, 'the same by @phala/dcap-qvl', 'qvl', ['tdx cold', 'TDX cold']));
}

const called = (kind: string): string =>
  kind.startsWith('quick') ? 'raw at its quickest' : kind.startsWith('web') ? 'WebCrypto alone' : 'raw';

await main();
