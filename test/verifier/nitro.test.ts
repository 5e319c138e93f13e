/** Nitro documents judged: recorded ones by their manifest, made ones by the rule that they break. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { type NitroDocument, parseNitro } from '../../src/evidence/nitro.ts';
import {
  appraiseNitro,
  judgeEvidence,
  NITRO_ROOTS,
  nobleCrypto,
  type NitroExpectations,
  verifyNitro,
  webCrypto,
} from '../../verifier/index.ts';
import { nitroIdentity } from '../../verifier/nitro/identity.ts';
import { matchRoot } from '../../verifier/roots.ts';
import { parseCertificate, parsePem } from '../../src/codec/index.ts';
import { CORPUS, corpusBytes, corpusText, manifest, missing } from '../support/corpus.ts';
import {
  defaultPcrs,
  INSTANCE,
  makeDocument,
  makePki,
  MODULE_ID,
  PKI_TIME,
  REGION,
  ROOT_NAME,
  type TestPki,
} from '../support/nitro-pki.ts';

const entries = manifest('nitro').filter((entry) => entry.outcome !== undefined);
const WAIVED: NitroExpectations = {
  pcrs: 'any',
  debug: 'allow',
  partitions: 'any',
  hardware: 'any',
  revocation: 'any',
};

const NAMES = {
  module: MODULE_ID,
  root: ROOT_NAME,
  regional: `aa.${REGION}.${ROOT_NAME}`,
  instance: `${INSTANCE}.${REGION}.${ROOT_NAME}`,
  leaf: `${MODULE_ID}.${REGION}.sim-test`,
};

async function verified(
  pki: TestPki,
  changes: Parameters<typeof makeDocument>[1] = {},
): ReturnType<typeof verifyNitro> {
  return verifyNitro(parseNitro(makeDocument(pki, changes)), {
    at: PKI_TIME,
    crypto: nodeCrypto,
    roots: [pki.pin],
  });
}

describe('recorded documents', () => {
  if (CORPUS === null) it.skip(missing('nitro', 25), () => {});

  it.each(entries.map((entry) => [entry.file, entry] as const))('%s', async (file, entry) => {
    const options = {
      mode: 'archive',
      now: Date.parse(entry.verify_at as string),
      trust: null,
      platform: null,
      nonce: null,
    } as const;
    const bytes = corpusBytes('nitro', file);
    const { verdict } = await judgeEvidence(bytes, { ...options, crypto: nodeCrypto });
    expect(verdict.verdict).toBe(entry.outcome);
    // The same verdict, byte for byte, whatever does the arithmetic.
    for (const crypto of [webCrypto, nobleCrypto])
      expect(JSON.stringify((await judgeEvidence(bytes, { ...options, crypto })).verdict)).toBe(
        JSON.stringify(verdict),
      );
    const { fields } = entry.expected;
    if (entry.outcome !== 'authentic' || !Object.hasOwn(fields, 'leaf_subject_cn')) return;
    expect(verdict.claims['leaf']).toBe(fields['leaf_subject_cn']);
    expect(verdict.claims['leaf_not_before']).toBe(fields['leaf_not_before']);
    expect(verdict.claims['leaf_not_after']).toBe(fields['leaf_not_after']);
    expect(verdict.claims['timestamp_ms']).toBe(fields['timestamp_ms']);
    if (Object.hasOwn(fields, 'debug_mode')) expect(verdict.claims['debug']).toBe(fields['debug_mode']);
    expect(highS(parseNitro(bytes).sign1.signature)).toBe(fields['cose_signature_high_s']);
  });

  it.runIf(CORPUS !== null)('tells an enclave from a NitroTPM, which the same roots sign', async () => {
    const entry = entries.find(({ file }) => file.startsWith('docs/nitrotpm'));
    const bytes = corpusBytes('nitro', entry?.file as string);
    const at = Date.parse(entry?.verify_at as string);
    const tpm = await verifyNitro(parseNitro(bytes), { at, crypto: nodeCrypto, roots: NITRO_ROOTS });
    expect(tpm.claims.kind).toBe('nitrotpm');
    expect(() => appraiseNitro(tpm, WAIVED)).toFailWith('NITRO_TPM_DOCUMENT');
  });

  it.runIf(CORPUS !== null)('pins the recorded roots of both partitions', () => {
    for (const [file, partition] of [
      ['roots/aws-nitro-enclaves-root-g1.pem', 'aws'],
      ['roots/aws-us-gov-nitro-enclaves-root.pem', 'aws-us-gov'],
    ]) {
      const [der] = parsePem(corpusText('nitro', file as string), 'CERTIFICATE');
      expect(matchRoot(NITRO_ROOTS, parseCertificate(der as Uint8Array), nodeCrypto).partition).toBe(
        partition,
      );
    }
  });
});

/** n/2 of P-384 (SP 800-186 section 3.2.1.4). */
const HALF_ORDER =
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n >> 1n;
const highS = (signature: Uint8Array): boolean => BigInt(`0x${toHex(signature.subarray(48))}`) > HALF_ORDER;

describe('authenticity', () => {
  it('refuses a root that nobody named, however sound the rest', async () => {
    const pki = await makePki();
    const document = parseNitro(makeDocument(pki));
    await expect(
      verifyNitro(document, { at: PKI_TIME, crypto: nodeCrypto, roots: NITRO_ROOTS }),
    ).toRejectWith('CHAIN_ROOT_UNTRUSTED');
  });

  it('refuses a change of any signed byte', async () => {
    const pki = await makePki();
    const bytes = makeDocument(pki, { user_data: utf8('hello') });
    const at = bytes.length - 96 - 2 - 12;
    bytes[at] = (bytes[at] as number) ^ 1;
    const judged = await judgeEvidence(bytes, {
      mode: 'archive',
      now: PKI_TIME,
      trust: null,
      crypto: nodeCrypto,
      platform: 'nitro',
      nonce: null,
    });
    expect(judged.verdict.verdict).toBe('rejected');
    const zero = makeDocument(pki).fill(0, -96);
    await expect(
      verifyNitro(parseNitro(zero), { at: PKI_TIME, crypto: nodeCrypto, roots: [pki.pin] }),
    ).toRejectWith('NITRO_SIGNATURE_INVALID');
  });

  it.each([
    ['PCR4 of another instance', { pcrs: defaultPcrs().set(4, new Uint8Array(48).fill(9)) }],
    ['no PCR4', { pcrs: new Map([[0, new Uint8Array(48)]]) }],
    ['a module id of another instance', { module_id: MODULE_ID.replace('i-0', 'i-1') }],
    ['a module id of no shape', { module_id: 'mock' }],
    ['a TPM module in an enclave document', { module_id: `${INSTANCE}-tpm0000000000000000` }],
    ['an enclave module in a TPM document', { pcrs: undefined, nitrotpm_pcrs: defaultPcrs() }],
  ])('refuses %s', async (_, changes) => {
    await expect(verified(await makePki(), changes)).toRejectWith('NITRO_IDENTITY_MISMATCH');
  });

  it.each([
    ['a leaf of another name', { leaf: { name: 'i-0123456789abcdef0.eu-test-1.sim-test' } }],
    ['a leaf of another partition', { leaf: { name: `${MODULE_ID}.${REGION}.aws` } }],
    ['a leaf without a region', { leaf: { name: `${MODULE_ID}.sim-test` } }],
    ['a region that is none', { leaf: { name: `${MODULE_ID}.EU test.sim-test` } }],
    [
      'an instance certificate of another instance',
      { instance: { name: `i-00000000000000000.${REGION}.${ROOT_NAME}` } },
    ],
    ['a regional certificate of another region', { regional: { name: `aa.us-test-9.${ROOT_NAME}` } }],
  ])('refuses %s', async (_, changes) => {
    await expect(verified(await makePki(changes))).toRejectWith('NITRO_IDENTITY_MISMATCH');
  });

  it('refuses a time that the leaf did not live through', async () => {
    const pki = await makePki();
    await expect(verified(pki, { timestamp: PKI_TIME - 4000 })).toRejectWith('NITRO_TIMESTAMP_MISMATCH');
    await expect(verified(pki, { timestamp: PKI_TIME + 3 * 3_600_000 + 2000 })).toRejectWith(
      'NITRO_TIMESTAMP_MISMATCH',
    );
  });

  it('takes the last second of the leaf as a whole', async () => {
    const pki = await makePki();
    const end = PKI_TIME + 3 * 3_600_000;
    const { claims } = await verified(pki, { timestamp: end + 999 });
    expect(claims.timestamp).toBe(end + 999);
    await expect(verified(pki, { timestamp: end + 1000 })).toRejectWith('NITRO_TIMESTAMP_MISMATCH');
  });

  it('reads names of the whole path exactly', () => {
    const identity = (changes: Partial<typeof NAMES> = {}): ReturnType<typeof nitroIdentity> => {
      const { module, root, regional, instance, leaf } = { ...NAMES, ...changes };
      const certificates = [root, regional, instance, leaf].map((commonName) => ({
        subject: { commonName },
      }));
      return nitroIdentity({ moduleId: module, kind: 'enclave' } as NitroDocument, certificates as never);
    };
    expect(identity()).toMatchObject({ instanceId: INSTANCE, region: REGION, leafName: NAMES.leaf });
    const named = (module: string): Partial<typeof NAMES> => ({
      module,
      leaf: `${module}.${REGION}.sim-test`,
    });
    const placed = (region: string): Partial<typeof NAMES> => ({
      regional: `aa.${region}.${ROOT_NAME}`,
      instance: `${INSTANCE}.${region}.${ROOT_NAME}`,
      leaf: `${MODULE_ID}.${region}.sim-test`,
    });
    const under = (root: string): Partial<typeof NAMES> => ({
      root,
      regional: `aa.${REGION}.${root}`,
      instance: `${INSTANCE}.${REGION}.${root}`,
    });
    const strange: readonly Partial<typeof NAMES>[] = [
      named(`${MODULE_ID}0`),
      { ...named(MODULE_ID.replace('f0-', 'g0-')), instance: `i-0123456789abcdeg0.${REGION}.${ROOT_NAME}` },
      under('sim-test.nitro-enclavez'),
      placed('EU-TEST-1'),
      placed('eu.test'),
      { leaf: NAMES.leaf.replace('i-0', 'i-1') },
      { leaf: NAMES.leaf.replace(/sim-test$/, 'sim-tesu') },
      { leaf: `${MODULE_ID}.sim-test` },
      { regional: `aa.x${REGION}.${ROOT_NAME}` },
      { instance: `i-1123456789abcdef0.${REGION}.${ROOT_NAME}` },
    ];
    for (const changes of strange) expect(() => identity(changes)).toFailWith('NITRO_IDENTITY_MISMATCH');
  });

  it('says what the document claims', async () => {
    const { claims, pin } = await verified(await makePki());
    expect(claims).toMatchObject({
      instanceId: INSTANCE,
      region: REGION,
      moduleId: MODULE_ID,
      partition: 'simulated',
      debug: false,
    });
    expect(claims.launchedAt).toBe(0x019700000000);
    expect(pin.name).toBe(ROOT_NAME);
  });
});

describe('appraisal', () => {
  const pcr = (fill: number): string => toHex(new Uint8Array(48).fill(fill));
  const expectations = (changes: Partial<NitroExpectations>): NitroExpectations => ({
    ...WAIVED,
    ...changes,
  });

  it('accepts listed values and refuses others', async () => {
    const good = await verified(await makePki());
    expect(() =>
      appraiseNitro(good, expectations({ pcrs: { '0': [pcr(9), pcr(1)], '1': [pcr(2)] }, debug: 'reject' })),
    ).not.toThrow();
    expect(() => appraiseNitro(good, expectations({ pcrs: { '0': [pcr(1).toUpperCase()] } }))).not.toThrow();
    expect(() => appraiseNitro(good, expectations({ pcrs: { '0': [pcr(9)] } }))).toFailWith(
      'NITRO_PCR_MISMATCH',
    );
    expect(() => appraiseNitro(good, expectations({ pcrs: { '0': [pcr(1)], '2': [pcr(9)] } }))).toFailWith(
      'NITRO_PCR_MISMATCH',
    );
    expect(() => appraiseNitro(good, expectations({ pcrs: { '16': [pcr(0)] } }))).toFailWith(
      'NITRO_PCR_MISSING',
    );
  });

  it.each([[[0]], [[1]], [[2]], [[0, 1, 2]]])('takes zero in PCR %j for debug mode', async (registers) => {
    const pcrs = defaultPcrs();
    for (const index of registers) pcrs.set(index, new Uint8Array(48));
    const debug = await verified(await makePki(), { pcrs });
    expect(debug.claims.debug).toBe(true);
    expect(() => appraiseNitro(debug, expectations({ debug: 'reject', pcrs: { '0': [pcr(9)] } }))).toFailWith(
      'NITRO_DEBUG_MODE',
    );
    expect(() => appraiseNitro(debug, expectations({}))).not.toThrow();
  });

  it('cannot exclude debug mode without the registers that show it', async () => {
    const sparse = await verified(await makePki(), {
      pcrs: new Map([
        [4, defaultPcrs().get(4) as Uint8Array],
        [0, new Uint8Array(48).fill(1)],
      ]),
    });
    expect(() => appraiseNitro(sparse, expectations({ debug: 'reject' }))).toFailWith('NITRO_PCR_MISSING');
  });

  it('compares role and instance', async () => {
    const good = await verified(await makePki());
    const instance = toHex(good.claims.pcrs[4] as Uint8Array);
    expect(() => appraiseNitro(good, expectations({ hardware: { pcr4: [instance] } }))).not.toThrow();
    expect(() => appraiseNitro(good, expectations({ hardware: { pcr4: [pcr(1)] } }))).toFailWith(
      'NITRO_HARDWARE_MISMATCH',
    );
    expect(() =>
      appraiseNitro(good, expectations({ hardware: { pcr3: [pcr(1)], pcr4: [instance] } })),
    ).toFailWith('NITRO_HARDWARE_MISMATCH');
  });

  it('takes a register that is not listed for none of the roles', async () => {
    const pcrs = defaultPcrs();
    pcrs.delete(3);
    const sparse = await verified(await makePki(), { pcrs });
    expect(() => appraiseNitro(sparse, expectations({ hardware: { pcr3: [pcr(0)] } }))).toFailWith(
      'NITRO_HARDWARE_MISMATCH',
    );
  });

  it('bounds the lifetime of a leaf by four hours, and of an authority by 31 days', async () => {
    const appraise = async (changes: Parameters<typeof makePki>[0]): Promise<void> =>
      appraiseNitro(await verified(await makePki(changes)), expectations({ revocation: 'required' }));
    const leaf = (ms: number) => ({ leaf: { notBefore: PKI_TIME, notAfter: PKI_TIME + ms } });
    const zonal = (ms: number) => ({ zonal: { notBefore: PKI_TIME, notAfter: PKI_TIME + ms } });
    await expect(appraise({ ...leaf(4 * 3_600_000), ...zonal(31 * 86_400_000) })).resolves.toBe(undefined);
    await expect(appraise(leaf(4 * 3_600_000 + 1000))).toRejectWith('CHAIN_LONG_LIVED');
    await expect(appraise(zonal(31 * 86_400_000 + 1000))).toRejectWith('CHAIN_LONG_LIVED');
  });

  it('takes only the word of the waiver for one, from plain JavaScript too', async () => {
    const pcrs = defaultPcrs();
    pcrs.set(0, new Uint8Array(48));
    const debug = await verified(await makePki(), { pcrs });
    expect(() => appraiseNitro(debug, { ...WAIVED, debug: 'yes' } as never)).toFailWith('NITRO_DEBUG_MODE');
    const long = await verified(await makePki({ leaf: { notAfter: PKI_TIME + 30 * 3_600_000 } }));
    expect(() => appraiseNitro(long, { ...WAIVED, revocation: 'no' } as never)).toFailWith(
      'CHAIN_LONG_LIVED',
    );
  });

  it('demands lifetimes that need no revocation', async () => {
    const good = await verified(await makePki());
    expect(() => appraiseNitro(good, expectations({ revocation: 'required' }))).not.toThrow();
    const leaf = await verified(await makePki({ leaf: { notAfter: PKI_TIME + 30 * 3_600_000 } }));
    expect(() => appraiseNitro(leaf, expectations({ revocation: 'required' }))).toFailWith(
      'CHAIN_LONG_LIVED',
    );
    const zonal = await verified(await makePki({ zonal: { notAfter: PKI_TIME + 400 * 86_400_000 } }));
    expect(() => appraiseNitro(zonal, expectations({ revocation: 'required' }))).toFailWith(
      'CHAIN_LONG_LIVED',
    );
  });

  it.runIf(CORPUS !== null)('refuses a partition that is not listed', async () => {
    const file = 'docs/turnkey-2025-09-16-a.cbor';
    const at = Date.parse('2025-09-16T21:25:49Z');
    const genuine = await verifyNitro(parseNitro(corpusBytes('nitro', file)), {
      at,
      crypto: nodeCrypto,
      roots: NITRO_ROOTS,
    });
    expect(() => appraiseNitro(genuine, expectations({ partitions: ['aws-us-gov'] }))).toFailWith(
      'NITRO_PARTITION_MISMATCH',
    );
    expect(() =>
      appraiseNitro(genuine, expectations({ partitions: ['aws'], revocation: 'required' })),
    ).not.toThrow();
  });

  it('takes a forgotten expectation for an error, from plain JavaScript too', async () => {
    const good = await verified(await makePki());
    for (const name of ['pcrs', 'debug', 'partitions', 'hardware', 'revocation'])
      expect(() => appraiseNitro(good, { ...WAIVED, [name]: undefined } as never)).toFailWith(
        'EXPECTATION_MISSING',
      );
    expect(() => appraiseNitro(good, undefined as never)).toFailWith('EXPECTATION_MISSING');
  });
});
