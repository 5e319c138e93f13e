/**
 * The corpus's tables of changes to a quote and its collateral: each must be refused, or accepted, by a verifier that
 * is strict. Beside each stands what Intel's own library made of it.
 */
import { describe, expect, it } from 'vitest';
import { readCollateral } from '../../src/collateral/index.ts';
import { ProofCache } from '../../verifier/proof-cache.ts';
import { nobleCrypto, webCrypto } from '../../verifier/webcrypto.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import {
  appliedTo,
  baseOf,
  intelTrust,
  judge,
  RECORDED_CHANGES,
  type Table,
  tables,
} from '../support/intel-verify.ts';
import { vectors } from '../support/vectors.ts';

if (CORPUS === null) it.skip(missing('tdx', RECORDED_CHANGES), () => {});

/** What each change is refused with; in all tables where only one is given. */
interface Expected {
  readonly id: string;
  readonly code: string | null;
  readonly only?: readonly string[];
}
const expected = vectors<Expected>('intel-changes.json').cases;

const codeOf = (table: Table, id: string): string | null | undefined => {
  const fitting = expected.filter((one) => one.id === id && (one.only?.includes(table.name) ?? true));
  return fitting.length === 1 ? fitting[0]?.code : undefined;
};

describe.each(tables().map((table) => [table.name, table] as const))('%s', (_, table) => {
  const base = baseOf(table);

  it('starts from what is authentic', async () => {
    expect((await judge(base)).verdict).toMatchObject({ verdict: 'authentic', code: null });
  });

  it.each(table.cases.map((one) => [one.id, one.must, one] as const))('%s: %s', async (id, must, one) => {
    const given = appliedTo(base, one);
    const { verdict, failure } = await judge(given);
    const accepted = verdict.verdict === 'authentic';
    if (must !== 'either') expect(accepted).toBe(must === 'accept');
    expect([id, verdict.code]).toEqual([id, codeOf(table, id)]);
    expect(failure?.message ?? '').not.toMatch(/undefined|NaN|\[object/);
    // A refusal claims nothing, and an acceptance no more than the original.
    if (accepted && !one.ops.some(({ target }) => target === 'time'))
      expect(verdict.claims).toEqual((await judge(base)).verdict.claims);
    if (!accepted) expect(verdict).toMatchObject({ claims: {}, valid_until: null, simulated: null });
    // Nor is it better with a trust policy that asks for nothing.
    const trusted = (await judge(given, { trust: intelTrust() })).verdict;
    expect(trusted.verdict).toBe(accepted ? 'trusted' : verdict.verdict);
    expect(trusted.code).toBe(verdict.code);
  });

  it('makes the same of each whatever is cached, and whatever does the arithmetic', async () => {
    const cache = new ProofCache();
    const original = readCollateral(base.files);
    await judge(base, { cache, collateral: original });
    for (const one of table.cases) {
      const given = appliedTo(base, one);
      const cold = JSON.stringify((await judge(given)).verdict);
      for (const how of [{ cache }, { cache }, { crypto: webCrypto }, { crypto: nobleCrypto }])
        expect([one.id, JSON.stringify((await judge(given, how)).verdict)]).toEqual([one.id, cold]);
    }
    expect((await judge(base, { cache, collateral: original })).verdict.verdict).toBe('authentic');
  });
});
