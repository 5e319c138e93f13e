/** Which certificates are a report's: what is missing is named, what does not fit is refused, and others do no harm. */
import { describe, expect, it } from 'vitest';
import { amdResources } from '../../host/collateral/kds.ts';
import { needOf } from '../../host/collateral/needs.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import { derUtf8String } from '../../src/codec/der-write.ts';
import { type CollateralFile, NO_COLLATERAL, readCollateral } from '../../src/collateral/index.ts';
import { parseSnpReport, type SnpReport } from '../../src/evidence/snp/index.ts';
import { SNP_ROOTS, verifySnp } from '../../verifier/index.ts';
import { CORPUS } from '../support/corpus.ts';
import { recorded, recordedFiles, recordedOf, verifyRecorded } from '../support/snp.ts';
import { AMD_TIME } from '../support/simulated-amd.ts';
import { collateralOf, type Made, made, remade, verifyMade } from '../support/snp-made.ts';

const context = { crypto: nodeCrypto, roots: SNP_ROOTS };

/** Verifies a recorded report with these files alone, or one that was changed after it was read. */
async function refusal(
  name: string,
  files: readonly CollateralFile[],
  change: (report: SnpReport) => Partial<SnpReport> = () => ({}),
): Promise<AssayError> {
  const { bytes, at } = recordedOf(name);
  const report = parseSnpReport(bytes);
  const given = { ...context, at, collateral: readCollateral(files) };
  try {
    await verifySnp({ ...report, ...change(report) }, given);
  } catch (error) {
    if (error instanceof AssayError) return error;
    throw error;
  }
  throw new Error('was accepted');
}

describe.runIf(CORPUS !== null)('what is missing', () => {
  const vceks = recorded().filter(
    ({ outcome, fields }) => outcome === 'authentic' && fields['ek_csp_id'] === null,
  );

  it.each(vceks)(
    'is named with the address that has it: the VCEK of $name',
    async ({ name, bytes, fields }) => {
      const { code, message } = await refusal(name, recordedFiles('roots'));
      expect(code).toBe('COLLATERAL_MISSING');
      const need = needOf(bytes, fields['version'] === 2 ? 'Milan' : null);
      if (need.vendor !== 'amd') throw new Error(need.vendor);
      const url = amdResources(need, null).find(({ paced }) => paced)?.url as string;
      // A report of version 2 leaves two products open.
      expect(message).toContain(
        fields['version'] === 2 ? `(${url}, or Genoa in the place of Milan)` : `(${url})`,
      );
    },
  );

  it('is named: a VLEK, which no address has', async () => {
    const { code, message } = await refusal('v3-milan-aws-vlek', recordedFiles('roots', 'v3-milan-caci'));
    expect(code).toBe('COLLATERAL_MISSING');
    expect(message).toContain('VLEK certificate of Milan');
    expect(message).toContain('the cloud provider alone');
    expect(message).not.toContain('https:');
  });

  it.each([
    ['v3-genoa-caci', 'roots/genoa-ask.der', 'SEV-Genoa', 'vcek/v1/Genoa/cert_chain'],
    ['v3-genoa-caci', 'roots/genoa-ark.der', 'ARK-Genoa', 'vcek/v1/Genoa/cert_chain'],
    ['v3-milan-aws-vlek', 'roots/milan-asvk.der', 'SEV-VLEK-Milan', 'vlek/v1/Milan/cert_chain'],
    ['v3-milan-aws-vlek', 'roots/milan-ark.der', 'ARK-Milan', 'vlek/v1/Milan/cert_chain'],
  ])('is named: %s without %s', async (name, without, missing, path) => {
    const { files } = recordedOf(name);
    const { code, message } = await refusal(
      name,
      files.filter((file) => file.name !== without),
    );
    expect(code).toBe('COLLATERAL_MISSING');
    expect(message).toContain(missing);
    expect(message).toContain(`https://kdsintf.amd.com/${path}`);
  });

  it('is no certificate at all, and then nothing is authentic', async () => {
    for (const { name, bytes, outcome, at } of recorded()) {
      if (outcome !== 'authentic') continue;
      const given = { ...context, at, collateral: NO_COLLATERAL };
      await expect(verifySnp(parseSnpReport(bytes), given), name).toRejectWith('COLLATERAL_MISSING');
    }
  });

  it('is said with the files that could not be read', async () => {
    const [vcek] = recordedFiles('v5-genoa-model-a0/vcek.der') as [CollateralFile];
    const cut = { name: 'cut.der', bytes: vcek.bytes.subarray(0, -1) };
    const { code, message } = await refusal('v5-genoa-model-a0', [cut, ...recordedFiles('roots')]);
    expect(code).toBe('COLLATERAL_MISSING');
    expect(message).toMatch(/cut\.der is not readable \(DER_/);
  });
});

describe.runIf(CORPUS !== null)('a certificate that does not fit', () => {
  const CASES: readonly (readonly [string, string, Code, RegExp])[] = [
    ['v3-milan-caci', 'oak-cb', 'SNP_HWID_MISMATCH', /chip 1f8c2a55.*Milan\/4ffb5cb4/],
    ['v3-genoa-caci', 'oak-genoa-oc', 'SNP_HWID_MISMATCH', /chip d2421d97/],
    ['v3-genoa-caci', 'v3-milan-caci', 'SNP_PRODUCT_MISMATCH', /for Milan-B0, the report is of Genoa/],
    ['v5-genoa-model-a0', 'v5-turin-caci', 'SNP_PRODUCT_MISMATCH', /for Turin, the report is of Genoa/],
    ['v5-turin-caci', 'v5-genoa-model-a0', 'SNP_PRODUCT_MISMATCH', /for Genoa, the report is of Turin/],
    ['v2-milan', 'v2-milan-debug-policy', 'SNP_HWID_MISMATCH', /chip 3ac3fe21/],
    // Version 2 names no product, and the chip is another anyway.
    ['v2-milan', 'v5-turin-caci', 'SNP_HWID_MISMATCH', /chip 59790fb1c39f35c1/],
    ['v2-milan', 'v3-genoa-caci', 'SNP_HWID_MISMATCH', /chip b1e24a27/],
  ];

  it.each(CASES)('%s with that of %s', async (name, other, code, why) => {
    const files = recordedFiles('roots', other);
    const found = await refusal(
      name,
      files.filter((file) => !file.name.endsWith('/report.bin')),
    );
    expect(found.code).toBe(code);
    expect(found.message).toMatch(why);
  });

  it.each([
    ['the last byte of a chip', 'v3-genoa-caci', 63],
    ['the first byte of a chip', 'v3-genoa-caci', 0],
    ['what follows the chip of a Turin', 'v5-turin-caci', 8],
    ['the last byte of a Turin', 'v5-turin-caci', 63],
  ])('differs in %s', async (_, name, at) => {
    const { files } = recordedOf(name);
    const { code } = await refusal(name, files, ({ chipId }) => ({
      chipId: chipId.map((byte, i) => (i === at ? byte ^ 1 : byte)),
    }));
    expect(code).toBe('SNP_HWID_MISMATCH');
  });

  it.each([
    ['v3-milan-caci', [0, 1, 6, 7]],
    ['v5-turin-caci', [0, 1, 2, 3, 7]],
  ] as const)('differs in one part of %s, above or below', async (name, parts) => {
    for (const part of parts)
      for (const step of [1, 255]) {
        const { code, message } = await refusal(name, recordedOf(name).files, ({ tcbs }) => ({
          tcbs: { ...tcbs, reported: tcbs.reported.map((byte, i) => (i === part ? byte + step : byte)) },
        }));
        expect(code, `part ${part}`).toBe('SNP_TCB_MISMATCH');
        expect(message).toMatch(/reported is \d+; needed is the VCEK certificate of .* \(https:/);
      }
  });

  it('is that of the other kind of key', async () => {
    const other = ({ signer }: SnpReport): Partial<SnpReport> => ({
      signer: signer === 'vcek' ? 'vlek' : 'vcek',
    });
    const masked = recordedOf('v3-milan-aws-vlek');
    // The report of a VLEK hides its chip, so there is no VCEK to ask for.
    expect((await refusal(masked.name, masked.files, other)).code).toBe('SNP_CHIP_MASKED');
    const vcek = recordedOf('v3-milan-caci');
    expect((await refusal(vcek.name, vcek.files, other)).code).toBe('COLLATERAL_MISSING');
  });

  it('has a reserved byte of the product that its certificate names, in a report of version 2', async () => {
    const { files } = recordedOf('v2-milan');
    for (const which of ['reported', 'committed', 'current', 'launch'] as const) {
      const { code } = await refusal('v2-milan', files, ({ tcbs }) => ({
        tcbs: { ...tcbs, [which]: tcbs[which].map((byte, i) => (i === 3 ? 1 : byte)) },
      }));
      expect(code, which).toBe('SNP_FIELD_INVALID');
    }
  });

  it('hides its chip', async () => {
    const { files } = recordedOf('v3-milan-caci');
    const hidden = (): Partial<SnpReport> => ({ chipId: new Uint8Array(64) });
    expect((await refusal('v3-milan-caci', files, hidden)).code).toBe('SNP_CHIP_MASKED');
    expect((await refusal('v3-milan-caci', recordedFiles('roots'), hidden)).code).toBe('SNP_CHIP_MASKED');
  });
});

describe.runIf(CORPUS !== null)('time', () => {
  const at = Date.parse('2026-01-15T00:00:00Z');

  it('of a VLEK ends after a year', async () => {
    await expect(verifyRecorded('v3-milan-aws-vlek', { at })).toRejectWith('CHAIN_EXPIRED');
  });

  it.each(recorded().filter(({ outcome }) => outcome === 'authentic'))(
    'of $name is from the first to the last second of its certificate',
    async ({ name }) => {
      const { chain, validUntil, validFrom } = await verifyRecorded(name);
      expect([validFrom, validUntil]).toEqual([chain.leaf.notBefore, chain.leaf.notAfter]);
      await verifyRecorded(name, { at: validFrom });
      await verifyRecorded(name, { at: validUntil });
      await expect(verifyRecorded(name, { at: validFrom - 1 })).toRejectWith('CHAIN_NOT_YET_VALID');
      await expect(verifyRecorded(name, { at: validUntil + 1 })).toRejectWith('CHAIN_EXPIRED');
    },
  );
});

describe.runIf(CORPUS !== null)('a folder of everything', () => {
  const everything = recordedFiles(
    'roots',
    ...recorded().flatMap(({ files }) => files.map(({ name }) => name)),
  );

  it.each(recorded().filter(({ outcome }) => outcome === 'authentic'))(
    'has what $name needs',
    async ({ name, files }) => {
      const alone = await verifyRecorded(name);
      for (const list of [[...everything, ...files], [...files, ...everything].toReversed()]) {
        const found = await verifyRecorded(name, { collateral: readCollateral(list) });
        expect(found.claims.endorsement).toEqual(alone.claims.endorsement);
        expect(found.chain.certificates.map(({ raw }) => raw)).toEqual(
          alone.chain.certificates.map(({ raw }) => raw),
        );
      }
    },
  );
});

describe('of several that fit', () => {
  const YEAR = 365 * 86_400_000;

  it('takes the one that holds at the moment, and the newest of these', async () => {
    const first = await made();
    const again = await made([], { now: AMD_TIME + YEAR });
    const copies = { 'again.pem': again.files.get('vcek.pem') as Uint8Array };
    const beginning = async (at: number): Promise<number> =>
      (await verifyMade(first, { ...copies, 'crl.der': null }, at)).chain.leaf.notBefore;
    const day = Math.floor(AMD_TIME / 86_400_000) * 86_400_000;
    expect(await beginning(AMD_TIME)).toBe(day);
    expect(await beginning(AMD_TIME + 2 * YEAR)).toBe(
      Math.floor((AMD_TIME + YEAR) / 86_400_000) * 86_400_000,
    );
    await expect(beginning(AMD_TIME - YEAR)).rejects.toMatchObject({ code: 'CHAIN_NOT_YET_VALID' });
  });

  it('takes the one whose key signed, whoever else claims the chip', async () => {
    const genuine = await made();
    const [leaf, other] = await Promise.all([der(genuine, 'vcek.pem'), made([], { seed: 2 })]);
    const key = (await verifyMade(other)).chain.leaf.spki.raw;
    const impostor = remade(leaf, { by: 'ask', seed: 2 }, () => ({ spki: key }));
    for (const names of [
      ['a.der', 'z.der'],
      ['z.der', 'a.der'],
    ] as const) {
      const collateral = { 'vcek.pem': null, [names[0]]: impostor, [names[1]]: leaf };
      expect((await verifyMade(genuine, collateral)).chain.leaf.raw).toEqual(leaf);
    }
    // Alone it is what it is: of another authority, under a name that is not its own.
    await expect(verifyMade(genuine, { 'vcek.pem': impostor })).toRejectWith('CHAIN_SIGNATURE_INVALID');
  });

  it('takes the authority that issued it and the root that is pinned', async () => {
    const [genuine, other] = [await made(), await made([], { seed: 2 })];
    const theirs = {
      '0ask.pem': other.files.get('ask.pem') as Uint8Array,
      '0ark.pem': other.files.get('ark.pem') as Uint8Array,
    };
    const { chain } = await verifyMade(genuine, theirs);
    expect(chain.pin).toBe(genuine.root);
    expect(chain.certificates[0]?.raw).toEqual(genuine.machine.vendor.rootCertificate);
    await expect(verifyMade(genuine, { ...theirs, 'ask.pem': null })).toRejectWith('CHAIN_SIGNATURE_INVALID');
    await expect(verifyMade(genuine, { ...theirs, 'ark.pem': null })).toRejectWith('CHAIN_ROOT_UNTRUSTED');
  });

  it('tries no more than sixteen', async () => {
    const genuine = await made();
    const leaf = await der(genuine, 'vcek.pem');
    const key = (await verifyMade(await made([], { seed: 2 }))).chain.leaf.spki.raw;
    const forged = Array.from({ length: 16 }, (_, i) =>
      remade(leaf, { by: 'ask' }, () => ({ spki: key, serial: Uint8Array.of(2, 1, i) })),
    );
    const flood = Object.fromEntries(forged.map((bytes, i) => [`forged-${i}.der`, bytes]));
    const first = { 'vcek.pem': null, ...flood, 'z.der': leaf };
    await expect(verifyMade(genuine, first)).toRejectWith('SNP_SIGNATURE_INVALID');
    const fewer = { 'vcek.pem': null, ...flood, 'forged-0.der': null, 'z.der': leaf };
    expect((await verifyMade(genuine, fewer)).chain.leaf.raw).toEqual(leaf);
  });
});

describe('a certificate of a report key that cannot be read', () => {
  it('is what the report is refused for, when there is no other', async () => {
    const genuine = await made();
    const leaf = await der(genuine, 'vcek.pem');
    const renamed = remade(leaf, { by: 'ask' }, ({ subject }) => ({
      subject: replaced(subject, derUtf8String('SEV-VCEK'), derUtf8String('SEV-VLEK')),
    }));
    await expect(verifyMade(genuine, { 'vcek.pem': renamed })).toRejectWith('SNP_ENDORSEMENT_INVALID');
    expect((await verifyMade(genuine, { 'other.der': renamed })).chain.leaf.raw).toEqual(leaf);
  });
});

async function der(one: Made, file: string): Promise<Uint8Array> {
  const { items } = readCollateral([{ name: file, bytes: one.files.get(file) as Uint8Array }]);
  expect(collateralOf(one).ignored).toEqual([]);
  return items[0]?.bytes as Uint8Array;
}

function replaced(bytes: Uint8Array, from: Uint8Array, to: Uint8Array): Uint8Array {
  const at = Buffer.from(bytes).indexOf(Buffer.from(from));
  if (at < 0 || from.length !== to.length) throw new Error('nothing to replace');
  const out = bytes.slice();
  out.set(to, at);
  return out;
}
