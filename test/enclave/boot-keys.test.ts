import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeBootKeys } from '../../enclave/keys/index.ts';
import { nodeCrypto } from '../../native/index.ts';

describe('the keys of a boot', () => {
  it('are new ones each time, and none can be exported', () => {
    const bootId = new Uint8Array(32).fill(1);
    const [one, two] = [makeBootKeys(nodeCrypto, bootId), makeBootKeys(nodeCrypto, bootId)];
    expect(one.epoch.spki).not.toEqual(one.session.spki);
    expect(one.epoch.spki).not.toEqual(two.epoch.spki);
    expect(one.hpke.publicKey).not.toEqual(two.hpke.publicKey);
    expect(one.tls.spkiHash).not.toEqual(two.tls.spkiHash);
    for (const signer of [one.epoch, one.session])
      expect(Object.keys(signer).sort()).toEqual(['algorithm', 'sign', 'spki']);
    expect(Object.keys(one.hpke).sort()).toEqual(['agree', 'publicKey']);
  });

  it('carry the hash of the certificate that TLS shows', () => {
    const { tls } = makeBootKeys(nodeCrypto, new Uint8Array(32).fill(0xff));
    const certificate = new X509Certificate(tls.cert);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    const spki = new Uint8Array(certificate.publicKey.export({ type: 'spki', format: 'der' }));
    expect(nodeCrypto.sha256(spki)).toEqual(tls.spkiHash);
  });
});
