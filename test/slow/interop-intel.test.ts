/**
 * Intel quotes judged by others: go-tdx-guest (TDX in version 4) and dcap-qvl. All recorded quotes, the corpus's tables
 * of changes, a simulated Intel with each of its faults, and random changes to quotes and collateral. We are as strict
 * as they, or stricter for a reason that is written here; where they are stricter, it is no lack of ours: Intel's own
 * library, as recorded, or OpenSSL finds as we do.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS, missing } from '../support/corpus.ts';
import { type Compared, type Reason, settle } from '../support/differences.ts';
import { opensslHolds, ourOpinion, type QuoteCase, rootIsAltered, setOf } from '../support/intel-peers.ts';
import { MUTATIONS, SEED } from '../support/mutate.ts';
import { opensslPresent } from '../support/openssl.ts';
import { askDcapQvl, dcapQvl, goModules, GoPeers, type Opinion, type PeerSet } from '../support/peers.ts';
import {
  randomCollateral,
  randomQuotes,
  recordedQuotes,
  simulatedQuotes,
  tableQuotes,
  transferred,
  unfinishedQuotes,
} from '../support/quote-cases.ts';

/** Changes to quotes of version 4; 2,000 unless told. */
const RANDOM = MUTATIONS;
const PATIENCE = 600_000;
/** Quotes whose TCB info names the FMSPC in small letters: go-tdx-guest refuses all others. */
const READ_BY_GO = [
  'tdx_v4_20a06f_near_gas',
  'tdx_v4_50806f_DEBUG',
  'tdx_v4_90c06f_dstack',
  'tdx_v4_00806f_gce_outofdate',
] as const;

const ready = CORPUS !== null && opensslPresent;
const go = ready && goModules() ? new GoPeers() : null;
const qvl = ready ? await dcapQvl() : null;
if (CORPUS === null) missing('tdx, by other verifiers', RANDOM);
else if (!opensslPresent) console.warn('Intel quotes were not compared with other verifiers: no openssl.');
if (ready && go === null)
  console.warn('Intel quotes were not compared with go-tdx-guest: no Go, or its modules cannot be had.');
if (ready && qvl === null)
  console.warn(
    'Intel quotes were not compared with dcap-qvl: not installed. Run npm ci --prefix test/interop/dcap-qvl.',
  );

const isTdx = ({ quote }: QuoteCase): boolean => quote[4] === 0x81 || quote[0] === 4;

const intelAgrees = ({ intel }: QuoteCase): boolean => intel === true;
const either = (one: QuoteCase): boolean => intelAgrees(one) || opensslHolds(one);

type Seen = Compared<QuoteCase>;
const code = (...codes: readonly string[]): ((one: Seen) => boolean) => {
  const known = new Set(codes);
  return ({ ours }) => known.has(ours.why);
};
const said =
  (words: RegExp) =>
  ({ theirs }: Seen): boolean =>
    words.test(theirs.why);
const called =
  (names: RegExp) =>
  ({ name }: Seen): boolean =>
    names.test(name);

const GO: readonly Reason<QuoteCase>[] = [
  {
    stricter: 'we',
    why: 'it reads what the lengths say and asks nothing of what follows',
    when: code('QUOTE_TRAILING_BYTES'),
  },
  {
    stricter: 'we',
    why: 'of two members of one name it takes the second, whatever the first says',
    when: called(/second-tcb-info/),
  },
  {
    stricter: 'we',
    why: 'it does not ask when a revocation list or a statement begins',
    when: code('COLLATERAL_STALE'),
  },
  {
    stricter: 'we',
    why: 'it drops what follows the DER of a revocation list',
    when: called(/crl-longer|random collateral .*crl\.der/),
  },
  {
    stricter: 'we',
    why: 'it takes members of JSON in large letters and small: "Signature"',
    when: called(/member-case|random collateral (tcb_info|qe_identity)/),
  },
  {
    stricter: 'they',
    why: 'it compares the FMSPC as text, and Intel writes it in capitals as well',
    when: said(/^FMSPC from PCK Certificate/),
    witness: intelAgrees,
  },
  {
    stricter: 'they',
    why: 'it reads quotes of version 4 alone',
    when: said(/quote format not supported/),
    witness: either,
  },
  {
    stricter: 'they',
    why: 'it wants the chain of the TCB signer whole and in order; the root of ours comes with the quote as well',
    when: called(/chain-(only-signer|reversed)|tcb_signing_chain/),
    witness: opensslHolds,
  },
  {
    stricter: 'they',
    why: "it reads the quote's copy of the root; ours must have the pinned key, name and validity, or another copy serves",
    when: ({ of }) => rootIsAltered(of),
    witness: opensslHolds,
  },
];

const QVL: readonly Reason<QuoteCase>[] = [
  {
    stricter: 'we',
    why: 'it reads what the lengths say and asks nothing of what follows',
    when: code('QUOTE_TRAILING_BYTES'),
  },
  {
    stricter: 'we',
    why: 'it asks no list who signed it, for whom, from or until when it holds; an empty one will do',
    when: called(/crl|time-after-last/),
  },
  {
    stricter: 'we',
    why: 'it takes any type of the outer certification, and bytes in it that belong to nothing',
    when: code('QUOTE_FIELD_INVALID'),
  },
  {
    stricter: 'we',
    why: 'it looks for certificates in text and passes over what else stands there',
    when: (one) => code('PEM_INVALID')(one) || called(/chain-with-text|tcb_signing_chain/)(one),
  },
  {
    stricter: 'we',
    why: 'it does not ask who signed the TDX module',
    when: code('TDX_MODULE_MISMATCH'),
  },
  {
    stricter: 'we',
    why: 'it does not compare the module that started a TD with the one that runs',
    when: code('TDRelaunchAdvised'),
  },
  {
    stricter: 'they',
    why: 'it counts the first two versions of a TD with a module of its own as those of the platform',
    when: ({ ours, theirs }) => ours.why === 'UpToDate' && theirs.why === 'OutOfDate',
    witness: intelAgrees,
  },
  {
    stricter: 'they',
    why: 'it appraises while it verifies: debug mode, service TDs, migration, SEPT_VE_DISABLE',
    when: said(
      /^(Debug mode is enabled|Invalid mr service td|Reserved bits in TD attributes|SEPT_VE_DISABLE)/,
    ),
    witness: either,
  },
  {
    stricter: 'they',
    why: 'it wants the chain of the TCB signer whole and in order; the root of ours comes with the quote as well',
    when: called(/chain-(only-signer|reversed)|tcb_signing_chain/),
    witness: opensslHolds,
  },
  {
    stricter: 'they',
    why: "it reads the quote's copy of the root; ours must have the pinned key, name and validity, or another copy serves",
    when: ({ of }) => rootIsAltered(of),
    witness: opensslHolds,
  },
  {
    stricter: 'they',
    why: 'it does not know the body of a TD that can be partitioned',
    when: said(/Unsupported body type/),
    witness: opensslHolds,
  },
];

/** Cases that share their collateral share a set, so that it is sent once. */
const sets = new Map<QuoteCase['files'], PeerSet>();
function setFor(one: QuoteCase): PeerSet {
  const known = sets.get(one.files) ?? setOf(one);
  sets.set(one.files, known);
  return known;
}

describe.runIf(ready)('Intel quotes', () => {
  const groups = new Map<string, readonly QuoteCase[]>();
  const ours = new Map<QuoteCase, Opinion>();

  beforeAll(async () => {
    await go?.build();
    groups.set('recorded', recordedQuotes());
    groups.set('unfinished', unfinishedQuotes());
    groups.set('tables of changes', tableQuotes());
    groups.set('the same changes to what go-tdx-guest reads', transferred(READ_BY_GO[0]));
    groups.set('simulated', await simulatedQuotes());
    groups.set('random changes of quotes', [
      ...randomQuotes(READ_BY_GO, RANDOM),
      ...randomQuotes(['tdx_v5_90c06f_go', 'sgx_v3_00a067110000_phala'], RANDOM / 4),
    ]);
    groups.set('random changes of collateral', randomCollateral(READ_BY_GO[0], RANDOM / 4));
    for (const one of [...groups.values()].flat()) ours.set(one, await ourOpinion(one));
    console.log(
      `ASSAY_SEED=${SEED}: ${[...groups].map(([name, list]) => `${list.length} ${name}`).join(', ')}`,
    );
  }, PATIENCE);
  afterAll(() => go?.[Symbol.dispose]());

  const compare = (list: readonly QuoteCase[], theirs: readonly (Opinion | null)[]): readonly Seen[] =>
    list.flatMap((of, i) => {
      const opinion = theirs[i];
      if (opinion === null || opinion === undefined) return [];
      return [{ name: of.name, of, ours: ours.get(of) as Opinion, theirs: opinion }];
    });

  const judge = (peer: string, compared: readonly Seen[], reasons: readonly Reason<QuoteCase>[]): void => {
    const settled = settle(compared, reasons);
    console.log(
      [
        `${peer}: ${settled.equal} of ${compared.length} the same, ${settled.panics} panics`,
        ...settled.table,
      ].join('\n'),
    );
    expect(settled.unexplained).toEqual([]);
    expect(settled.unused).toEqual([]);
    // Otherwise nothing was compared but refusals.
    for (const outcome of ['accepted', 'outdated'] as const)
      expect(compared.filter(({ theirs }) => theirs.outcome === outcome).length).toBeGreaterThan(20);
  };

  it.runIf(go !== null)(
    'by go-tdx-guest: as strict as it, or stricter',
    async () => {
      const list = [...groups.values()].flat().filter(isTdx);
      const theirs = await (go as GoPeers).ask(
        list.map((one) => ({ kind: 'tdx', evidence: one.quote, set: setFor(one), at: one.at })),
      );
      judge('go-tdx-guest', compare(list, theirs), GO);
    },
    PATIENCE,
  );

  it.runIf(qvl !== null)(
    'by dcap-qvl: as strict as it, or stricter',
    () => {
      const list = [...groups.values()].flat();
      const peer = qvl as NonNullable<typeof qvl>;
      judge(
        'dcap-qvl',
        compare(
          list,
          list.map(({ quote, files, at, root }) => askDcapQvl(peer, quote, files, at, root)),
        ),
        QVL,
      );
    },
    PATIENCE,
  );
});
