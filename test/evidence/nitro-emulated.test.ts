/** Documents of QEMU's Nitro Secure Module, which signs nothing: named, refused by every judge, read by tests alone. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/index.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { parseEmulatedNitro, parseNitro } from '../../src/evidence/nitro.ts';
import { judgeEvidence } from '../../verifier/index.ts';
import { makeDocument, makePki, PKI_TIME } from '../support/nitro-pki.ts';
import { vectors } from '../support/vectors.ts';
import { trustWith } from '../support/trust.ts';

interface Recorded {
  readonly name: string;
  readonly hex: string;
  readonly pcrs: Readonly<Record<string, string>>;
  readonly moduleId: string;
  readonly userData: string | null;
}

const { cases } = vectors<Recorded>('nitro-emulated.json');

describe('a document of an emulated module', () => {
  it.each(cases)('$name: is named as such by every reader of evidence', async ({ hex }) => {
    const bytes = fromHex(hex);
    expect(() => parseNitro(bytes)).toFailWith('NITRO_UNSIGNED_EMULATION');
    for (const trust of [null, trustWith()]) {
      const { verdict } = await judgeEvidence(bytes, {
        mode: 'archive',
        now: PKI_TIME,
        trust,
        crypto: nodeCrypto,
        platform: null,
        nonce: null,
      });
      expect(verdict).toMatchObject({ verdict: 'rejected', code: 'NITRO_UNSIGNED_EMULATION' });
    }
  });

  it.each(cases)('$name: says what the machine was', ({ hex, pcrs, moduleId, userData }) => {
    const document = parseEmulatedNitro(fromHex(hex));
    expect(document.moduleId).toBe(moduleId);
    expect(document.userData === null ? null : toHex(document.userData)).toBe(userData);
    expect(Object.keys(document.pcrs)).toHaveLength(32);
    for (const [index, value] of Object.entries(pcrs))
      expect(toHex(document.pcrs[Number(index)] as Uint8Array)).toBe(value);
  });

  it('is nothing that anybody has signed, or half of it', async () => {
    const bytes = fromHex((cases[0] as Recorded).hex);
    const genuine = makeDocument(await makePki());
    expect(() => parseEmulatedNitro(genuine)).toFailWith('CBOR_OUT_OF_RANGE');
    for (let at = bytes.length - 64; at < bytes.length; at++) {
      const changed = Uint8Array.from(bytes);
      changed[at] = 1;
      expect(() => parseEmulatedNitro(changed), `byte ${at}`).toFailWith('NITRO_FIELD_INVALID');
      expect(() => parseNitro(changed), `byte ${at}`).toFailWith('CBOR_OUT_OF_RANGE');
    }
  });
});
