/** Each rule of a certificate path, by a document that breaks it and nothing else. */
import 'reflect-metadata';
import { Extension, KeyUsageFlags } from '@peculiar/x509';
import { describe, expect, it, vi } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Code } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { derOid, derSequence } from '../../src/codec/der-write.ts';
import { OID, parseCertificate } from '../../src/codec/x509.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { CHAIN_CHECKS, P384_CHAIN, verifyChain } from '../../verifier/chain.ts';
import { ProofCache } from '../../verifier/proof-cache.ts';
import { NITRO_ROOTS, verifyNitro } from '../../verifier/nitro/index.ts';
import { matchRoot, simulatedRoot } from '../../verifier/roots.ts';
import { CheckLog } from '../../verifier/verdict.ts';
import { certificate, name, SPKI } from '../support/certificates.ts';
import {
  type Level,
  makeDocument,
  makePki,
  PKI_TIME,
  type PkiChanges,
  ROOT_NAME,
  REGION,
  type TestPki,
} from '../support/nitro-pki.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

async function verify(
  pki: TestPki,
  at: number = PKI_TIME,
  cache?: ProofCache,
): ReturnType<typeof verifyNitro> {
  const document = parseNitro(makeDocument(pki));
  return verifyNitro(document, {
    at,
    crypto: nodeCrypto,
    roots: [...NITRO_ROOTS, pki.pin],
    ...(cache === undefined ? {} : { cache }),
  });
}

/** A critical extension that nobody implements; its value is NULL. */
const STRANGE = new Extension('1.3.6.1.4.1.99999.1', true, Uint8Array.of(5, 0));
/** Extensions that others implement: taken for understood, a path that they forbid would pass. */
const NAME_CONSTRAINTS = new Extension('2.5.29.30', true, Uint8Array.of(0x30, 0));
const EXTENDED_USAGE = new Extension('2.5.29.37', true, Uint8Array.of(0x30, 0));
const HARMLESS = new Extension('1.3.6.1.4.1.99999.1', false, Uint8Array.of(5, 0));

const CASES: readonly (readonly [string, PkiChanges, Code])[] = [
  ['an issuer that is no authority', { instance: { ca: false, pathLength: undefined } }, 'CHAIN_NOT_CA'],
  ['an issuer without basicConstraints', { instance: { ca: null } }, 'CHAIN_NOT_CA'],
  ['a root that is no authority', { root: { ca: false } }, 'CHAIN_NOT_CA'],
  ['a leaf that is an authority', { leaf: { ca: true } }, 'CHAIN_LEAF_IS_CA'],
  ['a path length of 0 above two authorities', { regional: { pathLength: 0 } }, 'CHAIN_PATH_LENGTH'],
  ['a path length of 1 above two authorities', { regional: { pathLength: 1 } }, 'CHAIN_PATH_LENGTH'],
  ['a path length of 0 above one authority', { zonal: { pathLength: 0 } }, 'CHAIN_PATH_LENGTH'],
  ['a root with a path length of 2', { root: { pathLength: 2 } }, 'CHAIN_PATH_LENGTH'],
  [
    'an authority without keyCertSign',
    { zonal: { usage: KeyUsageFlags.digitalSignature } },
    'CHAIN_KEY_USAGE',
  ],
  ['an authority without keyUsage', { zonal: { usage: null } }, 'CHAIN_KEY_USAGE'],
  ['a root without keyCertSign', { root: { usage: KeyUsageFlags.digitalSignature } }, 'CHAIN_KEY_USAGE'],
  ['a leaf without digitalSignature', { leaf: { usage: KeyUsageFlags.keyAgreement } }, 'CHAIN_KEY_USAGE'],
  ['a leaf without keyUsage', { leaf: { usage: null } }, 'CHAIN_KEY_USAGE'],
  ['an unknown critical extension in the leaf', { leaf: { more: [STRANGE] } }, 'CHAIN_EXTENSION_UNKNOWN'],
  [
    'an unknown critical extension in an authority',
    { regional: { more: [STRANGE] } },
    'CHAIN_EXTENSION_UNKNOWN',
  ],
  ['an unknown critical extension in the root', { root: { more: [STRANGE] } }, 'CHAIN_EXTENSION_UNKNOWN'],
  ['critical name constraints', { regional: { more: [NAME_CONSTRAINTS] } }, 'CHAIN_EXTENSION_UNKNOWN'],
  ['a critical extended key usage', { leaf: { more: [EXTENDED_USAGE] } }, 'CHAIN_EXTENSION_UNKNOWN'],
  ['a P-256 root', { root: { key: 'P-256' } }, 'CHAIN_ALGORITHM'],
  ['a P-256 leaf', { leaf: { key: 'P-256' } }, 'CHAIN_ALGORITHM'],
  ['a P-256 authority', { instance: { key: 'P-256' } }, 'CHAIN_ALGORITHM'],
  ['an RSA authority', { instance: { key: 'RSA' } }, 'CHAIN_ALGORITHM'],
  ['an RSA leaf', { leaf: { key: 'RSA' } }, 'CHAIN_ALGORITHM'],
  ['a certificate signed with SHA-256', { leaf: { hash: 'SHA-256' } }, 'CHAIN_ALGORITHM'],
  ['a certificate signed with SHA-512', { zonal: { hash: 'SHA-512' } }, 'CHAIN_ALGORITHM'],
  ['an issuer of another name', { leaf: { issuer: 'someone else' } }, 'CHAIN_NAME_MISMATCH'],
  ['a root that is not its own issuer', { root: { issuer: 'someone else' } }, 'CHAIN_NAME_MISMATCH'],
  ['a leaf signed by another key', { leaf: { forged: true } }, 'CHAIN_SIGNATURE_INVALID'],
  ['an authority signed by another key', { regional: { forged: true } }, 'CHAIN_SIGNATURE_INVALID'],
  ['a named root that did not sign itself', { root: { forged: true } }, 'CHAIN_SIGNATURE_INVALID'],
  ['the named root key under another name', { root: { name: 'x.nitro-enclaves' } }, 'CHAIN_ROOT_UNTRUSTED'],
  ['an expired leaf', { leaf: { notAfter: PKI_TIME - 1000 } }, 'CHAIN_EXPIRED'],
  ['an expired authority', { zonal: { notAfter: PKI_TIME - 1000 } }, 'CHAIN_EXPIRED'],
  ['an expired root', { root: { notAfter: PKI_TIME - DAY } }, 'CHAIN_EXPIRED'],
  ['a leaf from the future', { leaf: { notBefore: PKI_TIME + 1000 } }, 'CHAIN_NOT_YET_VALID'],
  ['an authority from the future', { instance: { notBefore: PKI_TIME + HOUR } }, 'CHAIN_NOT_YET_VALID'],
  ['a root from the future', { root: { notBefore: PKI_TIME + HOUR } }, 'CHAIN_NOT_YET_VALID'],
];

describe('path rules', () => {
  it('accepts a sound path and says how long it holds', async () => {
    const verified = await verify(await makePki({ leaf: { more: [HARMLESS] } }));
    expect(verified.validUntil).toBe(PKI_TIME + 3 * HOUR);
    expect(verified.validFrom).toBe(PKI_TIME - 3000);
    expect(verified.pin.simulated).toBe(true);
  });

  it.each(CASES)('refuses %s', async (_, changes, code) => {
    await expect(verify(await makePki(changes))).toRejectWith(code);
    // The same path through a cache that already knows what can be known of it.
    const cache = new ProofCache();
    const pki = await makePki(changes);
    await verify(pki, PKI_TIME, cache).catch(() => undefined);
    await expect(verify(pki, PKI_TIME, cache)).toRejectWith(code);
  });

  it('holds from the first to the last moment of its narrowest certificate, and no millisecond beyond', async () => {
    const narrow = { notBefore: PKI_TIME - 1000, notAfter: PKI_TIME + HOUR };
    for (const level of ['zonal', 'leaf'] as const) {
      const pki = await makePki({ [level]: narrow });
      const first = await verify(pki, narrow.notBefore);
      const last = await verify(pki, narrow.notAfter);
      for (const { validFrom, validUntil } of [first, last])
        expect([validFrom, validUntil]).toEqual([narrow.notBefore, narrow.notAfter]);
      await expect(verify(pki, narrow.notBefore - 1)).toRejectWith('CHAIN_NOT_YET_VALID');
      await expect(verify(pki, narrow.notAfter + 1)).toRejectWith('CHAIN_EXPIRED');
    }
  });

  it('refuses a signature algorithm with parameters', async () => {
    const odd = derSequence(derOid(OID.ecdsaSha384), Uint8Array.of(5, 0));
    const root = certificate({ subject: name('issuer') });
    const pin = simulatedRoot('nitro', 'issuer', toHex(nodeCrypto.sha256(SPKI)));
    const path = (leaf: Uint8Array): Promise<unknown> =>
      verifyChain([root, leaf], {
        profile: P384_CHAIN,
        roots: [pin],
        at: PKI_TIME,
        crypto: nodeCrypto,
        log: new CheckLog(CHAIN_CHECKS),
      });
    await expect(path(certificate({ algorithm: odd, outerAlgorithm: odd }))).toRejectWith('CHAIN_ALGORITHM');
    await expect(path(certificate())).toRejectWith('CHAIN_LEAF_IS_CA');
  });

  it('counts only authorities that are not self-issued against a path length', async () => {
    const again: Partial<(typeof CASES)[number][1]['zonal'] & object> = {
      name: `aa.${REGION}.${ROOT_NAME}`,
      pathLength: 1,
    };
    const pki = await makePki({ regional: { pathLength: 1 }, zonal: again });
    await expect(verify(pki)).resolves.toMatchObject({ pin: pki.pin });
  });

  it('refuses other orders, additions and omissions', async () => {
    const pki = await makePki();
    const [root, regional, zonal, instance, leaf] = pki.certificates as [
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
      Uint8Array,
    ];
    const other = (await makePki()).certificates as readonly Uint8Array[];
    const path = (...certificates: Uint8Array[]): TestPki => ({ ...pki, certificates });
    await expect(verify(path(root, zonal, regional, instance, leaf))).toRejectWith('CHAIN_NAME_MISMATCH');
    await expect(verify(path(regional, root, zonal, instance, leaf))).toRejectWith('CHAIN_ROOT_UNTRUSTED');
    await expect(verify(path(root, root, regional, zonal, instance, leaf))).toRejectWith(
      'CHAIN_NAME_MISMATCH',
    );
    await expect(verify(path(root, regional, zonal, instance, instance, leaf))).toRejectWith(
      'CHAIN_NAME_MISMATCH',
    );
    await expect(verify(path(root, zonal, instance, leaf))).toRejectWith('CHAIN_NAME_MISMATCH');
    await expect(verify(path(leaf, instance, zonal, regional, root))).toRejectWith('CHAIN_ROOT_UNTRUSTED');
    await expect(verify(path(root, other[1] as Uint8Array, zonal, instance, leaf))).toRejectWith(
      'CHAIN_SIGNATURE_INVALID',
    );
    await expect(verify(path(other[0] as Uint8Array, regional, zonal, instance, leaf))).toRejectWith(
      'CHAIN_ROOT_UNTRUSTED',
    );
  });

  it('names the certificate', async () => {
    await expect(verify(await makePki({ zonal: { usage: null } }))).rejects.toThrow(
      'document.payload.cabundle[2]',
    );
    await expect(verify(await makePki({ leaf: { ca: true } }))).rejects.toThrow(
      'document.payload.certificate',
    );
  });

  it('refuses damaged DER as malformed, with its place', async () => {
    const pki = await makePki();
    const at = (index: number, change: (der: Uint8Array) => Uint8Array): TestPki => ({
      ...pki,
      certificates: pki.certificates.map((der, i) => (i === index ? change(der) : der)),
    });
    const trailing = at(4, (der) => new Uint8Array([...der, 0]));
    await expect(verify(trailing)).toRejectWith('DER_TRAILING');
    await expect(verify(at(1, (der) => der.slice(0, -1)))).toRejectWith('DER_TRUNCATED');
    await expect(verify(trailing)).rejects.toThrow('document.payload.certificate');
  });

  it('needs a root and a leaf, and bounds the rest', async () => {
    const pki = await makePki();
    for (const count of [0, 1, 10]) {
      const ders = Array.from({ length: count }, () => pki.certificates[0] as Uint8Array);
      const log = new CheckLog(CHAIN_CHECKS);
      await expect(
        verifyChain(ders, { profile: P384_CHAIN, roots: [pki.pin], at: PKI_TIME, crypto: nodeCrypto, log }),
      ).toRejectWith('CHAIN_LENGTH');
    }
  });
});

describe('pins', () => {
  it('match in key, name and both ends of the validity', () => {
    const root = parseCertificate(certificate({ subject: name('issuer') }));
    const { notBefore, notAfter } = root;
    const key = toHex(nodeCrypto.sha256(SPKI));
    const pin = { ...simulatedRoot('nitro', 'issuer', key), validity: { notBefore, notAfter } };
    expect(matchRoot([pin], root, nodeCrypto)).toBe(pin);
    const wrong = [
      { ...pin, spkiSha256: toHex(nodeCrypto.sha256(root.tbs)) },
      { ...pin, name: 'Issuer' },
      { ...pin, validity: { notBefore: notBefore - 1000, notAfter } },
      { ...pin, validity: { notBefore, notAfter: notAfter + 1000 } },
    ];
    for (const other of wrong)
      expect(() => matchRoot([other], root, nodeCrypto)).toFailWith('CHAIN_ROOT_UNTRUSTED');
  });

  it('take a digest in either case', () => {
    const root = parseCertificate(certificate({ subject: name('issuer') }));
    const pin = simulatedRoot('nitro', 'issuer', toHex(nodeCrypto.sha256(SPKI)).toUpperCase());
    expect(matchRoot([pin], root, nodeCrypto)).toBe(pin);
  });
});

describe('cache of authorities', () => {
  it('re-checks the validity of every certificate, the root included', async () => {
    const levels: readonly Level[] = ['root', 'regional', 'zonal', 'instance'];
    for (const level of levels) {
      const pki = await makePki({ [level]: { notAfter: PKI_TIME + HOUR } });
      const cache = new ProofCache();
      await verify(pki, PKI_TIME, cache);
      await expect(verify(pki, PKI_TIME + HOUR + 1000, cache)).toRejectWith('CHAIN_EXPIRED');
      await expect(verify(pki, PKI_TIME - 10 * 365 * DAY, cache)).toRejectWith('CHAIN_NOT_YET_VALID');
    }
  });

  it('does not make an unknown root known', async () => {
    const pki = await makePki();
    const cache = new ProofCache();
    await verify(pki, PKI_TIME, cache);
    const document = parseNitro(makeDocument(pki));
    await expect(
      verifyNitro(document, { at: PKI_TIME, crypto: nodeCrypto, roots: NITRO_ROOTS, cache }),
    ).toRejectWith('CHAIN_ROOT_UNTRUSTED');
  });

  it('holds what it read and not the buffer of the caller', async () => {
    const pki = await makePki();
    const cache = new ProofCache();
    const bytes = makeDocument(pki);
    await verifyNitro(parseNitro(bytes), { at: PKI_TIME, crypto: nodeCrypto, roots: [pki.pin], cache });
    bytes.fill(0x41);
    await expect(verify(pki, PKI_TIME, cache)).resolves.toMatchObject({ pin: pki.pin });
  });

  it('forgets the oldest when it is full, and verifies it again', async () => {
    const pkis = [await makePki(), await makePki()];
    const verifiedWith = async (cache: ProofCache): Promise<number> => {
      const add = vi.spyOn(cache, 'add');
      for (const pki of [...pkis, ...pkis])
        await expect(verify(pki, PKI_TIME, cache)).resolves.toMatchObject({ pin: pki.pin });
      return add.mock.calls.length;
    };
    const once = await verifiedWith(new ProofCache());
    expect(once).toBe(8);
    expect(await verifiedWith(new ProofCache(4))).toBe(2 * once);
  });

  it('keeps a leaf under one path from passing under another', async () => {
    const [one, two] = [await makePki(), await makePki()];
    const cache = new ProofCache();
    await verify(one, PKI_TIME, cache);
    await verify(two, PKI_TIME, cache);
    const mixed: TestPki = {
      ...two,
      pin: one.pin,
      certificates: [...one.certificates.slice(0, 4), two.certificates[4] as Uint8Array],
    };
    await expect(verify(mixed, PKI_TIME, cache)).toRejectWith('CHAIN_SIGNATURE_INVALID');
  });

  it('keeps authorities under one root from passing under another of its name', async () => {
    const [one, two] = [await makePki(), await makePki()];
    const cache = new ProofCache();
    await verify(one, PKI_TIME, cache);
    await verify(two, PKI_TIME, cache);
    const mixed: TestPki = {
      ...one,
      pin: two.pin,
      certificates: [two.certificates[0] as Uint8Array, ...one.certificates.slice(1)],
    };
    await expect(verify(mixed, PKI_TIME, cache)).toRejectWith('CHAIN_SIGNATURE_INVALID');
  });

  it('holds no more than its capacity', () => {
    const cache = new ProofCache(2);
    const links = ['a', 'b', 'c'].map((digest) => [digest, { digest } as never] as const);
    for (const [digest, link] of links) cache.add(digest, link);
    expect(links.map(([digest]) => cache.get(digest) !== undefined)).toEqual([false, true, true]);
  });
});
