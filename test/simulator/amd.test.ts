/** The simulated AMD machine: what it writes has the form of recorded bytes, and a healthy one agrees with itself. */
import { describe, expect, it } from 'vitest';
import {
  authorityTbs,
  leafTbs,
  type Naming,
  pssAlgorithm,
  revocationTbs,
} from '../../host/simulator/amd/certificates.ts';
import type { AmdProduct } from '../../host/simulator/amd/index.ts';
import { encodeTcb } from '../../host/simulator/amd/platform.ts';
import { encodeReport, encodeSigned } from '../../host/simulator/amd/report.ts';
import { toHex } from '../../src/base/hex.ts';
import { derBitString, derSequence } from '../../src/codec/der-write.ts';
import { parsePem } from '../../src/codec/pem.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseSnpReport, readSnpEndorsement, readTcb } from '../../src/evidence/snp/index.ts';
import { CORPUS, corpusBytes, corpusText, manifest, missing } from '../support/corpus.ts';
import {
  everythingOf,
  MEASUREMENT,
  recordedFields,
  REPORT_DATA,
  simulatedAmd,
} from '../support/simulated-amd.ts';
import { certificateBytes, reports } from '../support/snp.ts';

const PRODUCTS = ['Milan', 'Genoa', 'Turin'] as const;
const SIGNERS = ['vcek', 'vlek'] as const;

describe('the writers, given what is recorded, write what is recorded', () => {
  if (CORPUS === null) it.skip(missing('snp', 39), () => {});
  const product = (text: string): AmdProduct => PRODUCTS.find((one) => text.includes(one)) ?? 'Genoa';
  const namingOf = (text: string): Naming => ({
    organisation: 'Advanced Micro Devices',
    root: `ARK-${product(text)}`,
    keyService: 'https://kdsintf.amd.com',
  });
  const sealed = (tbs: Uint8Array, algorithm: Uint8Array, signature: Uint8Array): string =>
    toHex(derSequence(tbs, algorithm, derBitString(signature)));
  const authentic = reports().filter(({ outcome }) => outcome === 'authentic');

  it.each(authentic)('$file', ({ file, expected }) => {
    const recorded = corpusBytes('snp', file);
    const signed = encodeSigned(recordedFields(expected.fields));
    const { signature, tcbs } = parseSnpReport(recorded);
    expect(toHex(encodeReport(signed, signature))).toBe(toHex(recorded));
    const of = product(expected.fields['ek_product'] as string);
    for (const [path, tcb] of Object.entries(tcbs))
      expect(encodeTcb(of, readTcb(tcb, of, { path, offset: 0 }))).toEqual(tcb);
  });

  it.each(manifest('snp').filter(({ file }) => /^roots\/.*\.der$/.test(file)))('$file', ({ file }) => {
    const recorded = corpusBytes('snp', file);
    const { subject, serial, notBefore: from, notAfter: to, spki, signature } = parseCertificate(recorded);
    const root = parseCertificate(corpusBytes('snp', file.replace(/a[a-z]+\.der$/, 'ark.der')));
    const fields = {
      role: (/a(rk|sk|svk)(?=\.der)/.exec(file) as RegExpExecArray)[0] as 'ark' | 'ask' | 'asvk',
      product: product(subject.commonName ?? ''),
      naming: namingOf(subject.commonName ?? ''),
      serial: Number.parseInt(toHex(serial), 16),
      spki: spki.raw,
      issuerSpki: root.spki.raw,
    };
    const algorithm = pssAlgorithm('spelled', 48);
    const tbs = authorityTbs({ ...fields, from, to }, algorithm);
    expect(sealed(tbs, algorithm, signature)).toBe(toHex(recorded));
  });

  const leaves = manifest('snp').filter(
    ({ kind, file }) => kind === 'endorsement-key-cert' && !file.startsWith('derived-'),
  );
  it.each(leaves)('$file', ({ file }) => {
    const recorded = certificateBytes(file);
    const certificate = parseCertificate(recorded);
    const { notBefore: from, notAfter: to, spki, signature } = certificate;
    const issuer = certificate.issuer.commonName ?? '';
    const { tcb, hwid, cspId } = readSnpEndorsement(certificate);
    const fields = {
      product: product(issuer),
      naming: namingOf(issuer),
      issuer: issuer.includes('VLEK') ? ('asvk' as const) : ('ask' as const),
      spki: spki.raw,
      tcb,
      of: hwid === null ? { cspId: cspId ?? '' } : { hwid },
    };
    const algorithm = pssAlgorithm(from < Date.UTC(2024, 0) ? 'spelled' : 'left out', 48);
    expect(sealed(leafTbs({ ...fields, from, to }, algorithm), algorithm, signature)).toBe(toHex(recorded));
  });

  it.skipIf(CORPUS === null)(
    'the revocation list of Genoa, and the head of a certificate table',
    async () => {
      const recorded = parsePem(corpusText('snp', 'crl/genoa-vcek.crl.pem'), 'X509 CRL')[0] as Uint8Array;
      const ark = parseCertificate(corpusBytes('snp', 'roots/genoa-ark.der'));
      const fields = {
        naming: namingOf('Genoa'),
        issuerSpki: ark.spki.raw,
        number: 4,
        thisUpdate: Date.UTC(2024, 9, 23, 4, 36, 24),
        nextUpdate: Date.UTC(2025, 10, 3, 1),
        revoked: [{ serial: 0x02_0001, at: Date.UTC(2022, 9, 31, 12) }],
      };
      const algorithm = pssAlgorithm('left out', 48);
      expect(sealed(revocationTbs(fields, algorithm), algorithm, recorded.subarray(-512))).toBe(
        toHex(recorded),
      );
      const { auxblob } = JSON.parse(corpusText('snp', 'v3-genoa-configfs-tsm/tsm-report.json')) as Record<
        string,
        string
      >;
      const guids = (table: Uint8Array): string[] =>
        [0, 24, 48].map((at) => toHex(table.subarray(at, at + 16)));
      const table = (await simulatedAmd()).guest.certificateTable({ pem: true });
      expect(guids(table)).toEqual(guids(Buffer.from(auxblob as string, 'base64url')));
      // The first certificate follows three entries and one of zeros.
      expect(toHex(table.subarray(16, 20))).toBe('60000000');
      expect(new TextDecoder().decode(table.subarray(0x60, 0x7b))).toBe('-----BEGIN CERTIFICATE-----');
    },
  );
});

describe('a healthy machine', () => {
  const kinds = PRODUCTS.flatMap((product) => SIGNERS.map((signer) => ({ product, signer })));

  it.each(kinds)(
    '$product with a $signer: one chain, one report, and they agree',
    async ({ product, signer }) => {
      const machine = await simulatedAmd([], { product });
      for (const version of [2, 3, 5] as const) {
        const all = await everythingOf(machine, { signer, version, vmpl: 1 });
        const part = (prefix: string): object =>
          Object.fromEntries(
            [...all].flatMap(([k, v]) => (k.startsWith(prefix) ? [[k.slice(prefix.length), v]] : [])),
          );
        expect(Object.values(part('signed.'))).toEqual(Array(5).fill('true'));
        expect(part('leaf.says.tcb.')).toEqual(part('report.tcbs.reported.'));
        for (const name of ['current', 'committed', 'launch'])
          expect(part(`report.tcbs.${name}.`)).toEqual(part('report.tcbs.reported.'));
        expect(all.get('report.product')).toBe(version === 2 ? 'null' : product);
        expect(all.get('report.signer')).toBe(signer);
        expect([all.get('report.vmpl'), all.get('leaf.says.kind'), all.get('leaf.says.product')]).toEqual([
          '1',
          signer,
          product,
        ]);
        const hwid = all.get('leaf.says.hwid') ?? '';
        if (signer === 'vcek') expect(all.get('report.chipId')).toBe(hwid.padEnd(128, '0'));
        expect(hwid).toHaveLength(signer === 'vlek' ? 'null'.length : product === 'Turin' ? 16 : 128);
        expect(all.get('ark.subject')).toContain(machine.vendor.rootName);
        expect([...all].filter(([, value]) => /Advanced Micro|^ARK-Genoa$/.test(value))).toEqual([]);
      }
    },
  );

  it('is the same to the byte from the same seed, and another one from another', async () => {
    const [one, again, other] = [
      await simulatedAmd(),
      await simulatedAmd(),
      await simulatedAmd([], { seed: 2 }),
    ];
    for (const signer of SIGNERS)
      expect(again.vendor.collateral(signer)).toEqual(one.vendor.collateral(signer));
    const signed = ({ guest }: typeof one): string => toHex(guest.report(REPORT_DATA).subarray(0, 0x2a0));
    expect(signed(again)).toBe(signed(one));
    expect(other.vendor.rootSpkiSha256).not.toEqual(one.vendor.rootSpkiSha256);
    expect(signed(other)).not.toBe(signed(one));
    // Of the seed alone: the values are those of another run.
    const pinned = { Milan: '', Genoa: '', Turin: '' };
    for (const product of PRODUCTS)
      pinned[product] = toHex((await simulatedAmd([], { product })).vendor.rootSpkiSha256).slice(0, 16);
    expect(pinned).toEqual({
      Milan: 'de7d5747d9877750',
      Genoa: '5c62e999c08478ad',
      Turin: 'af0e797e9280e210',
    });
    const next = one.vendor.launchGuest({ measurement: MEASUREMENT });
    expect(signed({ ...one, guest: next })).not.toBe(signed(one));
  });

  it('reports what the owner of the guest decided', async () => {
    const { vendor } = await simulatedAmd();
    const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);
    const image = {
      measurement: bytes(48, 1),
      hostData: bytes(32, 2),
      idKeyDigest: bytes(48, 3),
      authorKeyDigest: bytes(48, 4),
      policy: 0x3001fn,
      guestSvn: 7,
      familyId: bytes(16, 5),
      imageId: bytes(16, 6),
    };
    const { policy: _, ...same } = image;
    const report = parseSnpReport(vendor.launchGuest(image).report(REPORT_DATA));
    expect(report).toMatchObject({ ...same, authorKeyEnabled: true, reportData: REPORT_DATA });
    expect(report.policy).toMatchObject({ abiMinor: 0x1f, smtAllowed: true, debugAllowed: false });
    expect(() => vendor.launchGuest(image).report(bytes(63, 0))).toFailWith('INTERNAL');
  });
});
