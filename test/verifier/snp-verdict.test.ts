/** Verdicts about SEV-SNP with a trust policy: what is waived, open or wrong, and what nobody can leave unsaid. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Code } from '../../src/base/errors.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { readCollateral } from '../../src/collateral/index.ts';
import {
  appraiseSnp,
  CheckLog,
  judgeEvidence,
  SNP_APPRAISE_CHECKS,
  SNP_REVOCATION_CHECK,
  type SnpExpectations,
} from '../../verifier/index.ts';
import { CORPUS } from '../support/corpus.ts';
import { policyOf, recordedOf, SNP_WAIVED, snpTrust, verifiedAs } from '../support/snp.ts';
import { AMD_TIME } from '../support/simulated-amd.ts';
import { collateralOf, made } from '../support/snp-made.ts';

const WAIVED: SnpExpectations = { ...SNP_WAIVED, hardware: 'any', revocation: 'any' };
const TURIN = 'v5-turin-caci';
const MILAN = 'v3-milan-caci';
const AWS = 'v3-milan-aws-vlek';

describe.runIf(CORPUS !== null)('defaults', () => {
  const bare = (() => {
    const { migration_agent: _m, smt: _s, alias_check: _a, ...rest } = WAIVED;
    return rest as SnpExpectations;
  })();

  it('refuse a migration agent and demand the search for aliases, and let SMT be', async () => {
    const agent = await verifiedAs(TURIN, policyOf({ migrationAgentAllowed: true }));
    expect(() => appraiseSnp(agent, bare)).toFailWith('SNP_MIGRATION_AGENT');
    expect(() => appraiseSnp(agent, { ...bare, migration_agent: 'reject' })).toFailWith(
      'SNP_MIGRATION_AGENT',
    );
    const old = await verifiedAs('v2-milan');
    expect(() => appraiseSnp(old, bare)).toFailWith('SNP_ALIAS_CHECK_MISSING');
    const log = new CheckLog([SNP_REVOCATION_CHECK, ...SNP_APPRAISE_CHECKS]);
    appraiseSnp(await verifiedAs(TURIN), bare, log);
    expect(log.waived).toContain('snp.smt');
    expect(log.unverified).toEqual([]);
  });

  it('are none for what must be stated, from plain JavaScript too', async () => {
    const subject = await verifiedAs(TURIN);
    const names = 'measurement debug vmpl tcb milan_vcek id_key host_data hardware revocation'.split(' ');
    for (const name of names)
      expect(() => appraiseSnp(subject, { ...WAIVED, [name]: undefined } as never), name).toFailWith(
        'EXPECTATION_MISSING',
      );
    for (const name of ['minimum', 'provisional_firmware'])
      expect(() =>
        appraiseSnp(subject, { ...WAIVED, tcb: { ...WAIVED.tcb, [name]: undefined } } as never),
      ).toFailWith('EXPECTATION_MISSING');
    expect(() => appraiseSnp(subject, undefined as never)).toFailWith('EXPECTATION_MISSING');
  });

  it('take only the word of a waiver for one', async () => {
    const strange = {
      debug: 'yes',
      milan_vcek: 'yes',
      migration_agent: 'yes',
      smt: 'yes',
      alias_check: 'no',
      ecc: 'no',
    };
    const found: Record<string, Code> = {
      debug: 'SNP_DEBUG_ALLOWED',
      milan_vcek: 'SNP_MILAN_VCEK',
      migration_agent: 'SNP_MIGRATION_AGENT',
      smt: 'SNP_SMT_ENABLED',
      alias_check: 'SNP_ALIAS_CHECK_MISSING',
      ecc: 'SNP_ECC_DISABLED',
    };
    const subject = await verifiedAs(
      'v2-milan-debug-policy',
      policyOf({ debugAllowed: true, migrationAgentAllowed: true }),
    );
    for (const [name, word] of Object.entries(strange))
      expect(() => appraiseSnp(subject, { ...WAIVED, [name]: word } as never), name).toFailWith(
        found[name] as Code,
      );
    const ahead = await verifiedAs(AWS);
    const tcb = { minimum: 'any', provisional_firmware: 'yes' };
    expect(() => appraiseSnp(ahead, { ...WAIVED, tcb } as never)).toFailWith('SNP_FIRMWARE_PROVISIONAL');
  });
});

describe.runIf(CORPUS !== null)('a verdict', () => {
  async function judged(name: string, snp: JsonObject, changes: JsonObject = {}) {
    const { bytes, at, files } = recordedOf(name);
    return judgeEvidence(bytes, {
      mode: 'archive',
      now: at,
      trust: snpTrust(snp, changes),
      crypto: nodeCrypto,
      collateral: readCollateral(files),
      platform: null,
      nonce: null,
    });
  }

  it('names what was waived, what does not arise and nothing besides', async () => {
    const { verdict } = await judged(TURIN, {});
    expect(verdict.verdict).toBe('trusted');
    expect(verdict.waived).toEqual([
      'witnesses',
      'snp.debug',
      'snp.migration',
      'snp.vmpl',
      'snp.measurement',
      'snp.id-key',
      'snp.host-data',
      'snp.tcb-minimum',
      'snp.provisional-firmware',
      'snp.alias-check',
      'snp.smt',
      'snp.hardware',
      'snp.revocation',
      'service',
    ]);
    const strict = await judged(
      TURIN,
      {
        debug: 'reject',
        vmpl: [0],
        measurement: [recordedOf(TURIN).fields['measurement'] as string],
        tcb: {
          minimum: { Turin: { fmc: 1, bootloader: 1, tee: 1, snp: 4, microcode: 81 } },
          provisional_firmware: 'reject',
        },
        milan_vcek: 'reject',
        id_key: [recordedOf(TURIN).fields['id_key_digest'] as string],
        host_data: [recordedOf(TURIN).fields['host_data'] as string],
        migration_agent: 'reject',
        alias_check: 'required',
      },
      { hardware: { ids: { chip_id: ['59790fb1c39f35c1'] } } },
    );
    expect(strict.verdict).toMatchObject({ verdict: 'trusted', unverified: [] });
    expect(strict.verdict.waived).toEqual(['witnesses', 'snp.smt', 'snp.revocation', 'service']);
  });

  it('says of a Milan with a VCEK that its key proves little', async () => {
    const allowed = await judged(MILAN, {});
    expect(allowed.verdict.waived).toContain('snp.milan-vcek');
    expect(allowed.verdict.claims['weaknesses']).toMatchObject([{ id: 'arXiv:2605.12990' }]);
    const refused = await judged(MILAN, { milan_vcek: 'reject' });
    expect(refused.verdict).toMatchObject({ verdict: 'rejected', code: 'SNP_MILAN_VCEK' });
  });

  it('lists each part that falls short', async () => {
    const minimum = { Milan: { bootloader: 5, tee: 0, snp: 24, microcode: 221 } };
    const { verdict } = await judged(AWS, { tcb: { minimum, provisional_firmware: 'allow' } });
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'SNP_TCB_BELOW_MINIMUM' });
    expect(verdict.claims['tcb_short']).toEqual([
      { tcb: 'reported', part: 'bootloader', has: 4, needs: 5 },
      { tcb: 'reported', part: 'microcode', has: 217, needs: 221 },
      { tcb: 'launch', part: 'bootloader', has: 4, needs: 5 },
      { tcb: 'launch', part: 'microcode', has: 219, needs: 221 },
    ]);
    const unlisted = await judged(TURIN, { tcb: { minimum, provisional_firmware: 'allow' } });
    expect(unlisted.verdict.claims['tcb_short']).toEqual([]);
    expect(unlisted.verdict.code).toBe('EXPECTATION_MISSING');
  });

  it('has every failure under its own check', async () => {
    const { verdict } = await judged('v2-milan-debug-policy', {
      debug: 'reject',
      measurement: ['00'.repeat(48)],
      host_data: ['11'.repeat(32)],
      milan_vcek: 'reject',
      alias_check: 'required',
      min_abi: '1.55',
    });
    const failed = verdict.checks
      .filter(({ status }) => status === 'fail')
      .map(({ name, code }) => [name, code]);
    expect(failed).toEqual([
      ['snp.debug', 'SNP_DEBUG_ALLOWED'],
      ['snp.measurement', 'SNP_MEASUREMENT_MISMATCH'],
      ['snp.host-data', 'SNP_HOST_DATA_MISMATCH'],
      ['snp.firmware', 'SNP_FIRMWARE_BELOW_MINIMUM'],
      ['snp.milan-vcek', 'SNP_MILAN_VCEK'],
      ['snp.alias-check', 'SNP_ALIAS_CHECK_MISSING'],
    ]);
    expect(verdict.code).toBe('SNP_DEBUG_ALLOWED');
  });

  it('is no better for a policy about another platform', async () => {
    const { bytes, at, files } = recordedOf(TURIN);
    const trust = snpTrust({}, { platforms: { nitro: { pcrs: 'any', debug: 'reject' } } });
    const { verdict } = await judgeEvidence(bytes, {
      mode: 'archive',
      now: at,
      trust,
      crypto: nodeCrypto,
      collateral: readCollateral(files),
      platform: 'snp',
      nonce: null,
    });
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'PLATFORM_NOT_ACCEPTED' });
  });

  it('takes simulated machines only by their root', async () => {
    const one = await made();
    const { verdict } = await judgeEvidence(one.bytes, {
      mode: 'archive',
      now: AMD_TIME,
      trust: snpTrust(),
      crypto: nodeCrypto,
      collateral: collateralOf(one),
      platform: null,
      nonce: null,
    });
    expect(verdict).toMatchObject({ verdict: 'rejected', code: 'CHAIN_ROOT_UNTRUSTED' });
  });
});
