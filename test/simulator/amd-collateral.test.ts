/** What lies beside a simulated report: the key service's answers, the host's table of certificates, dates. */
import { describe, expect, it } from 'vitest';
import { toHex } from '../../src/base/hex.ts';
import { formatPem, parsePem } from '../../src/codec/pem.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { readSnpEndorsement } from '../../src/evidence/snp/index.ts';
import { chainOf, simulatedAmd } from '../support/simulated-amd.ts';
import { edges, sources } from '../support/tree.ts';

const SIGNERS = ['vcek', 'vlek'] as const;

describe('the key service', () => {
  const query = 'blSPL=10&teeSPL=0&snpSPL=27&ucodeSPL=88';

  it('answers with what lies beside the report', async () => {
    const machine = await simulatedAmd();
    const { vendor } = machine;
    const hwid = toHex(readSnpEndorsement(parseCertificate(chainOf(machine).leaf)).hwid as Uint8Array);
    expect(vendor.keyService(`/vcek/v1/Genoa/${hwid}?${query}`)).toEqual(chainOf(machine).leaf);
    for (const signer of SIGNERS) {
      const files = vendor.collateral(signer);
      expect(vendor.keyService(`/${signer}/v1/Genoa/crl`)).toEqual(files.get('crl.der'));
      const chain = vendor.keyService(`/${signer}/v1/Genoa/cert_chain`) as Uint8Array;
      expect(chain).toEqual(files.get('cert_chain.pem'));
      const { ark, ask } = chainOf(machine, signer);
      expect(parsePem(new TextDecoder().decode(chain), 'CERTIFICATE')).toEqual([ask, ark]);
    }
    // The key is of the versions that it is asked for.
    const older = vendor.keyService(`/vcek/v1/Genoa/${hwid}?${query.replace('88', '62')}`) as Uint8Array;
    const [one, other] = [parseCertificate(chainOf(machine).leaf), parseCertificate(older)];
    expect(readSnpEndorsement(other).tcb.microcode).toBe(62);
    expect(other.spki.raw).not.toEqual(one.spki.raw);
    for (const path of [
      '/vcek/v1/Milan/crl',
      '/vcek/v2/Genoa/crl',
      '/vcek/v1/Genoa/crl/more',
      `/vcek/v1/Genoa/${'00'.repeat(64)}?${query}`,
      `/vcek/v1/Genoa/${hwid}`,
      `/vcek/v1/Genoa/${hwid}?${query.replace('88', '256')}`,
      `/vcek/v1/Genoa/${hwid}?${query}&fmcSPL=1`,
      `/vlek/v1/Genoa/${hwid}?${query}`,
    ])
      expect(vendor.keyService(path), path).toBe(null);
  });

  it('wants the level of fmc for a Turin, and its short HWID', async () => {
    const machine = await simulatedAmd([], { product: 'Turin' });
    const hwid = toHex(readSnpEndorsement(parseCertificate(chainOf(machine).leaf)).hwid as Uint8Array);
    const path = `/vcek/v1/Turin/${hwid}?fmcSPL=1&blSPL=1&teeSPL=1&snpSPL=4&ucodeSPL=81`;
    expect(machine.vendor.keyService(path)).toEqual(chainOf(machine).leaf);
    expect(machine.vendor.keyService(path.replace('fmcSPL=1&', ''))).toBe(null);
  });
});

describe('the certificate table', () => {
  /** GUID and content of each entry, by the words of AMD 56421: until an entry of zeros. */
  function entries(table: Uint8Array): readonly (readonly [string, Uint8Array])[] {
    const view = Buffer.from(table);
    const found: (readonly [string, Uint8Array])[] = [];
    for (let at = 0; view.subarray(at, at + 24).some((byte) => byte !== 0); at += 24) {
      const [offset, length] = [view.readUInt32LE(at + 16), view.readUInt32LE(at + 20)];
      const hex = view.subarray(at, at + 16).toString('hex');
      const guid = hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
      found.push([guid, table.subarray(offset, offset + length)]);
    }
    return found;
  }

  it.each(SIGNERS)(
    'has the chain of a %s, with or without the revocation list, as DER or PEM',
    async (signer) => {
      const machine = await simulatedAmd();
      const { ark, ask, leaf, crl } = chainOf(machine, signer);
      const key = {
        vcek: '63da758d-e664-4564-adc5-f4b93be8accd',
        vlek: 'a8074bc2-a25a-483e-aae6-39c045a0b8a1',
      };
      const chain = [
        ['c0b406a4-a803-4952-9743-3fb6014cd0ae', ark],
        ['4ab7b379-bbac-4fe4-a02f-05aef327c782', ask],
        [key[signer], leaf],
      ] as const;
      expect(entries(machine.guest.certificateTable({ signer }))).toEqual(chain);
      const withList = machine.guest.certificateTable({ signer, crl: true });
      expect(entries(withList)).toEqual([...chain, ['92f81bc3-5811-4d3d-97ff-d19f88dc67ea', crl]]);
      const pem = entries(machine.guest.certificateTable({ signer, pem: true }));
      expect(pem.map(([guid, text]) => [guid, new TextDecoder().decode(text)])).toEqual(
        chain.map(([guid, der]) => [guid, formatPem('CERTIFICATE', der)]),
      );
    },
  );
});

it('keeps the days of the calendar: a report key of a leap day ends on the first of March', async () => {
  const now = Date.UTC(2028, 1, 29, 5);
  const machine = await simulatedAmd([], { now });
  const { notBefore, notAfter } = parseCertificate(chainOf(machine).leaf);
  expect([notBefore, notAfter]).toEqual([Date.UTC(2028, 1, 29), Date.UTC(2035, 2, 1)]);
});

it('shares nothing with the readers of what it writes', () => {
  const reached = new Set(sources('host/simulator/amd'));
  for (const path of reached)
    for (const { to, internal } of edges(path))
      if (internal) reached.add(to.endsWith('.ts') ? to : `${to}/index.ts`);
  const readers = [...reached].filter((path) => /^(src\/(evidence|collateral)|verifier)\//.test(path));
  expect(readers).toEqual([]);
  expect(reached.size).toBeGreaterThan(12);
});
