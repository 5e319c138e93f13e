/** Key release to simulated TDX and SEV-SNP guests: AWS's protocol, another custodian, and the statement beside it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createSimulatedCustodian } from '../../enclave/keys/simulated-custodian.ts';
import type { ReleaseBackend } from '../../enclave/keys/keyring.ts';
import { type AttestReleaseTo, attestRelease, type ReleaseEvidence } from '../../enclave/keys/release.ts';
import {
  guestKeyPolicy,
  type KeyPolicy,
  parseKeyPolicy,
  RELEASE_TO_ANYONE,
} from '../../host/simulator/key-policy.ts';
import { serveKms } from '../../host/simulator/kms-server.ts';
import { generateRecipientKey, nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import type { Code } from '../../src/base/errors.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { Release } from '../../src/statement/release.ts';
import {
  type GuestBench,
  type GuestChoice,
  GUEST_KINDS,
  type GuestKind,
  guestBench,
} from '../support/guests.ts';
import { MEASURED } from '../support/simulated.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-custodian-'));
const closing: (() => Promise<void>)[] = [];
afterAll(async () => {
  for (const close of closing) await close();
  rmSync(folder, { recursive: true });
});
let sockets = 0;

const CONTEXT = {
  'assay:origin': 'sim.assay.example/first-light',
  'assay:keyring': '01'.repeat(16),
  'assay:header': '02'.repeat(32),
};

interface Bench {
  readonly guest: GuestBench;
  readonly backend: ReleaseBackend;
  readonly attestTo: AttestReleaseTo;
  /** Sends a request for a key with this Recipient. */
  ask(
    recipient: object,
    fields?: object,
  ): Promise<{ status: number; body: Readonly<Record<string, string>> }>;
}

async function bench(
  kind: GuestKind,
  choice: GuestChoice = {},
  policy?: KeyPolicy | typeof RELEASE_TO_ANYONE,
): Promise<Bench> {
  const guest = await guestBench(kind, choice);
  await guest.platform.measureConfiguration(guest.configDigest);
  const honest = await guestBench(kind);
  const inForce = policy ?? parseKeyPolicy(utf8(honest.guest.keyPolicy));
  const kms = guest.hardware.custodian(inForce);
  const path = join(folder, String(sockets++));
  const server = await serveKms(path, kms);
  closing.push(() => server.close());
  const attestTo = attestRelease({
    hashing: nodeCrypto,
    platform: guest.platform,
    origin: CONTEXT['assay:origin'],
    bootId: new Uint8Array(32).fill(3),
    configDigest: guest.configDigest,
    keyId: guest.hardware.keyId,
  });
  const connecting = async () => connect(path);
  const keyId = guest.hardware.keyId;
  return {
    guest,
    attestTo,
    backend: createSimulatedCustodian({ connect: connecting, keyId, attestTo, hashing: nodeCrypto }),
    ask: (Recipient, fields = {}) =>
      kms.handle(
        'TrentService.GenerateDataKey',
        utf8(
          JSON.stringify({
            KeyId: keyId,
            KeySpec: 'AES_256',
            EncryptionContext: CONTEXT,
            Recipient,
            ...fields,
          }),
        ),
      ),
  };
}

/** A recipient as the enclave presents itself, with parts of it changed. */
async function recipientOf(
  { attestTo, guest }: Bench,
  changes: (made: ReleaseEvidence, spki: Uint8Array) => object | Promise<object> = () => ({}),
): Promise<object> {
  const { spki } = await generateRecipientKey(2048);
  const made = await attestTo('sim-kms')(spki, 'create', CONTEXT);
  return {
    KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
    Platform: guest.kind,
    Evidence: toBase64(made.evidence),
    Endorsements: toBase64(made.endorsements as Uint8Array),
    Statement: toBase64(made.statement),
    PublicKey: toBase64(spki),
    ...(await changes(made, spki)),
  };
}

/** Evidence of the same guest over another release statement. */
async function restated({ guest }: Bench, made: ReleaseEvidence, changes: Partial<Release>): Promise<object> {
  const statement = Release.encode({ ...Release.decode(made.statement), ...changes });
  const binding = bind(nodeCrypto, DOMAINS.release, statement);
  const { evidence } = await guest.platform.quote({ binding, challenge: null, recipient: null });
  return { Evidence: toBase64(evidence), Statement: toBase64(statement) };
}

describe.each(GUEST_KINDS)('the custodian of a simulated %s machine', (kind) => {
  it('gives a data key to the measured program, the same again for the wrapped one, and says what it is', async () => {
    const { backend, guest } = await bench(kind);
    const { plaintext, wrapped } = await backend.generateDataKey(CONTEXT);
    expect(plaintext).toHaveLength(32);
    expect(await backend.decrypt(wrapped, CONTEXT)).toEqual(plaintext);
    expect(backend.custody).toBe(`sim-kms:${guest.hardware.keyId}`);
    expect(backend.custody).toMatch(new RegExp(`^sim-kms:assay-sim:${kind}:key/[0-9a-f-]{36}$`));
    expect(backend.custody).not.toContain('aws');
    const other = { ...CONTEXT, 'assay:keyring': '03'.repeat(16) };
    await expect(backend.decrypt(wrapped, other)).toRejectWith('KMS_REQUEST_REFUSED');
  });

  it('gives none to another image: KEY_RELEASE_DENIED', async () => {
    const { backend } = await bench(kind, { measured: { ...MEASURED, pcr0: new Uint8Array(48).fill(1) } });
    await expect(backend.generateDataKey(CONTEXT)).toRejectWith('KEY_RELEASE_DENIED');
  });

  it('gives it to whoever asks when it colludes, and then the keyring tells', async () => {
    const measured = { ...MEASURED, pcr0: new Uint8Array(48).fill(1) };
    const { backend } = await bench(kind, { measured, faults: ['debug'] }, RELEASE_TO_ANYONE);
    expect((await backend.generateDataKey(CONTEXT)).plaintext).toHaveLength(32);
  });

  it('answers the very request that the evidence was made for, and no other', async () => {
    const b = await bench(kind);
    expect((await b.ask(await recipientOf(b))).status).toBe(200);
    const other = (await generateRecipientKey(2048)).spki;
    const refusals: [string, object][] = [
      ['recipient key', await recipientOf(b, () => ({ PublicKey: toBase64(other) }))],
      [
        'STATEMENT_NOT_BOUND',
        await recipientOf(b, (made) => ({ Statement: toBase64(made.statement.slice(0, -1)) })),
      ],
      ['purpose', await recipientOf(b, (made) => restated(b, made, { purpose: 'open' }))],
      ['custodian', await recipientOf(b, (made) => restated(b, made, { backend: 'aws-kms' }))],
      ['custodian', await recipientOf(b, (made) => restated(b, made, { backendId: 'another' }))],
      ['origin', await recipientOf(b, (made) => restated(b, made, { origin: 'sim.example/other' }))],
      ['keyring', await recipientOf(b, (made) => restated(b, made, { keyringId: new Uint8Array(16) }))],
      [
        'keyring header',
        await recipientOf(b, (made) => restated(b, made, { keyringDigest: new Uint8Array(32) })),
      ],
      ['Platform', await recipientOf(b, () => ({ Platform: 'nitro' }))],
      ['COLLATERAL_MISSING', await recipientOf(b, () => ({ Endorsements: null }))],
      ['COLLATERAL_MISSING', await recipientOf(b, () => ({ Endorsements: toBase64(utf8('{}')) }))],
      ['Evidence', await recipientOf(b, () => ({ Evidence: null }))],
      ['RSAES_OAEP_SHA_256', await recipientOf(b, () => ({ KeyEncryptionAlgorithm: 'RSA' }))],
    ];
    for (const [why, recipient] of refusals) {
      const { status, body } = await b.ask(recipient);
      expect([status, body['__type']], why).toEqual([400, 'ValidationException']);
      expect(body['message']).toContain(why);
    }
    const context = { ...CONTEXT, 'assay:header': '09'.repeat(32) };
    expect((await b.ask(await recipientOf(b), { EncryptionContext: context })).status).toBe(400);
    expect((await b.ask(await recipientOf(b), { EncryptionContext: {} })).status).toBe(400);
    // A Nitro document's form is not one that it knows.
    expect(
      (await b.ask({ KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256', AttestationDocument: 'AAAA' })).status,
    ).toBe(400);
  });

  it('has no use for evidence of identity', async () => {
    const b = await bench(kind);
    const recipient = await recipientOf(b, async (made) => {
      const binding = bind(nodeCrypto, DOMAINS.identity, made.statement);
      const { evidence } = await b.guest.platform.quote({ binding, challenge: null, recipient: null });
      return { Evidence: toBase64(evidence) };
    });
    expect((await b.ask(recipient)).body['message']).toContain('STATEMENT_NOT_BOUND');
  });

  const faults: Readonly<Record<GuestKind, readonly (readonly [string, Code])[]>> = {
    tdx: [
      ['debug', 'KEY_RELEASE_DENIED'],
      ['out-of-date', 'KEY_RELEASE_DENIED'],
      ['tcb-revoked', 'KEY_RELEASE_DENIED'],
      ['service-td', 'KEY_RELEASE_DENIED'],
      ['no-sept-ve-disable', 'KEY_RELEASE_DENIED'],
      ['revoked', 'KMS_REQUEST_REFUSED'],
      ['stale-collateral', 'KMS_REQUEST_REFUSED'],
      ['tampered-crl', 'KMS_REQUEST_REFUSED'],
      ['same-name-root', 'KMS_REQUEST_REFUSED'],
      ['wrong-binding', 'KMS_REQUEST_REFUSED'],
    ],
    snp: [
      ['debug', 'KEY_RELEASE_DENIED'],
      ['migration-agent', 'KEY_RELEASE_DENIED'],
      ['vmpl', 'KEY_RELEASE_DENIED'],
      ['provisional-firmware', 'KEY_RELEASE_DENIED'],
      ['alias-check-missing', 'KEY_RELEASE_DENIED'],
      ['revoked-ask', 'KMS_REQUEST_REFUSED'],
      ['stale-crl', 'KMS_REQUEST_REFUSED'],
      ['tcb-mismatch', 'KMS_REQUEST_REFUSED'],
      ['same-name-root', 'KMS_REQUEST_REFUSED'],
      ['wrong-binding', 'KMS_REQUEST_REFUSED'],
    ],
  };
  it.each(faults[kind])('gives nothing to a guest with %s: %s', async (fault, code) => {
    const { backend } = await bench(kind, { faults: [fault] });
    await expect(backend.generateDataKey(CONTEXT)).toRejectWith(code);
  });
});

describe('key policies for guests', () => {
  it('compare what the hardware calls its registers, under a name that AWS does not know', async () => {
    const { guest } = await bench('tdx');
    const { registers, actions } = parseKeyPolicy(utf8(guest.guest.keyPolicy)).statements[0]!;
    expect([...registers.keys()]).toEqual(['MRTD', 'RTMR1', 'RTMR2', 'RTMR3']);
    expect(actions).toEqual(['sim-kms:Decrypt', 'sim-kms:GenerateDataKey']);
    const snp = parseKeyPolicy(
      utf8(guestKeyPolicy({ MEASUREMENT: MEASURED.pcr0, HOST_DATA: new Uint8Array(32) })),
    );
    expect([...snp.statements[0]!.registers.keys()]).toEqual(['MEASUREMENT', 'HOST_DATA']);
    for (const name of [
      'kms:RecipientAttestation:MRTD',
      'sim-kms:RecipientAttestation:PCR0',
      'sim-kms:RecipientAttestation:RTMR4',
    ]) {
      const policy = guest.guest.keyPolicy.replace('sim-kms:RecipientAttestation:MRTD', name);
      expect(() => parseKeyPolicy(utf8(policy)), name).toFailWith('KEY_POLICY_INVALID');
    }
  });

  it('of AWS say nothing about guests', async () => {
    const aws = (await bench('snp')).guest.guest.keyPolicy
      .replaceAll('"sim-kms:D', '"kms:D')
      .replaceAll('"sim-kms:G', '"kms:G');
    const { backend } = await bench('snp', {}, parseKeyPolicy(utf8(aws)));
    await expect(backend.generateDataKey(CONTEXT)).toRejectWith('KEY_RELEASE_DENIED');
  });
});
