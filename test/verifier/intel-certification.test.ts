/** What certifies a quote: the path of the PCK, the report of the quoting enclave, the attestation key. */
import { generateKeyPairSync } from 'node:crypto';
import { p256 } from '@noble/curves/nist.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { deriveKey } from '../../host/simulator/intel/keys.ts';
import {
  ENCLAVE_REPORT,
  type EnclaveField,
  TD_REPORTS,
  u16le,
  writeLayout,
} from '../../host/simulator/intel/layout.ts';
import { pckExtension, PCE_SVN } from '../../host/simulator/intel/pck.ts';
import type { Certified } from '../../host/simulator/intel/pki.ts';
import type { QuotingEnclave } from '../../host/simulator/intel/qe.ts';
import { createQuote } from '../../host/simulator/intel/quote.ts';
import { extension } from '../../host/simulator/intel/x509.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { type Certification, parseQuote, readPck } from '../../src/evidence/intel/index.ts';
import { nobleCrypto, webCrypto } from '../../verifier/webcrypto.ts';
import { collateralFiles } from '../support/collateral.ts';
import { CORPUS } from '../support/corpus.ts';
import { reassembled } from '../support/intel.ts';
import {
  type Given,
  givenOf,
  judge,
  recordedCase,
  recordedCases,
  verify,
  withFiles,
} from '../support/intel-verify.ts';
import {
  certifiedBy,
  type MadeIntel,
  madeIntel,
  pemChain,
  reissued,
  resigned,
} from '../support/made-intel.ts';
import { cutQuote, INTEL_TIME, readLayout } from '../support/simulated-intel.ts';

const SECOND = 1000;
const DAY = 86_400_000;

let made: MadeIntel;
let td: Given;
beforeAll(async () => {
  made = await madeIntel();
  td = { quote: made.td(), files: made.files('tdx'), at: INTEL_TIME };
});

async function codeOf(given: Given, crypto = nodeCrypto): Promise<Code | null> {
  try {
    await verify(given, { roots: made.pins, crypto });
    return null;
  } catch (error) {
    if (error instanceof AssayError) return error.code;
    throw error;
  }
}

/** Of a quote with these certificates, and collateral with those. */
const chained = (chain: readonly Certified[], more: readonly Certified[] = []): Given => ({
  ...td,
  quote: certifiedBy(td.quote, pemChain(...chain)),
  files: [...td.files, ...more.map((one, i) => ({ name: `more-${i}.der`, bytes: one.certificate }))],
});

describe('the path of the PCK', () => {
  it('may be given in any order, as PEM or DER', async () => {
    const { pck, pckCa, root } = made.pki;
    for (const order of [
      [pck, pckCa, root],
      [pck, root, pckCa],
      [pckCa, pck, root],
      [pckCa, root, pck],
      [root, pck, pckCa],
      [root, pckCa, pck],
    ]) {
      expect(await codeOf(chained(order))).toBe(null);
      const der = concat(...order.map(({ certificate }) => certificate));
      expect(await codeOf({ ...td, quote: certifiedBy(td.quote, der) })).toBe(null);
    }
  });

  it('may be left to the collateral, in part or but for the PCK', async () => {
    const { pck, pckCa, root, tcbSigner } = made.pki;
    // The files hold the root as it is, above the signer of statements.
    expect(await codeOf(chained([pck, pckCa]))).toBe(null);
    expect(await codeOf(chained([pck, root]))).toBe('COLLATERAL_MISSING');
    expect(await codeOf(chained([pck]))).toBe('COLLATERAL_MISSING');
    expect(await codeOf(chained([pck, root], [pckCa]))).toBe(null);
    expect(await codeOf(chained([pck], [pckCa]))).toBe(null);
    const bare = withFiles(td.files, { 'tcb_signing_chain.pem': pemChain(tcbSigner) });
    expect(await codeOf({ ...chained([pck, pckCa]), files: bare })).toBe('COLLATERAL_MISSING');
    await expect(verify({ ...chained([pck, pckCa]), files: bare }, { roots: made.pins })).rejects.toThrow(
      'the certificate of the Intel SGX Root CA is not at hand',
    );
  });

  it('takes of authorities that were issued again the one that holds now', async () => {
    const { pck, pckCa, root } = made.pki;
    const authority = { uses: [5, 6], pathLength: 0 };
    const ended = reissued(pckCa, root, {
      ...authority,
      notBefore: INTEL_TIME - 400 * DAY,
      notAfter: INTEL_TIME - DAY,
    });
    const future = reissued(pckCa, root, {
      ...authority,
      notBefore: INTEL_TIME + DAY,
      notAfter: INTEL_TIME + 400 * DAY,
    });
    for (const order of [
      [ended, pckCa, future],
      [future, pckCa, ended],
      [future, ended, pckCa],
    ])
      expect(await codeOf(chained([pck], order))).toBe(null);
    expect(await codeOf(chained([pck], [ended]))).toBe('CHAIN_EXPIRED');
    expect(await codeOf(chained([pck], [future, ended]))).toBe('CHAIN_NOT_YET_VALID');
  });

  it('holds nothing of strangers', async () => {
    const { pck, pckCa, root, tcbSigner } = made.pki;
    const other = (await madeIntel([], { seed: 2 })).pki;
    // A stranger in the third place does no harm: what is missing comes from the collateral.
    expect(await codeOf(chained([pck, pckCa, tcbSigner]))).toBe(null);
    expect(await codeOf(chained([pck, pckCa, other.root]))).toBe(null);
    // No fourth.
    expect(await codeOf(chained([pck, pckCa, root, tcbSigner]))).toBe('QUOTE_FIELD_INVALID');
    // An authority of the same name and another key.
    expect(await codeOf(chained([pck, other.pckCa, other.root]))).toBe('CHAIN_ROOT_UNTRUSTED');
    // Its own issuer is nobody that is at hand.
    expect(await codeOf(chained([pck, other.pckCa, root]))).toBe('COLLATERAL_MISSING');
    expect(
      await codeOf(chained([pck, reissued({ ...other.pckCa }, root, { uses: [5, 6], pathLength: 0 }), root])),
    ).toBe('CHAIN_SIGNATURE_INVALID');
    // The whole path of another vendor, whose PCK has not signed the quoting enclave.
    expect(await codeOf(chained([other.pck, other.pckCa, other.root]))).toBe('CHAIN_ROOT_UNTRUSTED');
    expect(await codeOf(chained([other.pck, pckCa, root]))).toBe('CHAIN_SIGNATURE_INVALID');
    // The PCK of another machine of the same vendor.
    expect(await codeOf(chained([sibling('b'), pckCa, root]))).toBe('QUOTE_QE_REPORT_INVALID');
  });

  it('is root, PCK CA and PCK, in these roles', async () => {
    const { pck, pckCa, root, tcbSigner } = made.pki;
    const leaf = (issuer: Certified, changes: Parameters<typeof reissued>[2] = {}): Certified =>
      reissued(pck, issuer, { more: [pckExtension(deriveFrom(new Uint8Array(32).fill(1)))], ...changes });
    const ca = (changes: Parameters<typeof reissued>[2]): Certified =>
      reissued(pckCa, root, { uses: [5, 6], pathLength: 0, ...changes });
    expect(await codeOf(chained([leaf(pckCa), pckCa, root]))).toBe(null);
    const strange = (critical: boolean): Uint8Array =>
      extension('1.3.6.1.4.1.99999.1', critical, Uint8Array.of(5, 0));
    const sgx = pckExtension(deriveFrom(new Uint8Array(32).fill(1)));
    const cases: readonly (readonly [string, readonly Certified[], Code])[] = [
      ['no extension of a PCK', [leaf(pckCa, { more: [] }), pckCa, root], 'PCK_INVALID'],
      ['a PCK of the root itself', [leaf(root), root], 'CHAIN_NAME_MISMATCH'],
      ['a PCK below a PCK', [leaf(pck), pck, pckCa], 'CHAIN_ROOT_UNTRUSTED'],
      ['a PCK below the signer of statements', [leaf(tcbSigner), tcbSigner, root], 'CHAIN_ROLE'],
      ['a PCK of another name', [{ ...leafNamed(tcbSigner.name) }, pckCa, root], 'CHAIN_ROLE'],
      [
        'a PCK that is an authority',
        [leaf(pckCa, { pathLength: 0, uses: [0, 5] }), pckCa, root],
        'CHAIN_LEAF_IS_CA',
      ],
      ['a PCK that may sign certificates', [leaf(pckCa, { uses: [0, 5] }), pckCa, root], 'CHAIN_KEY_USAGE'],
      ['a PCK that may sign lists', [leaf(pckCa, { uses: [0, 6] }), pckCa, root], 'CHAIN_KEY_USAGE'],
      ['a PCK that may not sign', [leaf(pckCa, { uses: [1] }), pckCa, root], 'CHAIN_KEY_USAGE'],
      [
        'a PCK that asks for more',
        [leaf(pckCa, { more: [strange(true), sgx] }), pckCa, root],
        'CHAIN_EXTENSION_UNKNOWN',
      ],
      ['a PCK that ended', [leaf(pckCa, { notAfter: INTEL_TIME - SECOND }), pckCa, root], 'CHAIN_EXPIRED'],
      [
        'a PCK that has not begun',
        [leaf(pckCa, { notBefore: INTEL_TIME + SECOND }), pckCa, root],
        'CHAIN_NOT_YET_VALID',
      ],
      ['a PCK with a key of another kind', [leaf384(), pckCa, root], 'CHAIN_ALGORITHM'],
      ['a CA that is none', [pck, ca({ pathLength: null }), root], 'CHAIN_NOT_CA'],
      ['a CA that may not certify', [pck, ca({ uses: [6] }), root], 'CHAIN_KEY_USAGE'],
      ['a CA that may not sign lists', [pck, ca({ uses: [5] }), root], 'CRL_ISSUER_MISMATCH'],
      ['a CA that ended', [pck, ca({ notAfter: INTEL_TIME - SECOND }), root], 'CHAIN_EXPIRED'],
      ['a CA that has not begun', [pck, ca({ notBefore: INTEL_TIME + SECOND }), root], 'CHAIN_NOT_YET_VALID'],
    ];
    for (const [what, chain, code] of cases)
      expect([what, await codeOf(chained(chain))]).toEqual([what, code]);

    function leaf384(): Certified {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
      const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
      return reissued({ ...pck, key: { ...pck.key, spki } }, pckCa, { more: [sgx] });
    }

    function leafNamed(name: Uint8Array): Certified {
      return reissued({ ...pck, name }, pckCa, { more: [sgx] });
    }
  });

  it.runIf(CORPUS !== null)('is found in recorded quotes whatever the order', async () => {
    for (const one of recordedCases()) {
      const given = givenOf(one);
      const { certification } = parseQuote(given.quote);
      if (certification.kind !== 'chain') throw new Error(one.name);
      const [a, b, c] = certification.certificates as [Uint8Array, Uint8Array, Uint8Array];
      const expected = (await judge(given)).verdict;
      for (const order of [
        [a, c, b],
        [b, a, c],
        [b, c, a],
        [c, a, b],
        [c, b, a],
        [a, b],
      ]) {
        const { verdict } = await judge({ ...given, quote: certifiedBy(given.quote, concat(...order)) });
        expect([one.name, verdict.verdict, verdict.claims]).toEqual([one.name, 'authentic', expected.claims]);
      }
      const { verdict } = await judge({ ...given, quote: certifiedBy(given.quote, a) });
      expect([one.name, verdict.code]).toEqual([one.name, 'COLLATERAL_MISSING']);
    }
  });

  it.runIf(CORPUS !== null)('is not the path of another recorded quote', async () => {
    const certificatesOf = (file: string): readonly Uint8Array[] => {
      const { certification } = parseQuote(givenOf(recordedCase(file)).quote);
      return certification.kind === 'ppid' ? [] : certification.certificates;
    };
    const given = givenOf(recordedCase('tdx_v4_b0c06f_phala'));
    const whole = concat(...certificatesOf('tdx_v4_b0c06f_tappd'));
    const { verdict } = await judge({ ...given, quote: certifiedBy(given.quote, whole) });
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'QUOTE_QE_REPORT_INVALID' });
    // Nor with an authority of the other kind.
    const [leaf, , root] = certificatesOf('tdx_v4_b0c06f_phala') as [Uint8Array, Uint8Array, Uint8Array];
    const [, processor] = certificatesOf('sgx_v3_00a067110000_phala') as [Uint8Array, Uint8Array];
    const mixed = concat(leaf, processor, root);
    const files = [...given.files, ...collateralFiles('tdx', 'collateral/phala-00a06711-2025-06')];
    const other = await judge({ ...given, files, quote: certifiedBy(given.quote, mixed) });
    expect(other.verdict.code).toBe('COLLATERAL_MISSING');
  });
});

/** Another machine of the same vendor, at the same versions. */
function sibling(name: string): Certified {
  const derive = deriveFrom(new Uint8Array(32).fill(name.charCodeAt(0)));
  const key = deriveKey(derive, 'pck');
  return reissued({ ...made.pki.pck, key, serial: Uint8Array.of(0x11, name.charCodeAt(0)) }, made.pki.pckCa, {
    more: [pckExtension(derive)],
  });
}

describe('quotes that name only their platform', () => {
  const platformOf = (one: Certified) => readPck(parseCertificate(one.certificate));
  const named = (
    type: 1 | 2 | 3,
    changes: Partial<Extract<Certification, { kind: 'ppid' }>> = {},
  ): Uint8Array => {
    const { cpuSvn, pceId, ppid } = platformOf(made.pki.pck);
    const shown = type === 1 ? ppid : new Uint8Array(type === 2 ? 256 : 384).fill(7);
    const certification = {
      kind: 'ppid',
      type,
      ppid: shown,
      cpuSvn,
      pceSvn: PCE_SVN,
      pceId,
      ...changes,
    } as const;
    return reassembled({ ...parseQuote(td.quote), certification });
  };
  const given = (quote: Uint8Array, ...certificates: readonly Certified[]): Given => ({
    ...td,
    quote,
    files: [...td.files, ...certificates.map((one, i) => ({ name: `pck-${i}.der`, bytes: one.certificate }))],
  });

  it.each([1, 2, 3] as const)('of type %i are certified by a PCK that is at hand', async (type) => {
    const { pck, pckCa } = made.pki;
    expect(await codeOf(given(named(type)))).toBe('QUOTE_PCK_MISSING');
    expect(await codeOf(given(named(type), pckCa))).toBe('QUOTE_PCK_MISSING');
    expect(await codeOf(given(named(type), pck))).toBe('COLLATERAL_MISSING');
    expect(await codeOf(given(named(type), pck, pckCa))).toBe(null);
    const changes = [
      { cpuSvn: new Uint8Array(16) },
      { pceSvn: PCE_SVN + 1 },
      { pceId: Uint8Array.of(1, 0) },
      ...(type === 1 ? [{ ppid: new Uint8Array(16) }] : []),
    ];
    for (const change of changes)
      expect(await codeOf(given(named(type, change), pck, pckCa))).toBe('QUOTE_PCK_MISSING');
  });

  it.each([1, 2, 3] as const)('of type %i find theirs among those of a fleet', async (type) => {
    const { pck, pckCa } = made.pki;
    const fleet = ['b', 'c', 'd'].map(sibling);
    const broken = reissued(pck, pckCa, {
      more: [extension('1.2.840.113741.1.13.1', false, Uint8Array.of(5, 0))],
    });
    expect(await codeOf(given(named(type), ...fleet, pckCa, pck))).toBe(null);
    expect(await codeOf(given(named(type), broken, pckCa, pck))).toBe(null);
    // Where only those of others are at hand, nobody vouches for the quoting enclave.
    const others = await codeOf(given(named(type), ...fleet, pckCa));
    expect(others).toBe(type === 1 ? 'QUOTE_PCK_MISSING' : 'QUOTE_QE_REPORT_INVALID');
    expect(await codeOf(given(named(2), fleet[0] as Certified, pckCa))).toBe('QUOTE_QE_REPORT_INVALID');
  });
});

/** The quoting enclave's report changed and signed anew by the PCK, and whatever else is given. */
function withEnclave(
  changes: Partial<Record<EnclaveField, Uint8Array>>,
  more: Partial<QuotingEnclave> = {},
): Uint8Array {
  const qe = made.quotingEnclaves.tdx;
  const report = writeLayout(ENCLAVE_REPORT, { ...readLayout(ENCLAVE_REPORT, qe.report), ...changes });
  const body = writeLayout(TD_REPORTS[2], readLayout(TD_REPORTS[2], cutQuote(td.quote).body));
  const { pck, pckCa, root } = made.pki;
  return createQuote({
    version: 4,
    bodyType: 2,
    body,
    tee: 'tdx',
    qe: { ...qe, report, signature: pck.key.sign(report), ...more },
    pckChain: [pck, pckCa, root],
  });
}

describe('the quoting enclave', () => {
  const given = (quote: Uint8Array): Given => ({ ...td, quote });
  const reportData = (): Uint8Array =>
    readLayout(ENCLAVE_REPORT, made.quotingEnclaves.tdx.report).reportData as Uint8Array;

  it('is the one of the identity', async () => {
    expect(await codeOf(given(withEnclave({})))).toBe(null);
    const attributes = (hex: string) => ({ attributes: fromHex(hex) });
    for (const changes of [
      { mrsigner: new Uint8Array(32) },
      { miscSelect: Uint8Array.of(1, 0, 0, 0) },
      { miscSelect: Uint8Array.of(0, 0, 0, 1) },
      { isvProdId: u16le(1) },
      attributes('1700000000000000e700000000000000'),
      attributes('0500000000000000e700000000000000'),
      attributes('1500000000000001e700000000000000'),
    ])
      expect(await codeOf(given(withEnclave(changes)))).toBe('QUOTE_QE_MISMATCH');
    // XFRM and the 64-bit mode are outside of the mask.
    expect(await codeOf(given(withEnclave(attributes('1100000000000000ffff000000000000'))))).toBe(null);
  });

  it('is not debugged, whatever a mask leaves out', async () => {
    const identity = td.files.find(({ name }) => name === 'qe_identity.json')?.bytes as Uint8Array;
    const lax = resigned(
      identity,
      made.pki.tcbSigner.key,
      (inner) => (inner['attributesMask'] = '00'.repeat(16)),
    );
    const files = withFiles(td.files, { 'qe_identity.json': lax });
    const debug = withEnclave({ attributes: fromHex('1700000000000000e700000000000000') });
    expect(await codeOf({ ...td, files })).toBe(null);
    expect(await codeOf({ ...td, files, quote: debug })).toBe('QUOTE_QE_MISMATCH');
  });

  it('vouches for the attestation key, and for nothing beside it', async () => {
    const bound = reportData();
    const longer = bound.slice();
    longer[63] = 1;
    const other = deriveKey(deriveFrom(new Uint8Array(32).fill(9)), 'other');
    for (const quote of [
      withEnclave({ reportData: longer }),
      withEnclave({ reportData: new Uint8Array(64) }),
      withEnclave({}, { attestationKey: other }),
      withEnclave({}, { authData: new Uint8Array(0) }),
      withEnclave({}, { authData: new Uint8Array(33) }),
    ])
      expect(await codeOf(given(quote))).toBe('QUOTE_KEY_NOT_BOUND');
    // Authentication data may be absent, or long.
    for (const length of [0, 1, 4_000]) {
      const authData = new Uint8Array(length).fill(3);
      const { attestationKey } = made.quotingEnclaves.tdx;
      const digest = concat(nodeCrypto.sha256(attestationKey.point, authData), new Uint8Array(32));
      expect(await codeOf(given(withEnclave({ reportData: digest }, { authData })))).toBe(null);
    }
  });

  it('is signed by the PCK', async () => {
    const { report } = made.quotingEnclaves.tdx;
    for (const key of [
      made.pki.pckCa.key,
      made.pki.root.key,
      made.pki.tcbSigner.key,
      made.quotingEnclaves.tdx.attestationKey,
    ])
      expect(await codeOf(given(withEnclave({}, { signature: key.sign(report) })))).toBe(
        'QUOTE_QE_REPORT_INVALID',
      );
    expect(await codeOf(given(withEnclave({}, { signature: new Uint8Array(64) })))).toBe(
      'QUOTE_QE_REPORT_INVALID',
    );
  });

  it('of enclaves is another than that of TDs', async () => {
    const { pck, pckCa, root } = made.pki;
    const quote = createQuote({
      version: 4,
      bodyType: 2,
      body: cutQuote(td.quote).body,
      tee: 'tdx',
      qe: made.quotingEnclaves.sgx,
      pckChain: [pck, pckCa, root],
    });
    expect(await codeOf(given(quote))).toBe('QUOTE_QE_MISMATCH');
  });

  it.each([
    ['node', nodeCrypto],
    ['web', webCrypto],
    ['noble', nobleCrypto],
  ] as const)('has a key on the curve (%s)', async (_, crypto) => {
    const bind = (point: Uint8Array): Uint8Array => {
      const attestationKey = { ...made.quotingEnclaves.tdx.attestationKey, point };
      const digest = nodeCrypto.sha256(point, made.quotingEnclaves.tdx.authData);
      return withEnclave({ reportData: concat(digest, new Uint8Array(32)) }, { attestationKey });
    };
    const { point } = made.quotingEnclaves.tdx.attestationKey;
    expect(await codeOf(given(bind(point)), crypto)).toBe(null);
    const off = point.slice();
    off[63] = (off[63] as number) ^ 1;
    const field = fromHex('ffffffff00000001000000000000000000000000ffffffffffffffffffffffff');
    for (const bad of [off, new Uint8Array(64), concat(field, field), new Uint8Array(64).fill(0xff)])
      expect(await codeOf(given(bind(bad)), crypto)).toBe('KEY_INVALID');
    // The generator is a point whose private key is known to all: 1. The enclave vouches for it, so it counts.
    const generator = p256.Point.BASE.toBytes(false).slice(1);
    expect(await codeOf(given(bind(generator)), crypto)).toBe('QUOTE_SIGNATURE_INVALID');
  });
});

describe('forms of quotes', () => {
  it('are all judged alike', async () => {
    const { pck, pckCa, root } = made.pki;
    const shape = (version: 3 | 4 | 5, tee: 'tdx' | 'sgx', bodyType: 1 | 2 | 3 | 4): Uint8Array =>
      createQuote({
        version,
        bodyType,
        body: cutQuote(tee === 'sgx' ? made.enclave() : made.td({}, bodyType as 2 | 3 | 4)).body,
        tee,
        qe: made.quotingEnclaves[tee],
        pckChain: [pck, pckCa, root],
      });
    for (const [version, tee, type] of [
      [3, 'sgx', 1],
      [4, 'sgx', 1],
      [5, 'sgx', 1],
      [4, 'tdx', 2],
      [5, 'tdx', 2],
      [5, 'tdx', 3],
      [5, 'tdx', 4],
    ] as const) {
      const files = made.files(tee);
      const { claims } = await verify(
        { quote: shape(version, tee, type), files, at: INTEL_TIME },
        { roots: made.pins },
      );
      expect([claims.quote.version, claims.quote.tee, claims.status]).toEqual([version, tee, 'UpToDate']);
      expect(claims.current === null).toBe(tee === 'sgx' || type < 3);
    }
    // A body of the one with the quoting enclave of the other.
    const crossed = createQuote({
      version: 4,
      bodyType: 1,
      body: cutQuote(made.enclave()).body,
      tee: 'sgx',
      qe: made.quotingEnclaves.tdx,
      pckChain: [pck, pckCa, root],
    });
    expect(await codeOf({ quote: crossed, files: made.files('sgx'), at: INTEL_TIME })).toBe(
      'QUOTE_QE_MISMATCH',
    );
  });

  it('differ in every byte that is signed', async () => {
    const other = utf8('assay');
    const quote = made.td({ mrconfigid: concat(other, new Uint8Array(43)) });
    const { claims } = await verify({ ...td, quote }, { roots: made.pins });
    expect(claims.quote.body).not.toEqual(parseQuote(td.quote).body);
    const signedBy = parseQuote(quote);
    const swapped = reassembled({ ...signedBy, signature: parseQuote(td.quote).signature });
    expect(await codeOf({ ...td, quote: swapped })).toBe('QUOTE_SIGNATURE_INVALID');
  });
});
