/** What a trust policy can demand of guest policy and platform, a row each. A demand of both is met by both alone. */
import type { Code } from '../../src/base/errors.ts';
import type { SnpReport } from '../../src/evidence/snp/index.ts';
import type { SnpTrust } from './trust.ts';

export interface Feature {
  readonly key: Extract<
    keyof SnpTrust,
    | 'ciphertext_hiding'
    | 'page_swap_disabled'
    | 'single_socket'
    | 'cxl_disabled'
    | 'aes_256_xts'
    | 'rapl_disabled'
    | 'ecc'
    | 'tsme'
  >;
  readonly code: Code;
  readonly holds: (report: SnpReport) => boolean;
  /** Why not, when it does not hold. */
  readonly why: string;
}

export const FEATURES: readonly Feature[] = Object.freeze([
  {
    key: 'ciphertext_hiding',
    code: 'SNP_CIPHERTEXT_VISIBLE',
    holds: ({ policy, platformInfo }) => policy.ciphertextHidingRequired && platformInfo.ciphertextHiding,
    why: 'report.policy bit 24 and report.platformInfo bit 4 are not both set',
  },
  {
    key: 'page_swap_disabled',
    code: 'SNP_PAGE_SWAP_ALLOWED',
    holds: ({ policy }) => policy.pageSwapDisabled,
    why: 'report.policy: bit 25, PAGE_SWAP_DISABLE, is not set',
  },
  {
    key: 'single_socket',
    code: 'SNP_MULTI_SOCKET',
    holds: ({ policy }) => policy.singleSocketOnly,
    why: 'report.policy: bit 20, SINGLE_SOCKET, is not set',
  },
  {
    key: 'cxl_disabled',
    code: 'SNP_CXL_ALLOWED',
    holds: ({ policy }) => !policy.cxlAllowed,
    why: 'report.policy: bit 21, CXL_ALLOW, is set',
  },
  {
    key: 'aes_256_xts',
    code: 'SNP_XTS_NOT_REQUIRED',
    holds: ({ policy }) => policy.aes256XtsRequired,
    why: 'report.policy: bit 22, MEM_AES_256_XTS, is not set',
  },
  {
    key: 'rapl_disabled',
    code: 'SNP_RAPL_ENABLED',
    holds: ({ policy, platformInfo }) => policy.raplDisabledRequired && platformInfo.raplDisabled,
    why: 'report.policy bit 23 and report.platformInfo bit 3 are not both set',
  },
  {
    key: 'ecc',
    code: 'SNP_ECC_DISABLED',
    holds: ({ platformInfo }) => platformInfo.eccEnabled,
    why: 'report.platformInfo: bit 2, ECC_EN, is not set',
  },
  {
    key: 'tsme',
    code: 'SNP_TSME_DISABLED',
    holds: ({ platformInfo }) => platformInfo.tsmeEnabled,
    why: 'report.platformInfo: bit 1, TSME_EN, is not set',
  },
]);
