/** What a verdict must not outlive, be moved by, or be talked into. */
import { beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { readCollateral, writeBundle } from '../../src/collateral/index.ts';
import { withEndorsements } from '../../verifier/endorsements.ts';
import { judgeEvidence, type Verdict } from '../../verifier/index.ts';
import { intelTrust, judge, verify } from '../support/intel-verify.ts';
import { list, type MadeIntel, madeIntel } from '../support/made-intel.ts';
import { INTEL_TIME, simulatedIntel, tdQuote } from '../support/simulated-intel.ts';

const SECOND = 1_000;
const DAY = 86_400_000;
const NOW = INTEL_TIME - (INTEL_TIME % SECOND);
const filesOf = (files: ReadonlyMap<string, Uint8Array>) =>
  [...files].map(([name, bytes]) => ({ name, bytes }));

let made: MadeIntel;
beforeAll(async () => void (made = await madeIntel()));

describe('the moment of a judgement', () => {
  const asked = (now: unknown, mode: unknown = 'live'): Promise<unknown> =>
    judgeEvidence(made.td(), {
      mode,
      now,
      trust: null,
      crypto: nodeCrypto,
      collateral: readCollateral(made.files('tdx')),
      platform: null,
      nonce: null,
    } as Parameters<typeof judgeEvidence>[1]);

  it.each([undefined, null, Number.NaN, '2036-01-01T00:00:00Z', new Date(NOW), -1, 1e18, 0.5, 'evidence'])(
    'is not %s: EXPECTATION_MISSING',
    async (now) => {
      await expect(asked(now)).toRejectWith('EXPECTATION_MISSING');
      if (now !== 'evidence') await expect(asked(now, 'archive')).toRejectWith('EXPECTATION_MISSING');
    },
  );

  it('is asked for by the verifier of a platform too', async () => {
    const given = { quote: made.td(), files: made.files('tdx'), at: Number.NaN };
    await expect(verify(given, { roots: made.pins })).toRejectWith('EXPECTATION_MISSING');
  });
});

describe('the end of a verdict', () => {
  const verdictOf = async (tcb: object, tcbStatus: 'UpToDate' | 'OutOfDate'): Promise<Verdict> => {
    const vendor = await simulatedIntel([], { tcbStatus });
    const root = [vendor.rootName, Buffer.from(vendor.rootSpkiSha256).toString('hex')] as const;
    const given = { quote: tdQuote(vendor), files: filesOf(vendor.collateral('tdx')), at: NOW };
    return (await judge(given, { trust: intelTrust({ root, tcb: { ...tcb } }) })).verdict;
  };

  it('is where the age of collateral ends that the trust policy allows', async () => {
    const free = await verdictOf({}, 'UpToDate');
    const bound = await verdictOf({ max_collateral_age_days: 2 }, 'UpToDate');
    expect([free.verdict, bound.verdict]).toEqual(['trusted', 'trusted']);
    expect(Date.parse(bound.valid_until as string)).toBeLessThanOrEqual(NOW + 2 * DAY);
    expect(Date.parse(free.valid_until as string)).toBeGreaterThan(NOW + 20 * DAY);
  });

  it('is where grace ends, when grace is what excuses the platform', async () => {
    const without = await verdictOf({ statuses: ['OutOfDate'] }, 'OutOfDate');
    const since = Date.parse(without.claims['out_of_date_since'] as string);
    const days = Math.ceil((NOW - since) / DAY);
    const graced = await verdictOf({ statuses: ['UpToDate'], grace_days: days }, 'OutOfDate');
    expect(graced.verdict).toBe('trusted');
    expect(Date.parse(graced.valid_until as string)).toBe(since + days * DAY);
    expect(Date.parse(without.valid_until as string)).toBeGreaterThan(since + days * DAY);
  });
});

describe('what others bring', () => {
  it('takes no place of a later evaluation that the caller has', async () => {
    const before = await simulatedIntel([], { tcbStatus: 'OutOfDate', now: () => NOW - DAY });
    const old = await simulatedIntel(['rolled-back-tcb'], { tcbStatus: 'OutOfDate', now: () => NOW });
    const own = readCollateral(filesOf(before.collateral('tdx')));
    const brought = writeBundle(readCollateral(filesOf(old.collateral('tdx'))).items);
    const root = [before.rootName, Buffer.from(before.rootSpkiSha256).toString('hex')] as const;
    const codeWith = async (collateral: typeof own): Promise<string | null> => {
      const given = { quote: tdQuote(before), files: [], at: NOW };
      const tcb = { statuses: ['UpToDate'] };
      return (await judge(given, { trust: intelTrust({ root, tcb }), collateral })).verdict.code;
    };
    // Signed today, and of the evaluation before: what it says of the platform is better, and no longer true.
    expect(await codeWith(withEndorsements(brought))).toBe(null);
    expect(await codeWith(own)).toBe('TDX_TCB_OUT_OF_DATE');
    expect(await codeWith(withEndorsements(brought, own))).toBe('TDX_TCB_OUT_OF_DATE');
  });

  it('takes no revocation back with an older list that holds longer', async () => {
    const { pki } = made;
    const files = made.files('tdx').filter(({ name }) => name !== 'root_ca_crl.der');
    const older = list(pki.root, { thisUpdate: NOW - 200 * DAY, nextUpdate: NOW + 165 * DAY });
    const ended = { thisUpdate: NOW - 40 * DAY, nextUpdate: NOW - 10 * DAY };
    const revoked = [pki.pckCa.serial];
    const codeWith = async (...lists: readonly Uint8Array[]): Promise<string | null> => {
      const all = [...files, ...lists.map((bytes, i) => ({ name: `list ${i}`, bytes }))];
      const trust = intelTrust({ root: made.root });
      return (await judge({ quote: made.td(), files: all, at: NOW }, { trust })).verdict.code;
    };
    expect(await codeWith(older)).toBe(null);
    expect(await codeWith(older, list(pki.root, ended))).toBe(null);
    expect(await codeWith(older, list(pki.root, { ...ended, revoked }))).toBe('CERTIFICATE_REVOKED');
    // In the name of the root, and not of it.
    const forged = list({ ...pki.root, key: pki.pckCa.key }, { ...ended, revoked });
    expect(await codeWith(older, forged)).toBe(null);
  });

  it('is a copy: a buffer that is filled anew meanwhile changes nothing', async () => {
    const quote = made.td();
    const sha256 = Buffer.from(nodeCrypto.sha256(quote)).toString('hex');
    const judging = judge(
      { quote, files: made.files('tdx'), at: NOW },
      { trust: intelTrust({ root: made.root }) },
    );
    quote.fill(0);
    const { verdict } = await judging;
    expect([verdict.verdict, verdict.evidence_sha256]).toEqual(['trusted', sha256]);
  });
});

describe('an expectation that expects nothing', () => {
  it('is listed as waived, not as met', async () => {
    const given = { quote: made.td(), files: made.files('tdx'), at: NOW };
    for (const [platform, waived] of [
      [{ smt: 'any', cached_keys: 'any' }, true],
      [{ smt: 'any', sgx_types: ['standard', 'scalable', 'scalable-with-integrity'] }, false],
    ] as const) {
      const { verdict } = await judge(given, { trust: intelTrust({ root: made.root, tdx: { platform } }) });
      expect([verdict.verdict, verdict.waived.includes('tdx.platform')]).toEqual(['trusted', waived]);
    }
  });
});

describe('a TD that can be partitioned', () => {
  it.each([
    ['a partition of it', { vmId: Uint8Array.of(2) }],
    ['devices bound to it', { devInfo: new Uint8Array(48).fill(1) }],
  ])('is not trusted for a report of %s', async (_, body) => {
    const given = { quote: made.td(body, 4), files: made.files('tdx'), at: NOW };
    const { verdict } = await judge(given, { trust: intelTrust({ root: made.root }) });
    expect([verdict.verdict, verdict.code]).toEqual(['rejected', 'TDX_ATTRIBUTES_REFUSED']);
  });
});
