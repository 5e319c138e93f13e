/** Expectations of SEV-SNP: each accepts one and rejects another recorded report, or one changed in that place. */
import { describe, expect, it } from 'vitest';
import type { Code } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import type { SnpReport } from '../../src/evidence/snp/index.ts';
import { appraiseSnp, type SnpClaims, type SnpExpectations, type Verified } from '../../verifier/index.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import {
  platformOf,
  policyOf,
  recordedOf,
  type ReportChange,
  SNP_WAIVED,
  verifiedAs,
  verifyRecorded,
} from '../support/snp.ts';

const WAIVED: SnpExpectations = { ...SNP_WAIVED, hardware: 'any', revocation: 'any' };
const both =
  (...changes: readonly ReportChange[]): ReportChange =>
  (report) =>
    Object.assign({}, ...changes.map((change) => change(report))) as Partial<SnpReport>;

/** A name, what is demanded, the code or null, and what the message says. */
type Case = readonly [string, Partial<SnpExpectations>, Code | null, string?];

const TURIN = 'v5-turin-caci';
const MILAN = 'v3-milan-caci';
const GENOA = 'v3-genoa-caci';
const AWS = 'v3-milan-aws-vlek';
const ZERO_48 = '00'.repeat(48);
const least = (minimum: object, provisional_firmware: 'reject' | 'allow' = 'allow') =>
  ({ tcb: { minimum, provisional_firmware } }) as Partial<SnpExpectations>;
const GENOA_84 = { bootloader: 10, tee: 0, snp: 23, microcode: 84 };

const CASES: readonly Case[] =
  CORPUS === null
    ? []
    : [
        [TURIN, {}, null],
        ['v2-milan', { debug: 'reject' }, null],
        ['v2-milan-debug-policy', { debug: 'reject' }, 'SNP_DEBUG_ALLOWED', 'bit 19'],
        ['v2-milan-debug-policy', { debug: 'allow' }, null],
        [TURIN, { measurement: [ZERO_48, recordedOf(TURIN).fields['measurement'] as string] }, null],
        [TURIN, { measurement: [(recordedOf(TURIN).fields['measurement'] as string).toUpperCase()] }, null],
        [
          TURIN,
          { measurement: [recordedOf(GENOA).fields['measurement'] as string] },
          'SNP_MEASUREMENT_MISMATCH',
          '6d6c3545',
        ],
        [TURIN, { vmpl: [0] }, null],
        [AWS, { vmpl: [1, 2] }, null],
        [AWS, { vmpl: [0] }, 'SNP_VMPL_MISMATCH', 'is 1, allowed are 0'],
        ['v5-milan-gcp-reportdata-vmpl1', { vmpl: [0, 2, 3] }, 'SNP_VMPL_MISMATCH', '0, 2, 3'],
        [TURIN, { id_key: [recordedOf(TURIN).fields['id_key_digest'] as string] }, null],
        [
          TURIN,
          { id_key: [recordedOf(MILAN).fields['id_key_digest'] as string] },
          'SNP_ID_KEY_MISMATCH',
          '4068e9ae',
        ],
        [
          'v2-milan',
          { id_key: [recordedOf(MILAN).fields['id_key_digest'] as string] },
          'SNP_ID_KEY_MISMATCH',
          '0000',
        ],
        // The digest is zero, and nobody said that there was a key.
        [TURIN, { author_key: [ZERO_48] }, 'SNP_AUTHOR_KEY_MISMATCH', 'no author key'],
        [TURIN, { author_key: 'any' }, null],
        [TURIN, { host_data: ['b3452a0ed30f1010bd32740dd1610bc63296ceb0f882f2cac3a3152d651fe7e4'] }, null],
        [TURIN, { host_data: ['00'.repeat(32)] }, 'SNP_HOST_DATA_MISMATCH', 'b3452a0e'],
        ['v2-milan', { host_data: ['00'.repeat(32)] }, null],
        // Versions, part by part.
        [GENOA, least({ Genoa: GENOA_84 }), null],
        [
          GENOA,
          least({ Genoa: { ...GENOA_84, microcode: 219 } }),
          'SNP_TCB_BELOW_MINIMUM',
          'report.reportedTcb: microcode 84, at least 219: 135 short',
        ],
        [
          GENOA,
          least({ Genoa: { ...GENOA_84, bootloader: 11, snp: 25 } }),
          'SNP_TCB_BELOW_MINIMUM',
          'bootloader 10, at least 11: 1 short; snp 23, at least 25: 2 short',
        ],
        [GENOA, least({ Genoa: { ...GENOA_84, tee: 1 } }), 'SNP_TCB_BELOW_MINIMUM', 'tee 0, at least 1'],
        [TURIN, least({ Turin: { fmc: 1, bootloader: 1, tee: 1, snp: 4, microcode: 81 } }), null],
        [
          TURIN,
          least({ Turin: { fmc: 2, bootloader: 1, tee: 1, snp: 4, microcode: 81 } }),
          'SNP_TCB_BELOW_MINIMUM',
          'fmc 1, at least 2',
        ],
        [TURIN, least({ Genoa: GENOA_84 }), 'EXPECTATION_MISSING', 'says nothing of Turin'],
        ['v5-genoa-model-a0', least({ Genoa: { ...GENOA_84, microcode: 27 } }), null],
        // One number is no order: this machine has newer firmware and older microcode.
        [
          'v5-genoa-model-a0',
          least({ Genoa: GENOA_84 }),
          'SNP_TCB_BELOW_MINIMUM',
          'microcode 27, at least 84: 57 short',
        ],
        [AWS, least({ Milan: { bootloader: 4, tee: 0, snp: 24, microcode: 0xd9 } }), null],
        [
          AWS,
          least({ Milan: { bootloader: 4, tee: 0, snp: 24, microcode: 0xdb } }),
          'SNP_TCB_BELOW_MINIMUM',
          'reportedTcb: microcode 217, at least 219: 2 short',
        ],
        // Provisional firmware.
        [TURIN, least('any' as never, 'reject'), null],
        [
          AWS,
          least('any' as never, 'reject'),
          'SNP_FIRMWARE_PROVISIONAL',
          'microcode 220 runs, 219 is committed',
        ],
        [AWS, least('any' as never, 'allow'), null],
        ['v2-milan', { min_abi: '1.52' }, null],
        ['v2-milan', { min_abi: '1.52.4' }, null],
        [
          'v2-milan',
          { min_abi: '1.52.5' },
          'SNP_FIRMWARE_BELOW_MINIMUM',
          '1.52.4 is committed, at least 1.52.5',
        ],
        ['v2-milan', { min_abi: '1.55' }, 'SNP_FIRMWARE_BELOW_MINIMUM', 'at least 1.55'],
        ['v2-milan', { min_abi: '2.0' }, 'SNP_FIRMWARE_BELOW_MINIMUM'],
        ['v2-milan', { min_abi: '0.99.99' }, null],
        // Milan.
        [MILAN, { milan_vcek: 'reject' }, 'SNP_MILAN_VCEK', 'VCEK of a Milan'],
        ['v2-milan', { milan_vcek: 'reject' }, 'SNP_MILAN_VCEK'],
        [MILAN, { milan_vcek: 'allow' }, null],
        [AWS, { milan_vcek: 'reject' }, null],
        [GENOA, { milan_vcek: 'reject' }, null],
        // The platform.
        [MILAN, { alias_check: 'required' }, null],
        ['v2-milan', { alias_check: 'required' }, 'SNP_ALIAS_CHECK_MISSING', 'version 2 cannot say it'],
        [TURIN, { smt: 'reject' }, 'SNP_SMT_ENABLED', 'SMT_EN'],
        [TURIN, { ecc: 'required' }, null],
        ['v2-milan', { ecc: 'required' }, 'SNP_ECC_DISABLED', 'bit 2'],
        [GENOA, { tsme: 'required' }, null],
        [MILAN, { tsme: 'required' }, 'SNP_TSME_DISABLED', 'bit 1'],
        [MILAN, { cxl_disabled: 'required' }, null],
        [MILAN, { ciphertext_hiding: 'required' }, 'SNP_CIPHERTEXT_VISIBLE', 'bit 24'],
        [MILAN, { page_swap_disabled: 'required' }, 'SNP_PAGE_SWAP_ALLOWED', 'bit 25'],
        [MILAN, { single_socket: 'required' }, 'SNP_MULTI_SOCKET', 'bit 20'],
        [MILAN, { aes_256_xts: 'required' }, 'SNP_XTS_NOT_REQUIRED', 'bit 22'],
        [MILAN, { rapl_disabled: 'required' }, 'SNP_RAPL_ENABLED', 'bit 23'],
        [MILAN, { ciphertext_hiding: 'any', ecc: 'any' }, null],
        // Mitigations: 0xb, 0x1, 0x3f, and a report that has none.
        ['v5-genoa-model-a0', { mitigations: { Genoa: 'B' } }, null],
        [
          'v5-genoa-model-a0',
          { mitigations: { Genoa: '000000000000000f' } },
          'SNP_MITIGATION_MISSING',
          'launch mitigations 0xb lack 0x4 of 0xf',
        ],
        ['oak-genoa-oc', { mitigations: { Genoa: 'b' } }, 'SNP_MITIGATION_MISSING', '0x1 lack 0xa of 0xb'],
        [TURIN, { mitigations: { Turin: '3f', Genoa: 'b' } }, null],
        [TURIN, { mitigations: { Genoa: 'b' } }, 'EXPECTATION_MISSING', 'says nothing of Turin'],
        [MILAN, { mitigations: { Milan: 'b' } }, 'SNP_MITIGATION_MISSING', 'version 3 have no mitigation'],
        // The guest.
        [TURIN, { min_guest_svn: 2 }, null],
        [TURIN, { min_guest_svn: 5 }, 'SNP_GUEST_SVN_BELOW_MINIMUM', 'is 2, at least 5: 3 short'],
        [TURIN, { family_id: ['01000000000000000000000000000000'] }, null],
        [TURIN, { family_id: ['02000000000000000000000000000000'] }, 'SNP_FAMILY_ID_MISMATCH'],
        [TURIN, { image_id: ['02000000000000000000000000000000'] }, null],
        [TURIN, { image_id: ['01000000000000000000000000000000'] }, 'SNP_IMAGE_ID_MISMATCH'],
        [TURIN, { products: ['Genoa', 'Turin'] }, null],
        [
          TURIN,
          { products: ['Genoa', 'Milan'] },
          'SNP_PRODUCT_NOT_ACCEPTED',
          'Turin, allowed are Genoa, Milan',
        ],
        // Hardware.
        [TURIN, { hardware: { chip_id: ['59790FB1C39F35C1'] } }, null],
        [TURIN, { hardware: { chip_id: [recordedOf(TURIN).fields['chip_id'] as string] } }, null],
        [TURIN, { hardware: { chip_id: ['59790fb1c39f35c2'] } }, 'SNP_HARDWARE_MISMATCH', '59790fb1c39f35c1'],
        [
          MILAN,
          { hardware: { chip_id: ['00'.repeat(64), recordedOf(MILAN).fields['chip_id'] as string] } },
          null,
        ],
        [
          MILAN,
          { hardware: { chip_id: [(recordedOf(MILAN).fields['chip_id'] as string).slice(0, 16)] } },
          'SNP_HARDWARE_MISMATCH',
        ],
        [
          MILAN,
          { hardware: { csp_id: ['CN=cc-us-east-2.amazonaws.com'] } },
          'SNP_HARDWARE_MISMATCH',
          'chip_id does not list',
        ],
        [AWS, { hardware: { csp_id: ['CN=cc-us-east-2.amazonaws.com'] } }, null],
        [
          AWS,
          { hardware: { csp_id: ['CN=cc-us-east-1.amazonaws.com'] } },
          'SNP_HARDWARE_MISMATCH',
          'cc-us-east-2',
        ],
        [AWS, { hardware: { csp_id: ['CN=cc-us-east-2'] } }, 'SNP_HARDWARE_MISMATCH'],
        // Its chip is masked: zeros are no chip.
        [AWS, { hardware: { chip_id: ['00'.repeat(64)] } }, 'SNP_HARDWARE_MISMATCH', 'csp_id does not list'],
        [TURIN, { hardware: { pcr3: [ZERO_48] } }, 'EXPECTATION_MISSING', 'neither chip_id nor csp_id'],
        [TURIN, { hardware: {} }, 'EXPECTATION_MISSING'],
      ];

/** The same for what no recorded report has. */
type Made = readonly [string, ReportChange, Partial<SnpExpectations>, Code | null, string?];
const MADE: readonly Made[] = [
  [
    MILAN,
    policyOf({ migrationAgentAllowed: true }),
    { migration_agent: 'reject' },
    'SNP_MIGRATION_AGENT',
    'bit 18',
  ],
  [
    MILAN,
    () => ({ reportIdMa: new Uint8Array(32) }),
    { migration_agent: 'reject' },
    'SNP_MIGRATION_AGENT',
    'reportIdMa is 0000',
  ],
  [MILAN, policyOf({ migrationAgentAllowed: true }), { migration_agent: 'allow' }, null],
  [
    MILAN,
    platformOf({ aliasCheckComplete: false }),
    { alias_check: 'required' },
    'SNP_ALIAS_CHECK_MISSING',
    'bit 5',
  ],
  // Version 2 had no such bit, so what stands there means nothing.
  [
    'v2-milan',
    platformOf({ aliasCheckComplete: true }),
    { alias_check: 'required' },
    'SNP_ALIAS_CHECK_MISSING',
  ],
  [MILAN, both(platformOf({ smtEnabled: false }), policyOf({ smtAllowed: false })), { smt: 'reject' }, null],
  [MILAN, platformOf({ smtEnabled: false }), { smt: 'reject' }, 'SNP_SMT_ENABLED', 'report.policy'],
  [MILAN, policyOf({ smtAllowed: false }), { smt: 'reject' }, 'SNP_SMT_ENABLED', 'report.platformInfo'],
  [
    MILAN,
    both(policyOf({ ciphertextHidingRequired: true }), platformOf({ ciphertextHiding: true })),
    { ciphertext_hiding: 'required' },
    null,
  ],
  [
    MILAN,
    policyOf({ ciphertextHidingRequired: true }),
    { ciphertext_hiding: 'required' },
    'SNP_CIPHERTEXT_VISIBLE',
  ],
  [
    MILAN,
    platformOf({ ciphertextHiding: true }),
    { ciphertext_hiding: 'required' },
    'SNP_CIPHERTEXT_VISIBLE',
  ],
  [MILAN, policyOf({ pageSwapDisabled: true }), { page_swap_disabled: 'required' }, null],
  [MILAN, policyOf({ singleSocketOnly: true }), { single_socket: 'required' }, null],
  [MILAN, policyOf({ aes256XtsRequired: true }), { aes_256_xts: 'required' }, null],
  [
    MILAN,
    both(policyOf({ raplDisabledRequired: true }), platformOf({ raplDisabled: true })),
    { rapl_disabled: 'required' },
    null,
  ],
  [MILAN, policyOf({ raplDisabledRequired: true }), { rapl_disabled: 'required' }, 'SNP_RAPL_ENABLED'],
  [MILAN, policyOf({ cxlAllowed: true }), { cxl_disabled: 'required' }, 'SNP_CXL_ALLOWED', 'bit 21'],
  [
    TURIN,
    () => ({ mitigations: { launch: 0x3fn, current: 0x1fn } }),
    { mitigations: { Turin: '3f' } },
    'SNP_MITIGATION_MISSING',
    'current mitigations 0x1f lack 0x20',
  ],
  [
    TURIN,
    () => ({ mitigations: { launch: 0n, current: 0x3fn } }),
    { mitigations: { Turin: '3f' } },
    'SNP_MITIGATION_MISSING',
    'launch',
  ],
  [
    TURIN,
    () => ({ mitigations: { launch: 1n << 63n, current: 1n << 63n } }),
    { mitigations: { Turin: '8000000000000000' } },
    null,
  ],
  [
    TURIN,
    () => ({ authorKeyEnabled: true, authorKeyDigest: fromHex('ab'.repeat(48)) }),
    { author_key: ['ab'.repeat(48)] },
    null,
  ],
  [
    TURIN,
    () => ({ authorKeyEnabled: true, authorKeyDigest: fromHex('ab'.repeat(48)) }),
    { author_key: ['cd'.repeat(48)] },
    'SNP_AUTHOR_KEY_MISMATCH',
    'abab',
  ],
  [
    TURIN,
    () => ({ authorKeyDigest: fromHex('ab'.repeat(48)) }),
    { author_key: ['ab'.repeat(48)] },
    'SNP_AUTHOR_KEY_MISMATCH',
  ],
  [
    TURIN,
    ({ currentVersion }) => ({ currentVersion: { ...currentVersion, build: 66 } }),
    least('any' as never, 'reject'),
    'SNP_FIRMWARE_PROVISIONAL',
    '1.55.66 runs, 1.55.65 is committed',
  ],
  [
    TURIN,
    ({ currentVersion }) => ({ currentVersion: { ...currentVersion, build: 66 } }),
    least('any' as never, 'allow'),
    null,
  ],
  [
    TURIN,
    ({ currentVersion }) => ({ currentVersion: { ...currentVersion, minor: 54 } }),
    least('any' as never, 'allow'),
    'SNP_TCB_INCONSISTENT',
    '1.54.65 is below the committed 1.55.65',
  ],
];

function demand(
  subject: Verified<SnpClaims>,
  expected: Partial<SnpExpectations>,
  code: Code | null,
  why: string,
): void {
  const appraise = (): void => appraiseSnp(subject, { ...WAIVED, ...expected });
  if (code === null) return appraise();
  expect(appraise).toFailWith(code);
  expect(appraise).toThrow(why);
}

describe('expectations', () => {
  if (CORPUS === null) it.skip(missing('snp (appraisal)', 120), () => {});

  it.each(CASES.map(([name, expected, code, why = '']) => [name, expected, code, why] as const))(
    '%s %j: %s',
    async (name, expected, code, why) => {
      demand(await verifiedAs(name), expected, code, why);
    },
  );

  const changed = CORPUS === null ? [] : MADE;
  it.each(
    changed.map(([name, change, expected, code, why = '']) => [name, expected, code, why, change] as const),
  )('%s changed, %j: %s', async (name, expected, code, why, change) => {
    demand(await verifiedAs(name, change), expected, code, why);
  });

  it.runIf(CORPUS !== null)('of versions compare each of the four with its own', async () => {
    const genuine = await verifyRecorded(TURIN);
    const with_ = (changes: object) => ({
      ...genuine,
      claims: { ...genuine.claims, levels: { ...genuine.claims.levels, ...changes } },
    });
    const { reported } = genuine.claims.levels;
    const lower = { ...reported, snp: 3 };
    const minimum = { ...WAIVED, ...least({ Turin: reported }) };
    appraiseSnp(with_({}), minimum);
    expect(() => appraiseSnp(with_({ launch: lower }), minimum)).toFailWith('SNP_LAUNCH_TCB_BELOW_MINIMUM');
    expect(() => appraiseSnp(with_({ launch: lower }), minimum)).toThrow(
      'report.launchTcb: snp 4, at least 4'.replace('4,', '3,'),
    );
    for (const provisional of ['allow', 'reject'] as const) {
      const expected = { ...WAIVED, ...least('any' as never, provisional) };
      appraiseSnp(with_({ launch: lower }), expected);
      // Reported above committed, and committed above current, are what no firmware says.
      expect(() => appraiseSnp(with_({ committed: lower, current: lower }), expected)).toFailWith(
        'SNP_TCB_INCONSISTENT',
      );
      expect(() => appraiseSnp(with_({ current: lower }), expected)).toFailWith('SNP_TCB_INCONSISTENT');
      // Higher in one part does not make up for lower in another.
      const mixed = { ...lower, microcode: 255 };
      expect(() => appraiseSnp(with_({ current: mixed }), expected)).toFailWith('SNP_TCB_INCONSISTENT');
    }
    const none = with_({ reported: { ...reported, fmc: null } });
    expect(() => appraiseSnp(none, minimum)).toThrow('no fmc, at least 1');
  });
});
