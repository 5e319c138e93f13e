/**
 * Certificates and revocation lists by the openssl command: what we take for authentic it verifies, in every case, at
 * the edges of every validity. It knows nothing of statements, roles and reports; where it verifies and we refuse, the
 * reason is one of those that are written here.
 */
import { describe, expect, it } from 'vitest';
import { readCollateral } from '../../src/collateral/index.ts';
import { itemBegins, itemEnds } from '../../src/collateral/index.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseQuote } from '../../src/evidence/intel/index.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import { type Compared, type Reason, settle } from '../support/differences.ts';
import * as intel from '../support/intel-peers.ts';
import { MUTATIONS, SEED } from '../support/mutate.ts';
import { opensslPresent } from '../support/openssl.ts';
import type { Opinion } from '../support/peers.ts';
import { randomCollateral, randomQuotes, recordedQuotes, simulatedQuotes } from '../support/quote-cases.ts';
import * as snp from '../support/report-cases.ts';

const PATIENCE = 600_000;
const SECOND = 1_000;
/** Enough of each kind of certificate; every other quote has the same authorities at other times. */
const AT_EDGES = 6;

const ready = CORPUS !== null && opensslPresent;
if (CORPUS === null) missing('tdx and snp, by openssl', AT_EDGES);
else if (!opensslPresent)
  console.warn('certificate paths were not compared with those of openssl: no openssl.');

/**
 * The moments around begin and end of each validity. Not the last second itself: RFC 5280 section 4.1.2.5 counts it in,
 * and OpenSSL does not.
 */
const edges = (validities: readonly (readonly [from: number, until: number])[]): readonly number[] => [
  ...new Set(validities.flatMap(([from, until]) => [from - SECOND, from, until - SECOND, until + SECOND])),
];

const span = ({
  notBefore,
  notAfter,
}: {
  notBefore: number;
  notAfter: number;
}): readonly [number, number] => [notBefore, notAfter];

/** Simulated certificates end in a millisecond that no certificate can say. */
const whole = (at: number): number => Math.floor(at / SECOND) * SECOND;

function quotesAtEdges(): readonly intel.QuoteCase[] {
  return recordedQuotes()
    .filter((_, i, all) => i % Math.ceil(all.length / AT_EDGES) === 0)
    .flatMap((one) => {
      const { certification } = parseQuote(one.quote);
      const own =
        certification.kind === 'ppid' ? [] : certification.certificates.map((der) => parseCertificate(der));
      const held = readCollateral(one.files).items.map((item) => [itemBegins(item), itemEnds(item)] as const);
      return edges([...own.map(span), ...held]).map((at) => ({
        ...one,
        at,
        name: `${one.name} at ${new Date(at).toISOString()}`,
      }));
    });
}

function reportsAtEdges(): readonly snp.ReportCase[] {
  return (
    snp
      .recordedReports()
      // The others are wrong in themselves, whatever certifies their key.
      .filter(({ name }) => !name.startsWith('derived-'))
      .flatMap((one) => {
        const held = readCollateral(one.files).items.filter(({ bytes }) =>
          [...one.set.values()].some((known) => Buffer.compare(known, bytes) === 0),
        );
        return edges(held.map((item) => [itemBegins(item), itemEnds(item)])).map((at) => ({
          ...one,
          at,
          name: `${one.name} at ${new Date(at).toISOString()}`,
        }));
      })
  );
}

const asOne = ({ outcome, why }: Opinion): Opinion => ({
  outcome: outcome === 'outdated' ? 'accepted' : outcome,
  why,
});
const opinion = (holds: boolean): Opinion => ({ outcome: holds ? 'accepted' : 'refused', why: '' });
type Row = Reason<unknown>;
const ours =
  (...codes: readonly string[]) =>
  ({ ours: { why } }: Compared<unknown>): boolean =>
    codes.includes(why);

const INTEL: readonly Row[] = [
  {
    stricter: 'we',
    why: 'statements are signed, in time and of this platform; they are JSON',
    when: ours('COLLATERAL_STALE', 'COLLATERAL_SIGNATURE_INVALID', 'COLLATERAL_MISSING'),
  },
  { stricter: 'we', why: 'what runs is a module of Intel', when: ours('TDX_MODULE_MISMATCH') },
  { stricter: 'we', why: 'what signs is the quoting enclave of Intel', when: ours('QUOTE_QE_MISMATCH') },
];

const SNP: readonly Row[] = [
  {
    stricter: 'we',
    why: 'the certificate is of this chip',
    when: ours('SNP_HWID_MISMATCH', 'SNP_CHIP_MASKED'),
  },
  { stricter: 'we', why: 'the certificate is of these versions', when: ours('SNP_TCB_MISMATCH') },
  { stricter: 'we', why: 'ASK issues VCEKs and ASVK issues VLEKs', when: ours('CHAIN_ROLE') },
  {
    stricter: 'we',
    why: 'signatures have the one form that AMD writes: PSS with a salt of 48 bytes',
    when: ours('CHAIN_ALGORITHM'),
  },
];

function conclude<Case>(
  name: string,
  compared: readonly Compared<Case>[],
  reasons: readonly Reason<Case>[],
): void {
  const settled = settle(compared, reasons);
  const both = compared.filter(
    (one) => one.ours.outcome === 'accepted' && one.theirs.outcome === 'accepted',
  ).length;
  console.log(
    [
      `openssl, ${name}: ${settled.equal} of ${compared.length} the same, ${both} of them verified`,
      ...settled.table,
    ].join('\n'),
  );
  expect(settled.unexplained).toEqual([]);
  expect(settled.unused).toEqual([]);
  expect(both).toBeGreaterThan(20);
}

describe.runIf(ready)('openssl verifies what we take for authentic', () => {
  it(
    'of Intel, at the edges of time and with each simulated fault',
    async () => {
      const cases = [
        ...quotesAtEdges(),
        ...(await simulatedQuotes()).map((one) => ({ ...one, at: whole(one.at) })),
      ];
      const compared: Compared<intel.QuoteCase>[] = [];
      for (const of of cases) {
        const own = asOne(await intel.ourOpinion(of));
        compared.push({ name: of.name, of, ours: own, theirs: opinion(intel.opensslHolds(of)) });
      }
      conclude('Intel', compared, INTEL);
    },
    PATIENCE,
  );

  it(
    'of AMD, at the edges of time and with each simulated fault',
    async () => {
      const cases = [
        ...reportsAtEdges(),
        ...(await snp.simulatedReports()).map((one) => ({ ...one, at: whole(one.at) })),
      ];
      const compared: Compared<snp.ReportCase>[] = [];
      for (const of of cases) {
        const own = await snp.ourOpinion(of);
        compared.push({
          name: of.name,
          of,
          ours: own,
          theirs: opinion(own.why !== 'SNP_UNSIGNED' && snp.opensslHolds(of)),
        });
      }
      conclude('AMD', compared, SNP);
    },
    PATIENCE,
  );

  it(
    'of whatever random changes leave acceptable',
    async () => {
      const file = 'tdx_v4_20a06f_near_gas';
      const cases = [...randomQuotes([file], MUTATIONS), ...randomCollateral(file, MUTATIONS)];
      const accepted: intel.QuoteCase[] = [];
      for (const one of cases) if ((await intel.ourOpinion(one)).outcome !== 'refused') accepted.push(one);
      const failed = accepted.filter((one) => !intel.opensslHolds(one)).map(({ name }) => name);
      console.log(`ASSAY_SEED=${SEED}: of ${cases.length} random changes ${accepted.length} are acceptable`);
      expect(failed).toEqual([]);
      expect(accepted.length).toBeGreaterThan(10);
    },
    PATIENCE,
  );
});

describe('a comparison', () => {
  const seen = (one: Opinion['outcome'], other: Opinion['outcome']): Compared<null> => ({
    name: 'x',
    of: null,
    ours: { outcome: one, why: '' },
    theirs: { outcome: other, why: '' },
  });
  const reason = (stricter: Row['stricter'], holds?: boolean): Row => ({
    stricter,
    why: 'y',
    when: () => true,
    ...(holds === undefined ? {} : { witness: () => holds }),
  });
  const open = (one: Compared<null>, ...reasons: readonly Row[]): number =>
    settle([one], reasons).unexplained.length;

  it('is content with the same, a panic being a refusal', () => {
    for (const [one, other] of [
      ['accepted', 'accepted'],
      ['outdated', 'outdated'],
      ['refused', 'panic'],
    ] as const)
      expect(open(seen(one, other))).toBe(0);
  });

  it('wants a reason for more strictness, and a witness for less', () => {
    expect(open(seen('refused', 'accepted'))).toBe(1);
    expect(open(seen('refused', 'accepted'), reason('they', true))).toBe(1);
    expect(open(seen('refused', 'accepted'), reason('we'))).toBe(0);
    for (const less of [
      seen('accepted', 'outdated'),
      seen('outdated', 'refused'),
      seen('accepted', 'panic'),
    ]) {
      expect(open(less)).toBe(1);
      expect(open(less, reason('we'))).toBe(1);
      expect(open(less, reason('they'))).toBe(1);
      expect(open(less, reason('they', false))).toBe(1);
      expect(open(less, reason('they', true))).toBe(0);
    }
    expect(settle([], [reason('we')]).unused).toEqual(['y']);
  });
});
