/**
 * Pins of the Intel SGX Root CA, under which SGX and TDX stand alike. Intel has issued it twice, with one key, one
 * name and one serial number; chains recorded before the second carry the first.
 */
import type { RootPin } from '../roots.ts';

const utc = (text: string): number => Date.parse(text);

function pin(notBefore: string, notAfter: string): RootPin {
  return Object.freeze({
    platform: 'tdx',
    partition: 'intel',
    name: 'Intel SGX Root CA',
    spkiSha256: 'a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e',
    validity: Object.freeze({ notBefore: utc(notBefore), notAfter: utc(notAfter) }),
    source: 'https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.cer',
    simulated: false,
  });
}

/** Frozen. Simulated roots are added from the trust policy, never here. */
export const INTEL_ROOTS: readonly RootPin[] = Object.freeze([
  pin('2018-05-21T10:45:10Z', '2049-12-31T23:59:59Z'),
  pin('2018-05-21T10:41:11Z', '2033-05-21T10:41:10Z'),
]);
