/** Simulated AMD machines: the healthy ones are trusted, and each named fault is found under its own code. */
import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { pssAlgorithm } from '../../host/simulator/amd/certificates.ts';
import { AMD_FAULTS, type AmdFault } from '../../host/simulator/amd/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { derBoolean, derNamedBits, derOid, derSequence } from '../../src/codec/der-write.ts';
import { OID, parseCertificate } from '../../src/codec/x509.ts';
import { parsePem } from '../../src/codec/pem.ts';
import {
  judgeEvidence,
  ProofCache,
  readTrustPolicy,
  simulatedRoot,
  SNP_ROOTS,
  verifySnp,
} from '../../verifier/index.ts';
import { parseSnpReport } from '../../src/evidence/snp/index.ts';
import { extension, SPKI } from '../support/certificates.ts';
import { AMD_TIME, MEASUREMENT, REPORT_DATA } from '../support/simulated-amd.ts';
import { collateralOf, type Made, made, type MadeOptions, remade, verifyMade } from '../support/snp-made.ts';
import { TRUST_JSON } from '../support/trust.ts';

const HEALTHY = {
  Milan: { bootloader: 4, tee: 0, snp: 27, microcode: 222 },
  Genoa: { bootloader: 10, tee: 0, snp: 27, microcode: 88 },
  Turin: { fmc: 1, bootloader: 1, tee: 1, snp: 4, microcode: 81 },
};

/** As strict as it gets with a simulated machine: only its root is named besides. */
function strict({ root }: Made, changes: JsonObject = {}) {
  return readTrustPolicy({
    ...TRUST_JSON,
    hardware: { ids: 'any' },
    platforms: {
      snp: {
        measurement: [toHex(MEASUREMENT)],
        debug: 'reject',
        vmpl: [0],
        tcb: { minimum: HEALTHY, provisional_firmware: 'reject' },
        milan_vcek: 'reject',
        id_key: 'any',
        host_data: ['00'.repeat(32)],
        smt: 'reject',
        products: ['Milan', 'Genoa', 'Turin'],
        ...changes,
      },
    },
    freshness: { max_age_seconds: 'any', nonce: 'any' },
    revocation: 'required',
    simulated: { roots: [{ platform: 'snp', name: root.name, spki_sha256: root.spkiSha256 }] },
  });
}

async function judged(one: Made, changes: JsonObject = {}) {
  const { verdict } = await judgeEvidence(one.bytes, {
    mode: 'archive',
    now: AMD_TIME,
    trust: strict(one, changes),
    crypto: nodeCrypto,
    collateral: collateralOf(one),
    platform: null,
    nonce: null,
  });
  return verdict;
}

/** What version 5 of the report says. */
const MITIGATED = { mitigations: { Milan: 'b', Genoa: 'b', Turin: '3f' } };

const CASES: readonly (readonly [MadeOptions, JsonObject])[] = [
  [{ product: 'Genoa', signer: 'vcek' }, MITIGATED],
  [{ product: 'Genoa', signer: 'vlek' }, MITIGATED],
  [{ product: 'Genoa', signer: 'vcek', version: 3 }, {}],
  [{ product: 'Turin', signer: 'vcek' }, MITIGATED],
  [{ product: 'Turin', signer: 'vlek' }, MITIGATED],
  [{ product: 'Milan', signer: 'vlek' }, MITIGATED],
  [
    { product: 'Milan', signer: 'vcek' },
    { milan_vcek: 'allow', ...MITIGATED },
  ],
  [
    { product: 'Milan', signer: 'vcek', version: 2 },
    { milan_vcek: 'allow', alias_check: 'any' },
  ],
];

describe('a healthy machine', () => {
  it.each(CASES)('%j is trusted', async (options, changes) => {
    const one = await made([], options);
    const verdict = await judged(one, changes);
    expect(verdict).toMatchObject({ verdict: 'trusted', code: null, simulated: true, unverified: [] });
    expect(verdict.claims['tcb_short']).toEqual([]);
    expect(verdict.claims['report_data']).toBe(toHex(REPORT_DATA));
    expect(verdict.claims['revocation']).toMatchObject({ crl_number: '0x4' });
    // The list ends before any of the certificates.
    const { chain } = await verifyMade(one);
    expect(Date.parse(verdict.valid_until as string)).toBeLessThan(chain.validUntil);
  });

  it('is nothing to those who did not name its root', async () => {
    const one = await made();
    const context = { at: AMD_TIME, crypto: nodeCrypto, collateral: collateralOf(one) };
    const report = parseSnpReport(one.bytes);
    await expect(verifySnp(report, { ...context, roots: SNP_ROOTS })).toRejectWith('CHAIN_ROOT_UNTRUSTED');
    const other = simulatedRoot('snp', one.root.name, '00'.repeat(32));
    await expect(verifySnp(report, { ...context, roots: [other] })).toRejectWith('CHAIN_ROOT_UNTRUSTED');
    const renamed = simulatedRoot('snp', 'ARK-Genoa', one.root.spkiSha256);
    await expect(verifySnp(report, { ...context, roots: [renamed] })).toRejectWith('CHAIN_ROOT_UNTRUSTED');
    // A genuine root speaks for its own product alone.
    const pinned = {
      ...one.root,
      validity: (await verifyMade(one)).chain.certificates[0],
      simulated: false,
    } as never;
    await verifySnp(report, { ...context, roots: [{ ...(pinned as object), partition: 'Genoa' } as never] });
    await expect(
      verifySnp(report, { ...context, roots: [{ ...(pinned as object), partition: 'Milan' } as never] }),
    ).toRejectWith('CHAIN_ROOT_UNTRUSTED');
  });
});

/** What a strict verdict says of each; null where the fault is none. */
const FOUND: Readonly<Record<AmdFault, Code | null>> = {
  debug: 'SNP_DEBUG_ALLOWED',
  'migration-agent': 'SNP_MIGRATION_AGENT',
  vmpl: 'SNP_VMPL_MISMATCH',
  smt: 'SNP_SMT_ENABLED',
  'alias-check-missing': 'SNP_ALIAS_CHECK_MISSING',
  'old-tcb': 'SNP_TCB_BELOW_MINIMUM',
  'tcb-mismatch': 'SNP_TCB_MISMATCH',
  'rolled-back-tcb': 'SNP_TCB_BELOW_MINIMUM',
  'provisional-firmware': 'SNP_FIRMWARE_PROVISIONAL',
  'wrong-hwid': 'SNP_HWID_MISMATCH',
  'masked-chip': 'SNP_CHIP_MASKED',
  unsigned: 'SNP_UNSIGNED',
  'wrong-binding': null,
  'revoked-ask': 'CERTIFICATE_REVOKED',
  'stale-crl': 'COLLATERAL_STALE',
  'tampered-crl': 'COLLATERAL_SIGNATURE_INVALID',
  'crl-by-ask': 'COLLATERAL_SIGNATURE_INVALID',
  'same-name-root': 'CHAIN_ROOT_UNTRUSTED',
  'swapped-roles': 'CHAIN_ROLE',
  'pss-salt': 'CHAIN_ALGORITHM',
  'expired-vcek': 'CHAIN_EXPIRED',
  'high-spl': null,
};
/** A VLEK has no HWID to be wrong, and its report may hide the chip. */
const VLEK: Partial<Record<AmdFault, null>> = { 'wrong-hwid': null, 'masked-chip': null };

describe('every fault', () => {
  it('is listed', () => {
    expect(Object.keys(FOUND).sort()).toEqual(Object.keys(AMD_FAULTS).sort());
  });

  it.each(Object.entries(FOUND) as [AmdFault, Code | null][])('%s: %s', async (fault, code) => {
    for (const [product, signer] of [
      ['Genoa', 'vcek'],
      ['Turin', 'vcek'],
      ['Genoa', 'vlek'],
    ] as const) {
      const one = await made([fault], { product, signer });
      // In place of AMD's names the root is not AMD's: naming it, as a careless user might, is another matter.
      const named = fault === 'same-name-root' ? { ...one, root: SNP_ROOTS[1] as Made['root'] } : one;
      const expected = signer === 'vlek' && fault in VLEK ? null : code;
      const verdict = await judged(named);
      expect(verdict.code, `${product} ${signer}`).toBe(expected);
      const word =
        expected === null ? 'trusted' : expected === 'COLLATERAL_STALE' ? 'undetermined' : 'rejected';
      expect(verdict.verdict).toBe(word);
    }
  });

  it('wrong-binding shows as other report data', async () => {
    const verdict = await judged(await made(['wrong-binding']));
    expect(verdict.claims['report_data']).not.toBe(toHex(REPORT_DATA));
  });

  it('is named by how far versions fall short', async () => {
    const verdict = await judged(await made(['rolled-back-tcb']));
    expect(verdict.claims['tcb_short']).toEqual([{ tcb: 'reported', part: 'microcode', has: 86, needs: 88 }]);
    const old = await judged(await made(['old-tcb']));
    const parts = ['bootloader', 'snp', 'microcode'];
    expect(old.claims['tcb_short']).toMatchObject(
      ['reported', 'launch'].flatMap((tcb) => parts.map((part) => ({ tcb, part }))),
    );
  });

  it('is found through a cache that knows the same chain', async () => {
    const cache = new ProofCache();
    for (const fault of [null, 'revoked-ask', 'crl-by-ask', 'swapped-roles', 'expired-vcek'] as const) {
      const one = await made(fault === null ? [] : [fault]);
      const context = {
        at: AMD_TIME,
        crypto: nodeCrypto,
        roots: [one.root],
        collateral: collateralOf(one),
        cache,
      };
      const report = parseSnpReport(one.bytes);
      if (fault === null) await verifySnp(report, context);
      else
        for (let i = 0; i < 2; i++)
          await expect(verifySnp(report, context)).toRejectWith(FOUND[fault] as Code);
    }
  });
});

const RSA_2048 = new Uint8Array(
  generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'der' }),
);
const P256 = new Uint8Array(
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' }),
);
const STRANGE = extension('1.3.6.1.4.1.99999.1', true, Uint8Array.of(5, 0));
const IS_CA = extension(OID.basicConstraints, true, derSequence(derBoolean(true)));
const SIGNS = extension(OID.keyUsage, true, derNamedBits(5));

type File = 'vcek.pem' | 'ask.pem' | 'ark.pem';
type Change = Parameters<typeof remade>[2];
const without =
  (oid: string): Change =>
  ({ extensions }) => ({
    extensions: extensions.filter((one) => !toHex(one).includes(toHex(derOid(oid)))),
  });
const adding =
  (...more: readonly Uint8Array[]): Change =>
  ({ extensions }) => ({ extensions: [...extensions, ...more] });
/** The identifier with one byte another. */
const parameters =
  (from: string, to: string): Change =>
  () => ({ algorithm: fromHex(toHex(pssAlgorithm('left out', 48)).replace(from, to)) });

const PATHS: readonly (readonly [string, File, Change, Code])[] = [
  ['a leaf that is an authority', 'vcek.pem', adding(IS_CA), 'CHAIN_LEAF_IS_CA'],
  ['a leaf that may sign certificates', 'vcek.pem', adding(SIGNS), 'CHAIN_KEY_USAGE'],
  ['an unknown critical extension in the leaf', 'vcek.pem', adding(STRANGE), 'CHAIN_EXTENSION_UNKNOWN'],
  ['an unknown critical extension in ASK', 'ask.pem', adding(STRANGE), 'CHAIN_EXTENSION_UNKNOWN'],
  ['an unknown critical extension in ARK', 'ark.pem', adding(STRANGE), 'CHAIN_EXTENSION_UNKNOWN'],
  ['an ASK that is no authority', 'ask.pem', without(OID.basicConstraints), 'CHAIN_NOT_CA'],
  ['an ASK without keyUsage', 'ask.pem', without(OID.keyUsage), 'CHAIN_KEY_USAGE'],
  ['an ARK that is no authority', 'ark.pem', without(OID.basicConstraints), 'CHAIN_NOT_CA'],
  ['a leaf with a P-256 key', 'vcek.pem', () => ({ spki: P256 }), 'CHAIN_ALGORITHM'],
  ['a leaf with an RSA key', 'vcek.pem', () => ({ spki: RSA_2048 }), 'CHAIN_ALGORITHM'],
  ['an ASK with a P-384 key', 'ask.pem', () => ({ spki: SPKI }), 'CHAIN_ALGORITHM'],
  ['an ASK with 2,048 bits', 'ask.pem', () => ({ spki: RSA_2048 }), 'KEY_INVALID'],
  // 03 02 01 30: a salt of 48.
  [
    'a leaf that says 49 bytes of salt',
    'vcek.pem',
    parameters('a203020130', 'a203020131'),
    'CHAIN_ALGORITHM',
  ],
  // The last arc of id-sha384 is 2, that of id-sha256 is 1.
  ['a leaf signed with SHA-256', 'vcek.pem', parameters('0304020205', '0304020105'), 'CHAIN_ALGORITHM'],
  [
    'a leaf signed with PKCS #1 v1.5',
    'vcek.pem',
    () => ({ algorithm: fromHex('300d06092a864886f70d01010c0500') }),
    'CHAIN_ALGORITHM',
  ],
  [
    'a leaf signed by PSS without parameters',
    'vcek.pem',
    () => ({ algorithm: derSequence(derOid(OID.rsassaPss)) }),
    'CHAIN_ALGORITHM',
  ],
  [
    'an ASK signed with 49 bytes of salt',
    'ask.pem',
    parameters('a203020130', 'a203020131'),
    'CHAIN_ALGORITHM',
  ],
  ['an issuer of another role', 'vcek.pem', ({ subject }) => ({ issuer: subject }), 'CHAIN_ROLE'],
];

describe('a path of AMD', () => {
  const pem = (one: Made, file: File): Uint8Array =>
    parsePem(new TextDecoder().decode(one.files.get(file)), 'CERTIFICATE')[0] as Uint8Array;

  it.each(['vcek.pem', 'ask.pem', 'ark.pem'] as const)('with %s written again is accepted', async (file) => {
    const one = await made();
    const again = remade(pem(one, file), { by: file === 'vcek.pem' ? 'ask' : 'ark' }, () => ({}));
    await verifyMade(one, { [file]: again });
  });

  it.each(PATHS)('is refused for %s', async (_, file, change, code) => {
    const one = await made();
    const again = remade(pem(one, file), { by: file === 'vcek.pem' ? 'ask' : 'ark' }, change);
    await expect(verifyMade(one, { [file]: again })).toRejectWith(code);
  });

  it('takes the trailer field spelled out and left out, in every place', async () => {
    const one = await made();
    for (const file of ['vcek.pem', 'ask.pem', 'ark.pem'] as const)
      for (const trailer of ['spelled', 'left out'] as const) {
        const by = file === 'vcek.pem' ? 'ask' : 'ark';
        const algorithm = pssAlgorithm(trailer, 48);
        await verifyMade(one, { [file]: remade(pem(one, file), { by }, () => ({ algorithm })) });
      }
    // A trailer of 2 is none that exists (RFC 8017 appendix A.2.3).
    const odd = fromHex(toHex(pssAlgorithm('spelled', 48)).replace(/a303020101$/, 'a303020102'));
    const again = remade(pem(one, 'vcek.pem'), { by: 'ask' }, () => ({ algorithm: odd }));
    await expect(verifyMade(one, { 'vcek.pem': again })).toRejectWith('CHAIN_ALGORITHM');
  });

  it('is refused when the salt is not as long as it says', async () => {
    const one = await made();
    for (const saltBytes of [0, 32, 47, 49, 64]) {
      const again = remade(pem(one, 'vcek.pem'), { by: 'ask', saltBytes }, () => ({}));
      await expect(verifyMade(one, { 'vcek.pem': again })).toRejectWith('CHAIN_SIGNATURE_INVALID');
    }
  });

  it('is refused when another authority of AMD signed', async () => {
    const one = await made();
    for (const signer of [{ by: 'asvk' }, { by: 'ark' }, { by: 'ask', product: 'Milan' }] as const) {
      const again = remade(pem(one, 'vcek.pem'), signer, () => ({}));
      await expect(verifyMade(one, { 'vcek.pem': again })).toRejectWith('CHAIN_SIGNATURE_INVALID');
    }
    const self = remade(pem(one, 'ask.pem'), { by: 'ask' }, () => ({}));
    await expect(verifyMade(one, { 'ask.pem': self })).toRejectWith('CHAIN_SIGNATURE_INVALID');
  });

  it('is refused when a report key of one product hangs below another', async () => {
    const [genoa, milan] = [await made(), await made([], { product: 'Milan' })];
    const issuer = parseCertificate(pem(milan, 'ask.pem')).subject.raw;
    const crossed = remade(pem(genoa, 'vcek.pem'), { by: 'ask', product: 'Milan' }, () => ({ issuer }));
    const files = { 'vcek.pem': crossed, 'milan.pem': milan.files.get('ask.pem') as Uint8Array };
    await expect(verifyMade(genoa, files)).toRejectWith('CHAIN_ROLE');
  });

  it('is refused when a root that the trust policy names has not signed itself', async () => {
    const one = await made();
    const bad = pem(one, 'ark.pem').slice();
    bad[bad.length - 1] = (bad[bad.length - 1] as number) ^ 1;
    await expect(verifyMade(one, { 'ark.pem': bad })).toRejectWith('CHAIN_SIGNATURE_INVALID');
  });
});
