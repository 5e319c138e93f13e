/** AMD's certificate paths: one for each processor and kind of report key, all signed with RSASSA-PSS. */
import { fail } from '../../src/base/errors.ts';
import { OID } from '../../src/codec/x509.ts';
import type { SnpEndorsement } from '../../src/evidence/snp/index.ts';
import { BASIC_EXTENSIONS, type ChainProfile, P384_KEY, RSA_KEY } from '../chain.ts';
import { authorityName } from './endorsement.ts';

/**
 * RSASSA-PSS-params (RFC 8017 appendix A.2.3) of SHA-384, MGF1 with SHA-384 and 48 bytes of salt. AMD writes the
 * trailer field out in certificates of authorities and in report keys of before 2024, though it is the default.
 */
const PSS = '300d06096086480165030402020500';
const MGF = `301a06092a864886f70d010108${PSS}`;
const PSS_PARAMETERS = Object.freeze([
  `3034a00f${PSS}a11c${MGF}a203020130`,
  `3039a00f${PSS}a11c${MGF}a203020130a303020101`,
]);

/** How AMD signs certificates and lists. */
export const SNP_SIGNATURE: ChainProfile['signature'] = Object.freeze({
  oid: OID.rsassaPss,
  parameters: PSS_PARAMETERS,
});

const PROFILES = new Map<string, ChainProfile>();
for (const product of ['Milan', 'Genoa', 'Turin'] as const)
  for (const kind of ['vcek', 'vlek'] as const)
    PROFILES.set(
      `${product} ${kind}`,
      Object.freeze({
        name: `AMD ${product} ${kind}`,
        authorityKey: RSA_KEY,
        leafKey: P384_KEY,
        signature: SNP_SIGNATURE,
        // AMD writes neither keyUsage nor basicConstraints into certificates of report keys.
        leafUsage: null,
        roles: Object.freeze([[authorityName(product, kind)], [`SEV-${kind.toUpperCase()}`]]),
        implemented: BASIC_EXTENSIONS,
        keepLeaf: true,
      }),
    );

/** Throws SNP_PRODUCT_UNSUPPORTED. */
export function profileOf({ product, kind }: SnpEndorsement): ChainProfile {
  return PROFILES.get(`${product} ${kind}`) ?? fail('SNP_PRODUCT_UNSUPPORTED', product);
}
