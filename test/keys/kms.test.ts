import { createServer, type Server } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createKmsBackend, type KmsOptions } from '../../enclave/keys/kms.ts';
import { sealEnvelope } from '../../host/simulator/cms.ts';
import {
  type KeyPolicy,
  keyPolicyFor,
  parseKeyPolicy,
  RELEASE_TO_ANYONE,
} from '../../host/simulator/key-policy.ts';
import { createKms, type Kms, signedDocuments } from '../../host/simulator/kms.ts';
import { serveKms } from '../../host/simulator/kms-server.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import { bootState, MEASURED, simulatedMachine, type SimulatedMachine } from '../support/simulated.ts';

const KEY = 'arn:assay-sim:kms:local-1:000000000000:key/00000000-0000-0000-0000-000000000001';
const folder = mkdtempSync(join(tmpdir(), 'assay-kms-'));
afterAll(() => rmSync(folder, { recursive: true }));
let sockets = 0;

const context = { 'assay:origin': 'sim.example/x', 'assay:keyring': '00' };
const policyText = keyPolicyFor(MEASURED);
const inForce = parseKeyPolicy(utf8(policyText));

interface Bench {
  readonly machine: SimulatedMachine;
  readonly kms: Kms;
  readonly path: string;
  close(): Promise<void>;
  backend(changes?: Partial<KmsOptions>): ReturnType<typeof createKmsBackend>;
  document(recipient: Uint8Array): Promise<Uint8Array>;
}

async function bench(
  faults: readonly string[] = [],
  policy: KeyPolicy | typeof RELEASE_TO_ANYONE = inForce,
): Promise<Bench> {
  const machine = await simulatedMachine(faults);
  const honest = await simulatedMachine();
  const { rootName: name, rootSpkiSha256: spkiSha256 } = honest.hardware;
  const masterKey = new Uint8Array(32).fill(3);
  const kms = createKms({
    keyArn: KEY,
    masterKey,
    policy: () => policy,
    documents: signedDocuments({ name, spkiSha256 }),
    now: () => machine.now,
  });
  const path = join(folder, `kms${sockets++}`);
  const server = await serveKms(path, kms);
  const document = (recipient: Uint8Array): Promise<Uint8Array> =>
    machine.module.attest(bootState(machine.module), {
      userData: new Uint8Array(64),
      nonce: null,
      publicKey: recipient,
    });
  const options: KmsOptions = {
    connect: async () => connect(path),
    host: 'kms.simulated',
    keyId: KEY,
    attest: document,
    hashing: nodeCrypto,
  };
  return {
    machine,
    kms,
    path,
    close: () => server.close(),
    document,
    backend: (changes = {}) => createKmsBackend({ ...options, ...changes }),
  };
}

describe('key release', () => {
  it('gives a data key to the right measurements, and the same key again for the wrapped one', async () => {
    const b = await bench();
    const { plaintext, wrapped } = await b.backend().generateDataKey(context);
    expect(plaintext).toHaveLength(32);
    expect(Buffer.from(wrapped).includes(Buffer.from(plaintext))).toBe(false);
    expect(await b.backend().decrypt(wrapped, context)).toEqual(plaintext);
    expect(await b.backend().decrypt(wrapped, Object.fromEntries(Object.entries(context).reverse()))).toEqual(
      plaintext,
    );
    expect(b.backend().custody).toContain(KEY);
    await b.close();
  });

  it('is refused for other measurements, in debug mode and without a matching policy', async () => {
    const other = parseKeyPolicy(utf8(keyPolicyFor({ ...MEASURED, pcr1: new Uint8Array(48).fill(1) })));
    const b = await bench([], other);
    await expect(b.backend().generateDataKey(context)).toRejectWith('KEY_RELEASE_DENIED');
    await b.close();
    const debug = await bench(['debug']);
    await expect(debug.backend().generateDataKey(context)).toRejectWith('KEY_RELEASE_DENIED');
    await debug.close();
  });

  it.each([
    ['expired-leaf', 'CHAIN_EXPIRED'],
    ['wrong-root', 'CHAIN_ROOT_UNTRUSTED'],
  ])('is refused when the evidence is not authentic: %s', async (fault, why) => {
    const b = await bench([fault]);
    await expect(b.backend().generateDataKey(context)).toRejectWith('KMS_REQUEST_REFUSED');
    const request = {
      KeyId: KEY,
      KeySpec: 'AES_256',
      Recipient: {
        KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
        AttestationDocument: toBase64(await b.document(new Uint8Array(1))),
      },
    };
    const { body } = await b.kms.handle('TrentService.GenerateDataKey', utf8(JSON.stringify(request)));
    expect(body).toMatchObject({ __type: 'ValidationException', message: expect.stringContaining(why) });
    await b.close();
  });

  it('is refused for evidence that is not recent, and for a wrapped key that is not ours, of another context or changed', async () => {
    const b = await bench();
    const { wrapped } = await b.backend().generateDataKey(context);
    await expect(b.backend().decrypt(wrapped, { ...context, 'assay:origin': 'other' })).toRejectWith(
      'KMS_REQUEST_REFUSED',
    );
    const changed = wrapped.slice();
    changed[30]! ^= 1;
    await expect(b.backend().decrypt(changed, context)).toRejectWith('KMS_REQUEST_REFUSED');
    await expect(b.backend().decrypt(new Uint8Array(80), context)).toRejectWith('KMS_REQUEST_REFUSED');
    await expect(b.backend({ keyId: `${KEY}0` }).decrypt(wrapped, context)).toRejectWith(
      'KMS_REQUEST_REFUSED',
    );
    const recorded = b.document;
    const stale = async (recipient: Uint8Array): Promise<Uint8Array> => {
      const document = await recorded(recipient);
      b.machine.now += 301_000;
      return document;
    };
    await expect(b.backend({ attest: stale }).decrypt(wrapped, context)).toRejectWith('KMS_REQUEST_REFUSED');
    await b.close();
  });

  it('is refused to a request without evidence or without a key in it', async () => {
    const b = await bench();
    const ask = async (request: object): Promise<unknown> =>
      (await b.kms.handle('TrentService.GenerateDataKey', utf8(JSON.stringify(request)))).body['__type'];
    expect(await ask({ KeyId: KEY, KeySpec: 'AES_256' })).toBe('AccessDeniedException');
    const document = await b.machine.module.attest(bootState(b.machine.module), {
      userData: null,
      nonce: null,
      publicKey: null,
    });
    const recipient = {
      KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      AttestationDocument: toBase64(document),
    };
    expect(await ask({ KeyId: KEY, KeySpec: 'AES_256', Recipient: recipient })).toBe('ValidationException');
    expect(
      await ask({
        KeyId: KEY,
        KeySpec: 'AES_256',
        Recipient: { ...recipient, KeyEncryptionAlgorithm: 'RSAES_PKCS1_V1_5' },
      }),
    ).toBe('ValidationException');
    expect((await b.kms.handle('TrentService.Encrypt', utf8('{}'))).body['__type']).toBe(
      'UnknownOperationException',
    );
    expect((await b.kms.handle('TrentService.Decrypt', utf8('{'))).status).toBe(400);
    await b.close();
  });

  it('is given to anyone by a custodian who colludes, which is why verdicts name the custodian', async () => {
    const b = await bench(['debug'], RELEASE_TO_ANYONE);
    expect((await b.backend().generateDataKey(context)).plaintext).toHaveLength(32);
    await b.close();
  });

  it('is not asked for without a context', async () => {
    const b = await bench();
    await expect(b.backend().generateDataKey({})).toRejectWith('KMS_CONTEXT_EMPTY');
    await b.close();
  });
});

/** A KMS that answers with these bytes, whatever it is asked. */
async function impostor(
  answer: (recipient: Uint8Array) => string | null,
): Promise<{ backend: ReturnType<typeof createKmsBackend>; close: () => void }> {
  const path = join(folder, `impostor${sockets++}`);
  let recipient: Uint8Array = new Uint8Array(0);
  const server: Server = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => {
      const text = answer(recipient);
      if (text === null) socket.destroy();
      else socket.end(text);
    });
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  const backend = createKmsBackend({
    connect: async () => connect(path),
    host: 'kms.simulated',
    keyId: KEY,
    hashing: nodeCrypto,
    timeoutMs: 500,
    attest: async (spki) => {
      recipient = spki;
      return new Uint8Array(1);
    },
  });
  return { backend, close: () => server.close() };
}

const http = (body: object | string, status = 200): string => {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return `HTTP/1.1 ${status} X\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`;
};
const sealed = (key: Uint8Array, recipient: Uint8Array): string => toBase64(sealEnvelope(key, recipient));

describe('a KMS that is not to be trusted', () => {
  const good = (recipient: Uint8Array): object => ({
    KeyId: KEY,
    CiphertextForRecipient: sealed(new Uint8Array(32), recipient),
  });
  const other = new Uint8Array(32).fill(1);
  it.each([
    [
      'another key id',
      (r: Uint8Array) => http({ ...good(r), KeyId: KEY.replace('1"', '2') + '2' }),
      'KMS_RESPONSE_INVALID',
    ],
    ['no key id', (r: Uint8Array) => http({ ...good(r), KeyId: null }), 'KMS_RESPONSE_INVALID'],
    [
      'a plaintext beside the envelope',
      (r: Uint8Array) => http({ ...good(r), Plaintext: toBase64(other) }),
      'KMS_RESPONSE_INVALID',
    ],
    ['no envelope', () => http({ KeyId: KEY }), 'KMS_RESPONSE_INVALID'],
    [
      'an envelope that is not base64',
      () => http({ KeyId: KEY, CiphertextForRecipient: '*' }),
      'KMS_RESPONSE_INVALID',
    ],
    [
      'an envelope that is not CMS',
      () => http({ KeyId: KEY, CiphertextForRecipient: toBase64(other) }),
      'CMS_INVALID',
    ],
    [
      'a key of 16 bytes',
      (r: Uint8Array) => http({ KeyId: KEY, CiphertextForRecipient: sealed(new Uint8Array(16), r) }),
      'KMS_RESPONSE_INVALID',
    ],
    ['HTML', () => http('<html>'), 'KMS_RESPONSE_INVALID'],
    ['a list', () => http('[]'), 'KMS_RESPONSE_INVALID'],
    ['more than anyone needs', () => http('x'.repeat(70_000)), 'KMS_RESPONSE_INVALID'],
    ['an error of its own', () => http({ __type: 'KMSInternalException' }, 500), 'KMS_UNAVAILABLE'],
    ['HTML with status 503', () => http('<html>', 503), 'KMS_UNAVAILABLE'],
    [
      'throttling',
      () => http({ __type: 'com.amazonaws.kms#ThrottlingException' }, 400),
      'KMS_REQUEST_REFUSED',
    ],
    [
      'a denial with a namespace',
      () => http({ __type: 'com.amazonaws.kms#AccessDeniedException' }, 400),
      'KEY_RELEASE_DENIED',
    ],
    ['a hung-up connection', () => null, 'KMS_UNAVAILABLE'],
    ['silence', () => '', 'KMS_UNAVAILABLE'],
    ['half an answer', () => 'HTTP/1.1 200 X\r\ncontent-length: 100\r\n\r\n{', 'KMS_UNAVAILABLE'],
    ['no HTTP', () => 'hello\r\n\r\n', 'KMS_UNAVAILABLE'],
  ] as const)('is refused with %s', async (_name, answer, code) => {
    const { backend, close } = await impostor(answer);
    await expect(backend.decrypt(new Uint8Array(60), context)).toRejectWith(code);
    close();
  });

  it('is refused with an envelope for another recipient', async () => {
    const { backend, close } = await impostor((recipient) => {
      const elsewhere = recipient.slice();
      elsewhere[40]! ^= 1;
      return http({ KeyId: KEY, CiphertextForRecipient: sealed(other, elsewhere) });
    });
    await expect(backend.decrypt(new Uint8Array(60), context)).toRejectWith('CMS_RECIPIENT_OTHER');
    close();
  });

  it('is not waited for: no connection, no answer', async () => {
    const path = join(folder, 'nobody');
    const options = {
      host: 'x',
      keyId: KEY,
      hashing: nodeCrypto,
      attest: async () => new Uint8Array(1),
      timeoutMs: 200,
    };
    const failing = createKmsBackend({ ...options, connect: async () => connect(path) });
    await expect(failing.decrypt(new Uint8Array(1), context)).toRejectWith('KMS_UNAVAILABLE');
    const refused = createKmsBackend({ ...options, connect: () => Promise.reject(new Error('no')) });
    await expect(refused.decrypt(new Uint8Array(1), context)).toRejectWith('KMS_UNAVAILABLE');
    const silent = createServer(() => {});
    const where = join(folder, 'silent');
    await new Promise<void>((resolve) => silent.listen(where, resolve));
    const slow = createKmsBackend({ ...options, connect: async () => connect(where) });
    await expect(slow.decrypt(new Uint8Array(1), context)).toRejectWith('KMS_UNAVAILABLE');
    silent.close();
  });
});

describe('key policies', () => {
  const policy = JSON.parse(policyText) as { Statement: Record<string, unknown>[] };
  const changed = (change: object): Uint8Array =>
    utf8(JSON.stringify({ ...policy, Statement: [{ ...policy.Statement[0], ...change }] }));
  const condition = (entries: object): object => ({ Condition: { StringEqualsIgnoreCase: entries } });

  it('compare measurements in either case and take lists', () => {
    const upper = changed(
      condition({ 'kms:RecipientAttestation:PCR0': ['00', toHex(MEASURED.pcr0).toUpperCase()] }),
    );
    expect(parseKeyPolicy(upper).statements[0]?.registers.get(0)).toContain(toHex(MEASURED.pcr0));
    const both = changed(
      condition({ 'kms:RecipientAttestation:PCR0': 'aa', 'kms:RecipientAttestation:ImageSha384': 'bb' }),
    );
    expect(parseKeyPolicy(both).statements[0]?.registers.get(0)).toEqual([]);
  });

  it.each([
    ['Deny', changed({ Effect: 'Deny' })],
    ['another operator', changed({ Condition: { StringLike: {} } })],
    ['no measurement', changed(condition({}))],
    ['an unknown condition', changed(condition({ 'kms:CallerAccount': '1' }))],
    ['register 32', changed(condition({ 'kms:RecipientAttestation:PCR32': '1' }))],
    ['another action', changed({ Action: 'kms:*' })],
    ['a number', changed(condition({ 'kms:RecipientAttestation:PCR0': 1 }))],
    ['an unknown field', changed({ NotPrincipal: '*' })],
    ['no statements', utf8('{"Version":"2012-10-17"}')],
    ['another version', utf8('{"Version":"2008-10-17","Statement":[]}')],
    ['a list', utf8('[]')],
  ])('are refused with %s, which would otherwise be a silent yes', (_name, bytes) => {
    expect(() => parseKeyPolicy(bytes)).toFailWith('KEY_POLICY_INVALID');
  });
});
