/** Pins of AMD's root keys (ARK). Each processor has its own; Bergamo and Siena are under that of Genoa. */
import type { RootPin } from '../roots.ts';

const utc = (text: string): number => Date.parse(text);

/** Frozen. Simulated roots are added from the trust policy, never here. */
export const SNP_ROOTS: readonly RootPin[] = Object.freeze([
  Object.freeze({
    platform: 'snp',
    partition: 'Milan',
    name: 'ARK-Milan',
    spkiSha256: '9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9',
    validity: Object.freeze({
      notBefore: utc('2020-10-22T17:23:05Z'),
      notAfter: utc('2045-10-22T17:23:05Z'),
    }),
    source: 'https://kdsintf.amd.com/vcek/v1/Milan/cert_chain',
    simulated: false,
  }),
  Object.freeze({
    platform: 'snp',
    partition: 'Genoa',
    name: 'ARK-Genoa',
    spkiSha256: '429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831',
    validity: Object.freeze({
      notBefore: utc('2022-01-26T15:34:37Z'),
      notAfter: utc('2047-01-26T15:34:37Z'),
    }),
    source: 'https://kdsintf.amd.com/vcek/v1/Genoa/cert_chain',
    simulated: false,
  }),
  Object.freeze({
    platform: 'snp',
    partition: 'Turin',
    name: 'ARK-Turin',
    spkiSha256: '4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08',
    validity: Object.freeze({
      notBefore: utc('2023-05-15T20:03:12Z'),
      notAfter: utc('2048-05-15T20:03:12Z'),
    }),
    source: 'https://kdsintf.amd.com/vcek/v1/Turin/cert_chain',
    simulated: false,
  }),
]);
