/** Intel's two certificate paths. What a key may do follows from its name and its place: a PCK signs no TCB info. */
import { OID } from '../../src/codec/x509.ts';
import { BASIC_EXTENSIONS, type ChainProfile, P256_KEY } from '../chain.ts';

export const PCK_CAS = {
  'Intel SGX PCK Platform CA': 'platform',
  'Intel SGX PCK Processor CA': 'processor',
} as const;

const common = {
  authorityKey: P256_KEY,
  leafKey: P256_KEY,
  signature: Object.freeze({ oid: OID.ecdsaSha256, parameters: Object.freeze([]) }),
  leafUsage: 'digitalSignature',
  implemented: BASIC_EXTENSIONS,
  keepLeaf: true,
} as const;

/** Root, a PCK CA, the PCK of one platform at one level of versions. */
export const PCK_CHAIN: ChainProfile = Object.freeze({
  ...common,
  name: 'intel pck',
  roles: Object.freeze([Object.freeze(Object.keys(PCK_CAS)), Object.freeze(['Intel SGX PCK Certificate'])]),
});

/** Root and the signer of TCB info, QE identities and evaluation numbers. */
export const TCB_SIGNING_CHAIN: ChainProfile = Object.freeze({
  ...common,
  name: 'intel tcb signing',
  roles: Object.freeze([Object.freeze(['Intel SGX TCB Signing'])]),
});
