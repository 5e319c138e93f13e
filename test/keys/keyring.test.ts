import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Birth,
  createKeyring,
  type KeyringParts,
  openKeyring,
  type ReleaseBackend,
} from '../../enclave/keys/keyring.ts';
import { formatKeyring, type KeyringFile, parseKeyring } from '../../enclave/keys/keyring-file.ts';
import { createNoRelease } from '../../enclave/keys/no-release.ts';
import { obtainKeyring } from '../../enclave/keys/obtain.ts';
import { attestRelease, documentsOf, RELEASE_CONTEXT } from '../../enclave/keys/release.ts';
import { nodeCrypto, sealAesGcm } from '../../native/index.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError, codeOf } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { ed25519Raw, ed25519Spki } from '../../src/base/ed25519.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Keyring as KeyringStatement } from '../../src/statement/keyring.ts';
import { Release } from '../../src/statement/release.ts';
import { thumbprint } from '../../src/statement/thumbprint.ts';
import {
  genesisOrderOf,
  policyOrder,
  TEST_ORIGIN,
  testEnclave,
  type TestEnclave,
} from '../support/enclave.ts';
import { MEASURED } from '../support/simulated.ts';
import { vectors } from '../support/vectors.ts';

const MASTER = randomBytes(32);

/** A custodian in this process: wraps under one key, with the context as additional data, as KMS does. */
function custodian(custody = 'kms:test'): ReleaseBackend & { released: Uint8Array[] } {
  const released: Uint8Array[] = [];
  const additional = (context: Readonly<Record<string, string>>): Buffer =>
    Buffer.from(JSON.stringify(context));
  return {
    custody,
    released,
    async generateDataKey(context) {
      const plaintext = new Uint8Array(randomBytes(32));
      const nonce = randomBytes(12);
      const cipher = createCipheriv('aes-256-gcm', MASTER, nonce).setAAD(additional(context));
      const wrapped = concat(nonce, cipher.update(plaintext), cipher.final(), cipher.getAuthTag());
      released.push(plaintext);
      return { plaintext, wrapped };
    },
    async decrypt(wrapped, context) {
      const decipher = createDecipheriv('aes-256-gcm', MASTER, wrapped.subarray(0, 12)).setAAD(
        additional(context),
      );
      decipher.setAuthTag(wrapped.subarray(-16));
      try {
        const plaintext = Uint8Array.from(
          Buffer.concat([decipher.update(wrapped.subarray(12, -16)), decipher.final()]),
        );
        released.push(plaintext);
        return plaintext;
      } catch {
        throw new AssayError('KMS_REQUEST_REFUSED', 'InvalidCiphertextException');
      }
    },
  };
}

interface Made {
  readonly enclave: TestEnclave;
  readonly parts: KeyringParts;
  readonly file: KeyringFile;
  readonly birth: Birth;
}

function birthIn(enclave: TestEnclave, fill = 1): Birth {
  return {
    keyringId: new Uint8Array(16).fill(fill),
    seed: new Uint8Array(32).fill(fill),
    nonce: new Uint8Array(12).fill(fill),
    bootId: enclave.keys.bootId,
    configDigest: enclave.configDigest,
    quote: (binding) => enclave.platform.quote({ binding, challenge: null, recipient: null }),
  };
}

async function made(origin = TEST_ORIGIN, fill = 1): Promise<Made> {
  const enclave = await testEnclave();
  const parts = { crypto: nodeCrypto, backend: custodian(), origin };
  const birth = birthIn(enclave, fill);
  const { file } = await createKeyring(parts, birth);
  return { enclave, parts, file, birth };
}

const open = ({ enclave, parts }: Made, file: KeyringFile): ReturnType<typeof openKeyring> =>
  openKeyring(parts, file, (birth, binding) => enclave.kin.judge(birth, binding, 'KEYRING_BIRTH'));

const flipped = (bytes: Uint8Array, at: number): Uint8Array => {
  const copy = bytes.slice();
  copy[at < 0 ? copy.length + at : at]! ^= 1;
  return copy;
};

/** The same header with other contents, and evidence that genuine hardware makes for it. */
async function reborn({ enclave, file }: Made, changes: Partial<KeyringStatement>): Promise<KeyringFile> {
  const header = KeyringStatement.encode({ ...KeyringStatement.decode(file.header), ...changes });
  const { evidence } = await birthIn(enclave).quote(bind(nodeCrypto, DOMAINS.keyring, header));
  return { ...file, header, birth: evidence };
}

describe('a keyring', () => {
  it('opens with the keys it was made with, in the file form too', async () => {
    const one = await made();
    const again = await open(one, parseKeyring(formatKeyring(one.file)));
    const raw = ed25519Raw(again.log.spki);
    expect(again.named).toEqual([{ name: 'log', key: raw }]);
    expect(again.thumbprints).toEqual([{ name: 'log', thumbprint: thumbprint(nodeCrypto, raw) }]);
    expect(again.keyringId).toEqual(one.birth.keyringId);
    expect(KeyringStatement.decode(one.file.header).keys).toEqual(again.thumbprints);
    const key = await nodeCrypto.importKey('Ed25519', ed25519Spki(raw));
    await key.verify(utf8('note'), again.log.sign(utf8('note')));
  });

  it('leaves neither seed nor data key in memory that it was given', async () => {
    const one = await made();
    const { released } = one.parts.backend as ReturnType<typeof custodian>;
    expect(one.birth.seed).toEqual(new Uint8Array(32));
    await open(one, one.file);
    expect(released).toHaveLength(2);
    for (const key of released) expect(key).toEqual(new Uint8Array(32));
  });

  it('wipes them also when a step fails', async () => {
    const { enclave, parts, file } = await made();
    const failing = async (): Promise<never> => {
      throw new AssayError('QUOTE_UNAVAILABLE', 'no');
    };
    const birth = { ...birthIn(enclave), quote: failing };
    await expect(createKeyring(parts, birth)).toRejectWith('QUOTE_UNAVAILABLE');
    expect(birth.seed).toEqual(new Uint8Array(32));
    const refused = birthIn(enclave);
    await expect(createKeyring({ ...parts, backend: createNoRelease() }, refused)).toRejectWith(
      'KEY_RELEASE_UNAVAILABLE',
    );
    expect(refused.seed).toEqual(new Uint8Array(32));
    const short = { ...birthIn(enclave), nonce: new Uint8Array(11) };
    await expect(createKeyring(parts, short)).toRejectWith('KEY_INVALID');
    expect(short.seed).toEqual(new Uint8Array(32));
    const backend = parts.backend as ReturnType<typeof custodian>;
    await expect(
      openKeyring(parts, { ...file, sealedSeed: flipped(file.sealedSeed, -1) }, async () => undefined),
    ).toRejectWith('KEYRING_MISMATCH');
    for (const key of backend.released) expect(key).toEqual(new Uint8Array(32));
  });

  it('is sealed so that the host learns nothing from the file', async () => {
    const one = await made();
    const text = new TextDecoder().decode(formatKeyring(one.file));
    const everything = toHex(
      concat(one.file.header, one.file.birth, one.file.wrappedKey, one.file.sealedSeed),
    );
    expect(everything).not.toContain('01'.repeat(32));
    expect(text).not.toContain(Buffer.alloc(32, 1).toString('base64').slice(0, 40));
  });
});

describe('a swapped keyring', () => {
  it('of another origin: KEYRING_MISMATCH', async () => {
    const one = await made();
    const other = await made('sim.example.org/other');
    await expect(open(one, other.file)).toRejectWith('KEYRING_MISMATCH');
  });

  it('in another custody: KEYRING_MISMATCH', async () => {
    const one = await made();
    const parts = { ...one.parts, backend: custodian('kms:another') };
    await expect(open({ ...one, parts }, one.file)).toRejectWith('KEYRING_MISMATCH');
  });

  it('with one bit of its header changed: never opened', async () => {
    const one = await made();
    const codes = new Set<string>();
    for (let at = 0; at < one.file.header.length; at++) {
      const changed = { ...one.file, header: flipped(one.file.header, at) };
      codes.add(await open(one, changed).then(() => 'OPENED', codeOf));
    }
    expect([...codes].sort()).toEqual(['KEYRING_BIRTH', 'KEYRING_INVALID', 'KEYRING_MISMATCH']);
  });

  it('with a header of another birth by the same genuine code: the custodian does not unwrap', async () => {
    const one = await made();
    const changed = await reborn(one, { version: 2 });
    await expect(open(one, changed)).toRejectWith('KMS_REQUEST_REFUSED');
    // Even a custodian who ignores the context gives a key that does not open the seed under this header.
    const careless: ReleaseBackend = {
      ...one.parts.backend,
      decrypt: (wrapped) =>
        one.parts.backend.decrypt(wrapped, {
          [RELEASE_CONTEXT.origin]: TEST_ORIGIN,
          [RELEASE_CONTEXT.keyring]: toHex(one.birth.keyringId),
          [RELEASE_CONTEXT.header]: toHex(nodeCrypto.sha256(one.file.header)),
        }),
    };
    const parts = { ...one.parts, backend: careless };
    await expect(open({ ...one, parts }, changed)).toRejectWith('KEYRING_MISMATCH');
  });

  it('with its sealed seed changed: KEYRING_MISMATCH', async () => {
    const one = await made();
    for (const at of [0, 12, -1])
      await expect(open(one, { ...one.file, sealedSeed: flipped(one.file.sealedSeed, at) })).toRejectWith(
        'KEYRING_MISMATCH',
      );
    await expect(open(one, { ...one.file, sealedSeed: new Uint8Array(5) })).toRejectWith('KEYRING_MISMATCH');
  });

  it('with the wrapped key of another keyring of the same service: not unwrapped', async () => {
    const one = await made();
    const { file } = await createKeyring(one.parts, birthIn(one.enclave, 2));
    await expect(open(one, { ...one.file, wrappedKey: file.wrappedKey })).toRejectWith('KMS_REQUEST_REFUSED');
    await expect(open(one, { ...one.file, sealedSeed: file.sealedSeed })).toRejectWith('KEYRING_MISMATCH');
    expect((await open(one, file)).keyringId).toEqual(new Uint8Array(16).fill(2));
  });

  it('born in another image, on other hardware, or for other bytes: KEYRING_BIRTH', async () => {
    const one = await made();
    const binding = bind(nodeCrypto, DOMAINS.keyring, one.file.header);
    const patched = await testEnclave({ measured: { ...MEASURED, pcr0: new Uint8Array(48).fill(0xee) } });
    const elsewhere = await testEnclave({ seed: 2 });
    const debug = await testEnclave({ faults: ['debug'] });
    const unrooted = await testEnclave({ faults: ['wrong-root'] });
    for (const born of [patched, elsewhere, debug, unrooted]) {
      const { evidence } = await birthIn(born).quote(binding);
      await expect(open(one, { ...one.file, birth: evidence })).toRejectWith('KEYRING_BIRTH');
    }
    const other = await birthIn(one.enclave).quote(bind(nodeCrypto, DOMAINS.identity, one.file.header));
    await expect(open(one, { ...one.file, birth: other.evidence })).toRejectWith('KEYRING_BIRTH');
    await expect(open(one, { ...one.file, birth: flipped(one.file.birth, -1) })).toRejectWith(
      'KEYRING_BIRTH',
    );
    await expect(open(one, { ...one.file, birth: new Uint8Array(0) })).toRejectWith('KEYRING_BIRTH');
  });

  it('born in an image that the configuration names as a predecessor: opened', async () => {
    const one = await made();
    const next = await testEnclave({
      measured: { ...MEASURED, pcr0: new Uint8Array(48).fill(0xee) },
      config: { keyring: { kmsKeyId: 'key', predecessors: [toHex(MEASURED.pcr0)] } },
    });
    const opened = await open({ ...one, enclave: next }, one.file);
    expect(opened.keyringId).toEqual(one.birth.keyringId);
  });

  it('whose seed does not give the keys of its header: KEYRING_MISMATCH', async () => {
    const one = await made();
    const keys = [{ name: 'log', thumbprint: new Uint8Array(32).fill(9) }];
    for (const other of [
      keys,
      [],
      [{ ...keys[0]!, name: 'tenant' }],
      [...keys, { ...keys[0]!, name: 'b' }],
    ]) {
      const header = KeyringStatement.encode({ ...KeyringStatement.decode(one.file.header), keys: other });
      const careless = custodian();
      // A colluding custodian and genuine code that once was made to seal this seed under such a header.
      const dataKey = new Uint8Array(32).fill(7);
      const file = {
        header,
        birth: (await birthIn(one.enclave).quote(bind(nodeCrypto, DOMAINS.keyring, header))).evidence,
        birthEndorsements: null,
        wrappedKey: new Uint8Array(1),
        sealedSeed: sealAesGcm(dataKey, new Uint8Array(12), new Uint8Array(32).fill(1), header),
      };
      const backend = { ...careless, decrypt: async () => dataKey.slice() };
      await expect(open({ ...one, parts: { ...one.parts, backend } }, file)).toRejectWith('KEYRING_MISMATCH');
    }
  });

  it('says nothing secret in its errors', async () => {
    const one = await made();
    const seed = '01'.repeat(8);
    const errors: unknown[] = [];
    for (const file of [
      { ...one.file, sealedSeed: flipped(one.file.sealedSeed, -1) },
      { ...one.file, wrappedKey: flipped(one.file.wrappedKey, -1) },
      { ...one.file, header: flipped(one.file.header, 3) },
      { ...one.file, birth: flipped(one.file.birth, 30) },
    ])
      errors.push(await open(one, file).catch((error: unknown) => error));
    expect(errors).toHaveLength(4);
    for (let error of errors)
      for (; error instanceof Error; error = error.cause) {
        expect(error.message).not.toContain(seed);
        for (const key of (one.parts.backend as ReturnType<typeof custodian>).released)
          expect(error.message).not.toContain(toHex(key).slice(0, 16));
      }
  });
});

describe('a keyring file', () => {
  it.each(vectors<{ name: string; text: string }>('keyring-malformed.json').cases)(
    'that is $name is KEYRING_INVALID',
    ({ text }) => {
      expect(() => parseKeyring(utf8(text))).toFailWith('KEYRING_INVALID');
    },
  );

  it('of any size is bounded', async () => {
    const { file } = await made();
    const long = formatKeyring({ ...file, birth: new Uint8Array(65_536) });
    expect(() => parseKeyring(long)).toFailWith('KEYRING_INVALID');
    expect(() => parseKeyring(new Uint8Array(200_000))).toFailWith('KEYRING_INVALID');
  });

  it('whose header is no statement is KEYRING_INVALID', async () => {
    const one = await made();
    for (const header of [new Uint8Array(0), Uint8Array.of(0xa0), concat(one.file.header, Uint8Array.of(0))])
      await expect(open(one, { ...one.file, header })).toRejectWith('KEYRING_INVALID');
  });
});

describe('obtaining the keyring', () => {
  const nonce = new Uint8Array(32).fill(5);
  const obtain = (
    enclave: TestEnclave,
    backend: ReleaseBackend = custodian(),
  ): ReturnType<typeof obtainKeyring> =>
    obtainKeyring(
      { ...enclave, machine: { platform: enclave.platform, crypto: nodeCrypto } },
      enclave.clock,
      backend,
    );

  it('stays locked without a keyring and an order: KEYRING_MISSING', async () => {
    const enclave = await testEnclave();
    await expect(obtain(enclave)).toRejectWith('KEYRING_MISSING');
    expect(enclave.store.files.size).toBe(0);
  });

  it('makes one under an order, keeps it, and opens it from then on without an order', async () => {
    const enclave = await testEnclave({ threshold: 2 });
    const keyringId = new Uint8Array(16).fill(0x33);
    const order = { origin: TEST_ORIGIN, keyringId, notAfter: enclave.machine.now + 1_000, nonce };
    enclave.store.files.set('genesis', genesisOrderOf(order, enclave.authorities));
    const keyring = await obtain(enclave);
    expect(keyring.keyringId).toEqual(keyringId);
    enclave.store.files.delete('genesis');
    enclave.machine.now += 1e9;
    expect((await obtain(enclave)).named).toEqual(keyring.named);
  });

  it('makes another one each time that an order is given to an empty store', async () => {
    const enclave = await testEnclave();
    const order = { origin: TEST_ORIGIN, keyringId: null, notAfter: enclave.machine.now + 1_000, nonce };
    enclave.store.files.set('genesis', genesisOrderOf(order, enclave.authorities));
    const first = await obtain(enclave);
    enclave.store.files.delete('keyring');
    const second = await obtain(enclave);
    expect(second.keyringId).not.toEqual(first.keyringId);
    expect(second.named).not.toEqual(first.named);
  });

  it('refuses orders that are late, for others, of others, or of another kind, and makes nothing', async () => {
    const enclave = await testEnclave({ threshold: 2 });
    const { now } = enclave.machine;
    const stranger = await testEnclave();
    const good = { origin: TEST_ORIGIN, keyringId: null, notAfter: now + 1_000, nonce };
    const policy = {
      origin: TEST_ORIGIN,
      tenant: 'acme',
      version: 1,
      previous: null,
      bundleDigest: nonce,
      notAfter: now + 1_000,
    };
    const one = enclave.authorities.slice(0, 1);
    const cases: [Uint8Array, string][] = [
      [genesisOrderOf({ ...good, notAfter: now }, enclave.authorities), 'ORDER_EXPIRED'],
      [
        genesisOrderOf({ ...good, origin: 'sim.example.org/other' }, enclave.authorities),
        'ORDER_MISDIRECTED',
      ],
      [genesisOrderOf(good, one), 'ORDER_THRESHOLD_NOT_MET'],
      [genesisOrderOf(good, [...one, ...one]), 'ORDER_THRESHOLD_NOT_MET'],
      [genesisOrderOf(good, stranger.authorities), 'ORDER_THRESHOLD_NOT_MET'],
    ];
    for (const [order, code] of cases) {
      enclave.store.files.set('genesis', order);
      expect(await obtain(enclave).then(() => 'MADE', codeOf)).toBe(code);
    }
    for (const order of [policyOrder(policy, enclave.authorities), new Uint8Array(0), utf8('{}')]) {
      enclave.store.files.set('genesis', order);
      await expect(obtain(enclave)).rejects.toBeInstanceOf(AssayError);
    }
    expect([...enclave.store.files.keys()]).toEqual(['genesis']);
  });

  it('does not fall back to a new keyring when the one that is there is bad', async () => {
    const enclave = await testEnclave();
    const order = { origin: TEST_ORIGIN, keyringId: null, notAfter: enclave.machine.now + 1_000, nonce };
    enclave.store.files.set('genesis', genesisOrderOf(order, enclave.authorities));
    enclave.store.files.set('keyring', utf8('{}'));
    await expect(obtain(enclave)).toRejectWith('KEYRING_INVALID');
    expect(enclave.store.files.get('keyring')).toEqual(utf8('{}'));
  });

  it('without a release backend stays locked: KEY_RELEASE_UNAVAILABLE', async () => {
    const enclave = await testEnclave();
    const order = { origin: TEST_ORIGIN, keyringId: null, notAfter: enclave.machine.now + 1_000, nonce };
    enclave.store.files.set('genesis', genesisOrderOf(order, enclave.authorities));
    await expect(obtain(enclave, createNoRelease())).toRejectWith('KEY_RELEASE_UNAVAILABLE');
    await expect(createNoRelease().decrypt(nonce, {})).toRejectWith('KEY_RELEASE_UNAVAILABLE');
    expect(enclave.store.files.has('keyring')).toBe(false);
  });
});

describe('evidence for a release', () => {
  it('binds recipient, purpose, keyring and boot, in a domain of its own', async () => {
    const enclave = await testEnclave();
    const attestTo = attestRelease({
      hashing: nodeCrypto,
      platform: enclave.platform,
      origin: TEST_ORIGIN,
      bootId: enclave.keys.bootId,
      configDigest: enclave.configDigest,
      keyId: 'key',
    });
    const attest = documentsOf(attestTo('aws-kms'));
    const context = {
      [RELEASE_CONTEXT.origin]: TEST_ORIGIN,
      [RELEASE_CONTEXT.keyring]: '01'.repeat(16),
      [RELEASE_CONTEXT.header]: '02'.repeat(32),
    };
    const recipient = new Uint8Array(91).fill(1);
    const document = parseNitro(await attest(recipient, 'create', context));
    expect(document.publicKey).toEqual(recipient);
    const bindings = [
      await attest(recipient, 'open', context),
      await attest(new Uint8Array(91), 'create', context),
      await attest(recipient, 'create', { ...context, [RELEASE_CONTEXT.header]: '03'.repeat(32) }),
    ].map((evidence) => toHex(parseNitro(evidence).userData as Uint8Array));
    expect(new Set([...bindings, toHex(document.userData as Uint8Array)]).size).toBe(4);
    await expect(attest(recipient, 'create', {})).toRejectWith('KEYRING_MISMATCH');
    for (const backend of ['aws-kms', 'sim-kms']) {
      const { statement } = await attestTo(backend)(recipient, 'create', context);
      expect(Release.decode(statement)).toMatchObject({ backend, backendId: 'key', purpose: 'create' });
    }
  });
});
