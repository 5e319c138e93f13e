import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { IntelVendor } from '../../host/simulator/intel/index.ts';
import { deriveKey } from '../../host/simulator/intel/keys.ts';
import { certificate, revocationList } from '../../host/simulator/intel/x509.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { toHex } from '../../src/base/hex.ts';
import { DerReader } from '../../src/codec/der.ts';
import { parseCrl } from '../../src/codec/x509-crl.ts';
import { type Certificate, parseCertificate } from '../../src/codec/x509.ts';
import { CORPUS, corpusBytes, corpusText } from '../support/corpus.ts';
import { itWithOpenssl } from '../support/openssl.ts';
import {
  cutQuote,
  enclaveQuote,
  INTEL_TIME,
  latin,
  pemIn,
  replay,
  signedBy,
  signedParts,
  simulatedIntel,
  tdQuote,
} from '../support/simulated-intel.ts';

const DAY = 86_400_000;
const SGX_EXTENSION = '1.2.840.113741.1.13.1';
const RECORDED = 'quotes/tdx_v4_90c06f_dstack.bin';
const COLLATERAL = 'collateral/phala-90c06f-2026-02';
const folder = mkdtempSync(join(tmpdir(), 'assay-intel-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the simulated vendor', () => {
  it('makes the same bytes from the same seed and time, and the same root at any time', async () => {
    const everything = (vendor: IntelVendor): string[] => [
      toHex(vendor.rootCertificate),
      ...(['tdx', 'sgx'] as const).flatMap((tee) =>
        [...vendor.collateral(tee)].map(([name, bytes]) => `${name} ${toHex(bytes)}`),
      ),
      toHex(tdQuote(vendor)),
      toHex(enclaveQuote(vendor)),
    ];
    const one = await simulatedIntel();
    expect(everything(await simulatedIntel())).toEqual(everything(one));
    const other = await simulatedIntel([], { seed: 2 });
    expect(one.rootName).toMatch(/^Assay Simulated SGX Root CA [0-9a-f]{8}$/);
    expect(other.rootName).not.toBe(one.rootName);
    expect(other.rootSpkiSha256).not.toEqual(one.rootSpkiSha256);
    const later = await simulatedIntel([], { now: () => INTEL_TIME + 4_000 * DAY });
    expect(later.rootCertificate).toEqual(one.rootCertificate);
  });

  it('has certificates that are valid at its time, issued again with the same key and serial', async () => {
    const keys = new Set<string>();
    for (const year of [2019, 2026, 2027, 2033, 2040]) {
      const now = Date.UTC(year, 11, 1);
      const vendor = await simulatedIntel([], { now: () => now });
      const signers = pemIn(vendor.collateral('tdx').get('tcb_signing_chain.pem')!);
      for (const der of [...pemIn(cutQuote(tdQuote(vendor)).chain), ...signers]) {
        const { notBefore, notAfter, subject, serial, spki } = parseCertificate(der);
        expect(notBefore <= now && now < notAfter).toBe(true);
        keys.add(`${subject.commonName} ${toHex(serial)} ${toHex(spki.raw)}`);
      }
    }
    expect(keys.size).toBe(4);
  });

  it('issues collateral anew each hour, for 30 days, the list of the root for a year', async () => {
    let now = INTEL_TIME;
    const vendor = await simulatedIntel([], { now: () => now });
    const info = (): unknown => JSON.parse(latin(vendor.collateral('tdx').get('tcb_info.json')!)).tcbInfo;
    const first = { issueDate: '2026-11-20T12:00:00Z', nextUpdate: '2026-12-20T12:00:00Z' };
    expect(info()).toMatchObject(first);
    now += 3_600_000;
    expect(info()).toMatchObject({ issueDate: '2026-11-20T13:00:00Z' });
    for (const [name, days] of [
      ['pck_crl.der', 30],
      ['root_ca_crl.der', 365],
    ] as const) {
      const { thisUpdate, nextUpdate, number } = parseCrl(vendor.collateral('tdx').get(name)!);
      expect([(nextUpdate - thisUpdate) / DAY, number]).toEqual([days, 1n]);
    }
  });

  it('signs with keys on the curve, high-S half of the time', () => {
    const key = deriveKey(deriveFrom(new Uint8Array(32)), 'test');
    const publicKey = createPublicKey({ key: Buffer.from(key.spki), format: 'der', type: 'spki' });
    const half = BigInt('0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551') / 2n;
    const signatures = Array.from({ length: 64 }, (_, index) => {
      const signature = key.sign(Uint8Array.of(index));
      expect(signedBy(publicKey, Uint8Array.of(index), signature)).toBe(true);
      return signature;
    });
    const high = signatures.filter((signature) => BigInt(`0x${toHex(signature.slice(32))}`) > half).length;
    // The chance of either end is below one in 10^9; deterministic signatures make it once for all.
    expect(high).toBeGreaterThan(8);
    expect(high).toBeLessThan(56);
  });

  it.skipIf(CORPUS === null)('writes recorded certificates and lists byte for byte from their parts', () => {
    const chain = pemIn(cutQuote(corpusBytes('tdx', RECORDED)).chain).map((der) => parseCertificate(der));
    const [pck, ca, root] = chain as [Certificate, Certificate, Certificate];
    const [signing] = pemIn(corpusBytes('tdx', `${COLLATERAL}/tcb_signing_chain.pem`));
    const links = [
      [pck, ca],
      [ca, root],
      [root, root],
      [parseCertificate(signing!), root],
    ] as const;
    for (const [own, issuer] of links) expect(toHex(writtenAgain(own, issuer))).toBe(toHex(own.raw));
    for (const [file, issuer] of [
      ['pck_crl.der', ca],
      ['root_ca_crl.der', root],
    ] as const) {
      const bytes = corpusBytes('tdx', `${COLLATERAL}/${file}`);
      const { thisUpdate, nextUpdate, revoked } = parseCrl(bytes);
      const signer = { name: issuer.subject.raw, key: replay(issuer.spki.raw, signedParts(bytes).signature) };
      const serials = revoked.map(({ serial }) => serial);
      const again = revocationList({ issuer: signer, thisUpdate, nextUpdate, revoked: serials });
      expect(toHex(again)).toBe(toHex(bytes));
    }
  });

  it.skipIf(CORPUS === null)('has the PCK extension of a recorded one, but for values', async () => {
    const extension = (quote: Uint8Array): string => {
      const { extensions } = parseCertificate(pemIn(cutQuote(quote).chain)[0]!);
      return skeleton(new DerReader(extensions.find(({ oid }) => oid === SGX_EXTENSION)!.value));
    };
    expect(extension(tdQuote(await simulatedIntel()))).toBe(extension(corpusBytes('tdx', RECORDED)));
  });

  it.skipIf(CORPUS === null)('has the statements of recorded ones, compact and in their order', async () => {
    const vendor = await simulatedIntel(['out-of-date']);
    const pairs = [
      ['tdx', 'tcb_info.json', `${COLLATERAL}/tcb_info.json`],
      ['tdx', 'qe_identity.json', `${COLLATERAL}/qe_identity.json`],
      ['sgx', 'tcb_info.json', 'collateral/automata-00606a-2025-08/tcb_info.json'],
      ['sgx', 'qe_identity.json', 'collateral/automata-00606a-2025-08/qe_identity.json'],
      ['tdx', 'tcb_evaluation_numbers.json', 'tcbeval/tdx_tcb_evaluation_2025-10.json'],
    ] as const;
    for (const [tee, name, file] of pairs) {
      const text = latin(vendor.collateral(tee).get(name)!);
      expect(JSON.stringify(JSON.parse(text)), name).toBe(text);
      expect(shape(JSON.parse(text)), name).toEqual(shape(JSON.parse(corpusText('tdx', file))));
    }
  });

  itWithOpenssl('is verified by openssl with its lists, and refused for each fault it sees', async () => {
    const judge = async (...faults: readonly string[]): Promise<string> => {
      const vendor = await simulatedIntel(faults);
      const files = vendor.collateral('tdx');
      const path = (name: string, text: string): string => {
        writeFileSync(join(folder, name), text);
        return join(folder, name);
      };
      const chain = pemIn(cutQuote(tdQuote(vendor)).chain);
      const [leaf, ca, root] = chain.map((der, n) => path(`${n}`, new X509Certificate(der).toString()));
      const lists = ['pck_crl.der', 'root_ca_crl.der'].map((name) =>
        execFileSync('openssl', ['crl', '-inform', 'der'], { input: files.get(name)!, encoding: 'utf8' }),
      );
      const at = [
        'verify',
        '-x509_strict',
        '-crl_check_all',
        '-attime',
        String(Math.floor(INTEL_TIME / 1000)),
      ];
      const given = ['-CAfile', root!, '-untrusted', ca!, '-CRLfile', path('lists', lists.join('')), leaf!];
      const { stdout, stderr } = spawnSync('openssl', [...at, ...given], { encoding: 'utf8' });
      return stdout.endsWith(': OK\n') ? 'OK' : (/error \d+ at (.*)/.exec(stderr)?.[1] ?? stderr);
    };
    expect(await judge()).toBe('OK');
    expect(await judge('same-name-root')).toBe('OK');
    expect(await judge('revoked')).toBe('0 depth lookup: certificate revoked');
    expect(await judge('revoked-ca')).toBe('1 depth lookup: certificate revoked');
    expect(await judge('tampered-crl')).toBe('0 depth lookup: CRL signature failure');
    expect(await judge('stale-collateral')).toBe('0 depth lookup: CRL has expired');
    expect(await judge('swapped-roles')).toBe('0 depth lookup: unable to get certificate CRL');
    expect(await judge('future-pck')).toBe('0 depth lookup: certificate is not yet valid');
  });
});

/** A recorded certificate by our writer, with its own signature. The SGX extension is taken as it is. */
function writtenAgain(own: Certificate, issuer: Certificate): Uint8Array {
  const value = (wanted: string): string => latin(own.extensions.find(({ oid }) => oid === wanted)!.value);
  const sgx = own.extensions.at(-1)!;
  // SEQUENCE (4), OID (11) and OCTET STRING (4) come before the value.
  const from = latin(own.raw).indexOf(latin(sgx.value)) - 19;
  const { signature } = signedParts(own.raw);
  return certificate({
    subject: { name: own.subject.raw, key: replay(own.spki.raw, signature) },
    issuer: { name: issuer.subject.raw, key: replay(issuer.spki.raw, signature) },
    serial: own.serial,
    notBefore: own.notBefore,
    notAfter: own.notAfter,
    revocationPoint: value('2.5.29.31').replace(/^.*(?=https)/s, ''),
    uses: own.basicConstraints?.ca ? [5, 6] : [0, 1],
    pathLength: own.basicConstraints?.pathLength ?? null,
    more: sgx.oid === SGX_EXTENSION ? [own.raw.slice(from, from + 19 + sgx.value.length)] : [],
  });
}

/** Tags, lengths and object identifiers of nested DER, without other content. */
function skeleton(reader: DerReader): string {
  let out = '';
  while (!reader.done) {
    const { tag, content } = reader.any();
    const inside =
      tag === 0x30 ? skeleton(new DerReader(content)) : tag === 0x06 ? toHex(content) : content.length;
    out += `${tag}(${inside})`;
  }
  return out;
}

/** Member names in order, and the kinds of values; of a list the kinds that occur in it. Not all levels have advisories. */
function shape(value: unknown): unknown {
  if (Array.isArray(value)) return [...new Set(value.map((item) => JSON.stringify(shape(item))))].sort();
  if (typeof value !== 'object' || value === null) return typeof value;
  const members = Object.entries(value);
  if (members.at(-1)?.[0] === 'advisoryIDs') members.pop();
  return members.map(([name, item]) => [name, shape(item)]);
}
