/** Collateral that is forged, old, of somebody else, or there more than once; each by a simulated vendor's own keys. */
import { beforeAll, describe, expect, it } from 'vitest';
import { extension } from '../../host/simulator/intel/x509.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { derBitString, derSequence, ecdsaP1363ToDer } from '../../src/codec/der-write.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseCrl } from '../../src/codec/x509-crl.ts';
import { readCollateral } from '../../src/collateral/index.ts';
import { PCK_CHAIN } from '../../verifier/intel/profiles.ts';
import { ProofCache } from '../../verifier/proof-cache.ts';
import { verifyCrl } from '../../verifier/revocation.ts';
import { type Given, intelTrust, judge, verify, withFiles } from '../support/intel-verify.ts';
import {
  list,
  type MadeIntel,
  madeIntel,
  pemChain,
  reissued,
  resigned,
  type Statement,
} from '../support/made-intel.ts';
import { INTEL_TIME } from '../support/simulated-intel.ts';

const SECOND = 1000;
const DAY = 86_400_000;
/** Statements and lists count in whole seconds. */
const NOW = INTEL_TIME - (INTEL_TIME % SECOND);
const time = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;

let made: MadeIntel;
let td: Given;
let enclave: Given;
beforeAll(async () => {
  made = await madeIntel();
  td = { quote: made.td(), files: made.files('tdx'), at: NOW };
  enclave = { quote: made.enclave(), files: made.files('sgx'), at: NOW };
});

type Files = Readonly<Record<string, Uint8Array | null>>;
const bytesOf = (given: Given, name: string): Uint8Array =>
  given.files.find((one) => one.name === name)?.bytes as Uint8Array;
const given = (changes: Files, base: Given = td): Given => ({
  ...base,
  files: withFiles(base.files, changes),
});

async function codeOf(one: Given): Promise<Code | null> {
  try {
    await verify(one, { roots: made.pins });
    return null;
  } catch (error) {
    if (error instanceof AssayError) return error.code;
    throw error;
  }
}
const codes = (changes: Files, base: Given = td): Promise<Code | null> => codeOf(given(changes, base));
const messageOf = async (one: Given): Promise<string> =>
  verify(one, { roots: made.pins }).then(
    () => '',
    (error: Error) => error.message,
  );

const tcbInfo = (change: (inner: Statement) => void, base: Given = td): Uint8Array =>
  resigned(bytesOf(base, 'tcb_info.json'), made.pki.tcbSigner.key, change);
const qeIdentity = (change: (inner: Statement) => void, base: Given = td): Uint8Array =>
  resigned(bytesOf(base, 'qe_identity.json'), made.pki.tcbSigner.key, change);

describe('what is missing', () => {
  const MISSING: readonly (readonly [string, string])[] = [
    ['tcb_info.json', 'TDX TCB info for FMSPC 999999000000'],
    ['qe_identity.json', 'the identity of the TD_QE'],
    ['pck_crl.der', 'the list of Intel SGX PCK Platform CA'],
    ['root_ca_crl.der', 'the list of Assay Simulated SGX Root CA'],
    ['tcb_signing_chain.pem', 'the certificate of Intel SGX TCB Signing'],
  ];

  it.each(MISSING)('names %s', async (name, words) => {
    expect(await codes({ [name]: null })).toBe('COLLATERAL_MISSING');
    const message = await messageOf(given({ [name]: null }));
    for (const [other, text] of MISSING)
      expect([text, message.includes(text)]).toEqual([text, other === name]);
    expect(message).toContain(words);
  });

  it('names all of it at once', async () => {
    const message = await messageOf({ ...td, files: [] });
    for (const [, words] of MISSING) expect(message).toContain(words);
    const { verdict } = await judge({ ...td, files: [] });
    // Before that, whether the quote is genuine at all.
    expect(verdict.code).toBe('CHAIN_ROOT_UNTRUSTED');
  });

  it('names what looked like it and cannot be read', async () => {
    const broken = given({ 'tcb_info.json': new TextEncoder().encode('{"tcbInfo":{},"signature":"00"}') });
    expect(await messageOf(broken)).toMatch(
      /TCB info.* is not at hand; tcb_info\.json is not readable \(COLLATERAL_INVALID\)/,
    );
  });

  it('names a list that cannot be read', async () => {
    // A reason that RFC 5280 section 5.3.1 leaves unused.
    const hex = toHex(bytesOf(td, 'pck_crl.der')).replace('0a0101', '0a0107');
    const message = await messageOf(given({ 'pck_crl.der': fromHex(hex) }));
    expect(message).toMatch(/the list of .* is not at hand; pck_crl\.der is not readable \(CRL_INVALID\)/);
  });

  it('is not made up by what is of another platform, module, enclave or kind', async () => {
    for (const id of ['QE', 'QVE', 'QAE'])
      expect(await codes({ 'qe_identity.json': qeIdentity((inner) => (inner['id'] = id)) })).toBe(
        'COLLATERAL_MISSING',
      );
    expect(await codes({ 'tcb_info.json': bytesOf(enclave, 'tcb_info.json') })).toBe('COLLATERAL_MISSING');
    expect(await codes({ 'tcb_info.json': bytesOf(td, 'tcb_info.json') }, enclave)).toBe(
      'COLLATERAL_MISSING',
    );
    expect(await codes({ 'tcb_info.json': tcbInfo((inner) => (inner['fmspc'] = '999999000001')) })).toBe(
      'COLLATERAL_MISSING',
    );
    expect(await codes({ 'tcb_info.json': bytesOf(td, 'tcb_evaluation_numbers.json') })).toBe(
      'COLLATERAL_MISSING',
    );
  });
});

describe('statements', () => {
  it('are of the very platform', async () => {
    const upper = tcbInfo((inner) => (inner['fmspc'] = '999999000000'.toUpperCase()));
    expect(await codes({ 'tcb_info.json': upper })).toBe(null);
    const other = tcbInfo((inner) => (inner['pceId'] = '0001'));
    expect(await codes({ 'tcb_info.json': other })).toBe('COLLATERAL_MISMATCH');
  });

  it.each(['tcb_info.json', 'qe_identity.json'])(
    '%s holds from its first second to its last',
    async (name) => {
      const of = (from: number, until: number): Uint8Array =>
        resigned(bytesOf(td, name), made.pki.tcbSigner.key, (inner) => {
          inner['issueDate'] = time(from);
          inner['nextUpdate'] = time(until);
        });
      expect(await codes({ [name]: of(NOW, NOW) })).toBe(null);
      expect(await codes({ [name]: of(NOW - DAY, NOW - SECOND) })).toBe('COLLATERAL_STALE');
      expect(await codes({ [name]: of(NOW + SECOND, NOW + DAY) })).toBe('COLLATERAL_STALE');
      const late = given({ [name]: of(NOW - DAY, NOW) });
      expect(await codeOf({ ...late, at: NOW + 1 })).toBe('COLLATERAL_STALE');
      expect(await codeOf({ ...given({ [name]: of(NOW, NOW + DAY) }), at: NOW - 1 })).toBe(
        'COLLATERAL_STALE',
      );
    },
  );

  it('count when they are the newest that hold', async () => {
    const statusOf = async (changes: Files): Promise<string> =>
      (await verify(given(changes), { roots: made.pins })).claims.status;
    const of = (status: string, issued: number, ends: number): Uint8Array =>
      tcbInfo((inner) => {
        inner['issueDate'] = time(issued);
        inner['nextUpdate'] = time(ends);
        for (const level of inner['tcbLevels'] as Statement[]) level['tcbStatus'] = status;
      });
    const old = of('Revoked', NOW - 20 * DAY, NOW + DAY);
    const recent = of('OutOfDate', NOW - DAY, NOW + DAY);
    const future = of('SWHardeningNeeded', NOW + SECOND, NOW + 30 * DAY);
    const past = of('ConfigurationNeeded', NOW - 2 * SECOND, NOW - SECOND);
    const only = (...bodies: readonly Uint8Array[]): Files => ({
      'tcb_info.json': null,
      ...Object.fromEntries(bodies.map((body, i) => [`tcb_info_${i}.json`, body])),
    });
    for (const some of [
      [old, recent],
      [recent, old],
      [future, old, past, recent],
      [past, recent, future],
    ])
      expect(await statusOf(only(...some))).toBe('OutOfDate');
    expect(await statusOf(only(old, future, past))).toBe('Revoked');
    expect(await codes(only(past))).toBe('COLLATERAL_STALE');
    expect(await codes(only(future, past))).toBe('COLLATERAL_STALE');
  });

  it('fail when the newest is tampered with, though an older one is not', async () => {
    const newest = new TextDecoder().decode(tcbInfo((inner) => (inner['issueDate'] = time(NOW))));
    const tampered = new TextEncoder().encode(newest.replace('"OutOfDate"', '"UpToDate"'));
    expect(await codes({ 'newer.json': new TextEncoder().encode(newest) })).toBe(null);
    expect(await codes({ 'newer.json': tampered })).toBe('COLLATERAL_SIGNATURE_INVALID');
    const identity = new TextDecoder().decode(qeIdentity((inner) => (inner['issueDate'] = time(NOW))));
    const other = new TextEncoder().encode(identity.replace('"isvsvn":4', '"isvsvn":1'));
    expect(await codes({ 'newer.json': other })).toBe('COLLATERAL_SIGNATURE_INVALID');
  });

  it('of version 2 speak of enclaves alone', async () => {
    const versionTwo = (base: Given): Uint8Array =>
      tcbInfo((inner) => {
        inner['version'] = 2;
        delete inner['id'];
        delete inner['tdxModule'];
        delete inner['tdxModuleIdentities'];
        for (const level of inner['tcbLevels'] as Statement[]) {
          const { sgxtcbcomponents, pcesvn } = level['tcb'] as {
            sgxtcbcomponents: { svn: number }[];
            pcesvn: number;
          };
          const named = sgxtcbcomponents.map(({ svn }, i) => [
            `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`,
            svn,
          ]);
          level['tcb'] = { ...Object.fromEntries(named), pcesvn };
        }
      }, base);
    const { claims } = await verify(given({ 'tcb_info.json': versionTwo(enclave) }, enclave), {
      roots: made.pins,
    });
    const plain = (await verify(enclave, { roots: made.pins })).claims;
    expect(claims.tcbInfo.version).toBe(2);
    expect([claims.status, claims.launch.tcbDate]).toEqual([plain.status, plain.launch.tcbDate]);
    expect(await codes({ 'tcb_info.json': versionTwo(td) })).toBe('COLLATERAL_MISSING');
  });

  it('name the modules that may run', async () => {
    const without = tcbInfo((inner) => {
      inner['tdxModuleIdentities'] = (inner['tdxModuleIdentities'] as Statement[]).filter(
        ({ id }) => id !== 'TDX_01',
      );
    });
    expect(await codes({ 'tcb_info.json': without })).toBe('TDX_MODULE_UNKNOWN');
    // Newer TCB info may know it.
    const trust = intelTrust({ root: made.root });
    const { verdict } = await judge(given({ 'tcb_info.json': without }), { trust });
    expect(verdict).toMatchObject({ verdict: 'undetermined', code: 'TDX_MODULE_UNKNOWN' });
    const of = (member: string, value: string): Uint8Array =>
      tcbInfo((inner) => {
        for (const one of inner['tdxModuleIdentities'] as Statement[])
          if (one['id'] === 'TDX_01') one[member] = value;
      });
    expect(await codes({ 'tcb_info.json': of('mrsigner', '01'.repeat(48)) })).toBe('TDX_MODULE_MISMATCH');
    expect(await codes({ 'tcb_info.json': of('attributes', '01'.repeat(8)) })).toBe('TDX_MODULE_MISMATCH');
    // The module of version 0 is another statement.
    const base = tcbInfo(
      (inner) => (inner['tdxModule'] = { ...(inner['tdxModule'] as Statement), mrsigner: '01'.repeat(48) }),
    );
    expect(await codes({ 'tcb_info.json': base })).toBe(null);
    const old = { ...given({ 'tcb_info.json': base }), quote: made.td({ teeTcbSvn: svn(5, 0, 4) }) };
    expect(await codeOf(old)).toBe('TDX_MODULE_MISMATCH');
    expect(await codeOf({ ...td, quote: made.td({ teeTcbSvn: svn(5, 0, 4) }) })).toBe(null);
    // Nor may the module that runs now be of a version that nobody knows.
    expect(await codeOf({ ...td, quote: made.td({ teeTcbSvn2: svn(11, 2, 4) }, 3) })).toBe(
      'TDX_MODULE_UNKNOWN',
    );
    expect(await codeOf({ ...td, quote: made.td({ mrsignerseam: new Uint8Array(48).fill(1) }, 3) })).toBe(
      'TDX_MODULE_MISMATCH',
    );
    // Attributes that a mask leaves out are none that Intel's library would take.
    const seam = made.td({ seamAttributes: fromHex('0100000000000000') });
    expect(await codeOf({ ...td, quote: seam })).toBe('TDX_MODULE_MISMATCH');
    const masked = given({ 'tcb_info.json': of('attributesMask', '00'.repeat(8)) });
    expect(await codeOf({ ...masked, quote: seam })).toBe('TDX_MODULE_MISMATCH');
  });
});

const svn = (...values: readonly number[]): Uint8Array => {
  const out = new Uint8Array(16);
  out.set(values);
  return out;
};

describe('revocation lists', () => {
  it('hold from their first second to their last', async () => {
    for (const [name, issuer] of [
      ['pck_crl.der', made.pki.pckCa],
      ['root_ca_crl.der', made.pki.root],
    ] as const) {
      const of = (thisUpdate: number, nextUpdate: number): Uint8Array =>
        list(issuer, { thisUpdate, nextUpdate });
      expect(await codes({ [name]: of(NOW, NOW) })).toBe(null);
      expect(await codes({ [name]: of(NOW - DAY, NOW - SECOND) })).toBe('COLLATERAL_STALE');
      expect(await codes({ [name]: of(NOW + SECOND, NOW + DAY) })).toBe('COLLATERAL_STALE');
    }
  });

  it('revoke what their own issuer issued, and nothing else', async () => {
    const { pki } = made;
    const [leaf, authority, signer] = [pki.pck.serial, pki.pckCa.serial, pki.tcbSigner.serial];
    const pck = (...revoked: readonly Uint8Array[]): Files => ({
      'pck_crl.der': list(pki.pckCa, { revoked }),
    });
    const root = (...revoked: readonly Uint8Array[]): Files => ({
      'root_ca_crl.der': list(pki.root, { revoked }),
    });
    const others = Array.from({ length: 60 }, (_, i) => Uint8Array.of(0x7f, i));
    const crowd = Array.from({ length: 600 }, (_, i) => Uint8Array.of(0x7e, i >> 8, i & 0xff));
    for (const files of [
      pck(leaf),
      pck(...others, leaf),
      pck(leaf, ...others),
      pck(...crowd, leaf),
      pck(leaf, ...crowd),
      root(authority),
      root(signer),
    ])
      expect(await codes(files)).toBe('CERTIFICATE_REVOKED');
    // The root's list does not speak of PCK certificates, the CA's not of authorities.
    for (const files of [root(leaf), pck(authority, signer), pck(...others), pck(...crowd), root(...others)])
      expect(await codes(files)).toBe(null);
    expect((await judge(given(pck(leaf)))).verdict.verdict).toBe('rejected');
  });

  it('count when they are the newest that hold', async () => {
    const { pki } = made;
    const revoked = [pki.pck.serial];
    const older = { thisUpdate: NOW - 20 * DAY, nextUpdate: NOW + DAY };
    const newer = { thisUpdate: NOW, nextUpdate: NOW + DAY };
    const future = { thisUpdate: NOW + SECOND, nextUpdate: NOW + DAY };
    const both = (a: Uint8Array, b: Uint8Array): Files => ({ 'pck_crl.der': null, 'a.der': a, 'b.der': b });
    for (const order of [both, (a: Uint8Array, b: Uint8Array) => both(b, a)]) {
      expect(await codes(order(list(pki.pckCa, older), list(pki.pckCa, { ...newer, revoked })))).toBe(
        'CERTIFICATE_REVOKED',
      );
      expect(await codes(order(list(pki.pckCa, newer), list(pki.pckCa, { ...older, revoked })))).toBe(null);
      // What will be revoked is not yet.
      expect(await codes(order(list(pki.pckCa, newer), list(pki.pckCa, { ...future, revoked })))).toBe(null);
    }
    const tampered = list(pki.pckCa, newer);
    const at = tampered.length - 1;
    tampered[at] = (tampered[at] as number) ^ 1;
    expect(await codes({ 'newer.der': tampered })).toBe('COLLATERAL_SIGNATURE_INVALID');
  });

  it('are of the key that they are said to be of', async () => {
    const other = await madeIntel([], { seed: 2 });
    // Same name, another key, a proper list of that key.
    expect(await codes({ 'pck_crl.der': list(other.pki.pckCa) })).toBe('CRL_ISSUER_MISMATCH');
    expect(await codes({ 'root_ca_crl.der': list({ ...other.pki.root, name: made.pki.root.name }) })).toBe(
      'CRL_ISSUER_MISMATCH',
    );
    // Issued in the name of the signer of statements, or by it in the name of the CA.
    expect(await codes({ 'pck_crl.der': list(made.pki.tcbSigner) })).toBe('COLLATERAL_MISSING');
    expect(await codes({ 'pck_crl.der': list({ ...made.pki.pckCa, key: made.pki.tcbSigner.key }) })).toBe(
      'CRL_ISSUER_MISMATCH',
    );
  });

  it('are named and signed as their issuer names itself and signs', async () => {
    const { pckCa, tcbSigner } = made.pki;
    const certificate = parseCertificate(pckCa.certificate);
    const key = await nodeCrypto.importKey('ES256', certificate.spki.raw);
    const check = (der: Uint8Array): Promise<void> =>
      verifyCrl(parseCrl(der), { certificate, key }, 'a list', {
        at: NOW,
        crypto: nodeCrypto,
        profile: PCK_CHAIN,
      });
    await check(list(pckCa));
    // By the key of the CA, in the name of another.
    await expect(check(list({ ...pckCa, name: tcbSigner.name }))).toRejectWith('CRL_ISSUER_MISMATCH');
    // Said to be of ECDSA with SHA-384, and correctly signed with SHA-256.
    const other = fromHex('300a06082a8648ce3d040303');
    const tbs = fromHex(toHex(parseCrl(list(pckCa)).tbs).replace('300a06082a8648ce3d040302', toHex(other)));
    const signature = derBitString(ecdsaP1363ToDer(pckCa.key.sign(tbs)));
    await expect(check(derSequence(tbs, other, signature))).toRejectWith('COLLATERAL_SIGNATURE_INVALID');
  });

  it.each(['pck_crl.der', 'root_ca_crl.der'])('%s: no bit may differ', async (name) => {
    const original = bytesOf(td, name);
    const crl = parseCrl(original);
    const cache = new ProofCache();
    await verify(td, { roots: made.pins, cache });
    const seen = new Map<string, number>();
    const region = (at: number): string => {
      const tbs = original.length - crl.tbs.length - 12 - 3 - crl.signature.length;
      if (at < tbs) return 'header';
      if (at < tbs + crl.tbs.length) return 'tbs';
      return at < original.length - crl.signature.length - 3 ? 'algorithm' : 'signature';
    };
    for (let at = 0; at < original.length; at++) {
      const flipped = original.slice();
      flipped[at] = (flipped[at] as number) ^ (1 << (at & 7));
      const collateral = readCollateral(withFiles(td.files, { [name]: flipped }));
      const code = await verify(td, { roots: made.pins, cache, collateral }).then(
        () => null,
        (error: unknown) => (error instanceof AssayError ? error.code : String(error)),
      );
      expect([
        'COLLATERAL_SIGNATURE_INVALID',
        'COLLATERAL_MISSING',
        'CRL_ISSUER_MISMATCH',
        'SIGNATURE_MALFORMED',
      ]).toContain(code);
      seen.set(region(at), (seen.get(region(at)) ?? 0) + 1);
    }
    expect([...seen.keys()]).toEqual(['header', 'tbs', 'algorithm', 'signature']);
  });
});

describe('the signer of statements', () => {
  const chain = (...more: readonly Uint8Array[]): Files => ({
    'tcb_signing_chain.pem': more[0] as Uint8Array,
  });
  const issued = (changes: Parameters<typeof reissued>[2]): Files =>
    chain(pemChain(reissued(made.pki.tcbSigner, made.pki.root, changes), made.pki.root));

  it('may be issued again, of the same key and serial number', async () => {
    const { pki } = made;
    const ended = reissued(pki.tcbSigner, pki.root, { notBefore: NOW - 400 * DAY, notAfter: NOW - SECOND });
    const future = reissued(pki.tcbSigner, pki.root, { notBefore: NOW + SECOND, notAfter: NOW + 400 * DAY });
    for (const order of [
      [ended, pki.tcbSigner, future],
      [future, pki.tcbSigner, ended],
    ])
      expect(await codes(chain(pemChain(...order)))).toBe(null);
    expect(await codes(chain(pemChain(ended)))).toBe('CHAIN_EXPIRED');
    expect(await codes(chain(pemChain(future)))).toBe('CHAIN_NOT_YET_VALID');
    // The path ends at the root that the quote's does, whichever files hold it.
    expect(await codes(chain(pemChain(pki.tcbSigner)))).toBe(null);
    expect(await codes(chain(pemChain(pki.root, pki.tcbSigner)))).toBe(null);
  });

  it('has a role and no other', async () => {
    expect(await codes(issued({}))).toBe(null);
    expect(await codes(issued({ uses: [0, 6] }))).toBe('CHAIN_KEY_USAGE');
    expect(await codes(issued({ uses: [5] }))).toBe('CHAIN_KEY_USAGE');
    expect(await codes(issued({ uses: [1] }))).toBe('CHAIN_KEY_USAGE');
    expect(await codes(issued({ pathLength: 0 }))).toBe('CHAIN_LEAF_IS_CA');
    const strange = (critical: boolean): Files =>
      issued({ more: [extension('1.3.6.1.4.1.99999.1', critical, Uint8Array.of(5, 0))] });
    expect(await codes(strange(true))).toBe('CHAIN_EXTENSION_UNKNOWN');
    expect(await codes(strange(false))).toBe(null);
  });

  it('is issued by the root, under its name and with its key', async () => {
    const { pki } = made;
    const byAuthority = reissued(pki.tcbSigner, pki.pckCa, {});
    expect(await codes(chain(pemChain(byAuthority)))).toBe('COLLATERAL_MISSING');
    const byPck = reissued(pki.tcbSigner, { ...pki.pck, name: pki.root.name }, {});
    expect(await codes(chain(pemChain(byPck)))).toBe('CHAIN_SIGNATURE_INVALID');
    // Its own key in the name of another role.
    const named = reissued({ ...pki.tcbSigner, name: pki.pck.name }, pki.root, {});
    expect(await codes(chain(pemChain(named)))).toBe('COLLATERAL_MISSING');
    // A newer one that is forged hides the good one: it fails, it does not pass.
    const forged = reissued(
      pki.tcbSigner,
      { ...pki.pck, name: pki.root.name },
      { notBefore: NOW, notAfter: NOW + DAY },
    );
    expect(await codes(chain(pemChain(pki.tcbSigner, forged)))).toBe('CHAIN_SIGNATURE_INVALID');
  });
});
