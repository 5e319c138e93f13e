/**
 * Evidence made for one purpose fails for every other one (design section 4), on real documents: each statement is
 * quoted by the simulated hardware and then offered wherever another is wanted, the key release included.
 */
import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, it } from 'vitest';
import { keyPolicyFor, NO_FAULTS, parseKeyPolicy } from '../../host/simulator/index.ts';
import { createKms, signedDocuments } from '../../host/simulator/kms.ts';
import { createNitroHardware, type NitroHardware, type NitroModule } from '../../host/simulator/nitro.ts';
import { deriveFrom, keyArnOf } from '../../host/simulator/state.ts';
import { generateRecipientKey, nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import { bind, DOMAINS, type Domain } from '../../src/statement/bind.ts';
import {
  judgeAttestation,
  readTrustPolicy,
  requireBinding,
  simulatedRoot,
  verifyNitro,
} from '../../verifier/index.ts';
import { SAMPLES } from '../support/statements.ts';

const NOW = Date.UTC(2026, 10, 20);
const measured = {
  pcr0: new Uint8Array(48).fill(1),
  pcr1: new Uint8Array(48).fill(2),
  pcr2: new Uint8Array(48).fill(3),
};
const derive = deriveFrom(new Uint8Array(32).fill(7));
let hardware: NitroHardware;
let module: NitroModule;
const documents = new Map<Domain, Uint8Array>();

const quote = (userData: Uint8Array, publicKey: Uint8Array | null): Promise<Uint8Array> =>
  module.attest(module.bootRegisters(measured), { userData, nonce: null, publicKey });

beforeAll(async () => {
  hardware = await createNitroHardware({ derive, faults: NO_FAULTS, now: () => NOW });
  module = hardware.launch();
  for (const { domain, encoded } of SAMPLES)
    documents.set(domain, await quote(bind(nodeCrypto, domain, encoded), null));
});

describe('evidence of one domain in every other', () => {
  for (const made of SAMPLES) {
    for (const wanted of SAMPLES) {
      it(`${made.domain} as ${wanted.domain}`, async () => {
        const document = parseNitro(documents.get(made.domain) as Uint8Array);
        const root = simulatedRoot('nitro', hardware.rootName, toHex(hardware.rootSpkiSha256));
        const { claims } = await verifyNitro(document, { at: NOW, crypto: nodeCrypto, roots: [root] });
        const check = (): void =>
          requireBinding({ binding: claims.userData }, wanted.domain, wanted.encoded, nodeCrypto);
        const disguised = (): void =>
          requireBinding({ binding: claims.userData }, wanted.domain, made.encoded, nodeCrypto);
        if (made.domain === wanted.domain) return check();
        expect(check).toFailWith('STATEMENT_NOT_BOUND');
        expect(disguised).toFailWith('STATEMENT_NOT_BOUND');
      });
    }
  }
});

describe('evidence and the key release', () => {
  const keyArn = keyArnOf(derive);
  const ask = async (
    document: Uint8Array,
  ): Promise<{ status: number; body: { readonly [name: string]: string } }> => {
    const kms = createKms({
      keyArn,
      masterKey: new Uint8Array(randomBytes(32)),
      policy: () => parseKeyPolicy(utf8(keyPolicyFor(measured))),
      documents: signedDocuments({ name: hardware.rootName, spkiSha256: hardware.rootSpkiSha256 }),
      now: () => NOW,
    });
    const Recipient = {
      KeyEncryptionAlgorithm: 'RSAES_OAEP_SHA_256',
      AttestationDocument: toBase64(document),
    };
    const body = {
      KeyId: keyArn,
      KeySpec: 'AES_256',
      EncryptionContext: { 'assay:origin': 'sim.assay.example/log' },
      Recipient,
    };
    return kms.handle('TrentService.GenerateDataKey', utf8(JSON.stringify(body)));
  };

  it('releases to a document that carries a recipient key', async () => {
    const { spki } = await generateRecipientKey(2048);
    const release = SAMPLES.find(({ domain }) => domain === DOMAINS.release);
    const { status } = await ask(
      await quote(bind(nodeCrypto, DOMAINS.release, release?.encoded as Uint8Array), spki),
    );
    expect(status).toBe(200);
  });

  for (const { domain } of SAMPLES) {
    it(`gives nothing for ${domain} evidence, which carries none`, async () => {
      const { status, body } = await ask(documents.get(domain) as Uint8Array);
      expect(status).toBe(400);
      expect(Object.keys(body).sort()).toEqual(['__type', 'message']);
    });
  }

  it('takes no release document for an identity', async () => {
    const { spki } = await generateRecipientKey(2048);
    const identity = SAMPLES.find(({ domain }) => domain === DOMAINS.identity)?.encoded as Uint8Array;
    const evidence = await quote(bind(nodeCrypto, DOMAINS.identity, identity), spki);
    const attestation = {
      platform: 'nitro',
      evidence,
      identity,
      challenge: null,
      keys: [],
      endorsements: null,
    };
    const { service, failure } = await judgeAttestation(attestation, {
      trust: readTrustPolicy({
        version: 1,
        service: 'any',
        hardware: { ids: 'any' },
        platforms: { nitro: { pcrs: 'any', debug: 'reject' } },
        freshness: { max_age_seconds: 'any', nonce: 'any' },
        revocation: 'required',
        simulated: {
          roots: [
            { platform: 'nitro', spki_sha256: toHex(hardware.rootSpkiSha256), name: hardware.rootName },
          ],
        },
        witnesses: 'none',
      }),
      crypto: nodeCrypto,
      challenge: null,
      session: null,
      mode: 'archive',
      now: NOW,
    });
    expect(service).toBeNull();
    expect(failure?.code).toBe('STATEMENT_MISMATCH');
  });
});
