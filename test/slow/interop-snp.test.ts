/**
 * SEV-SNP reports judged by go-sev-guest, which verifies, and then validates with all that it can allow allowed. All
 * recorded reports, a simulated AMD with each of its faults, and random changes to reports and certificates. We are as
 * strict as it, or stricter for a reason that is written here; where it is stricter, OpenSSL finds as we do.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS, missing } from '../support/corpus.ts';
import { type Compared, type Reason, settle } from '../support/differences.ts';
import { MUTATIONS, SEED } from '../support/mutate.ts';
import { opensslPresent } from '../support/openssl.ts';
import { goModules, GoPeers, type Opinion } from '../support/peers.ts';
import {
  changedReports,
  opensslHolds,
  ourOpinion,
  randomEndorsements,
  randomReports,
  recordedReports,
  type ReportCase,
  simulatedReports,
} from '../support/report-cases.ts';

/** Changes to reports; 2,000 unless told. */
const RANDOM = MUTATIONS;
const PATIENCE = 600_000;
const REPORT_SIZE = 1_184;
/** Of each version, and of both kinds of key; go-sev-guest reads them all. */
const CHANGED = ['v2-milan', 'v3-genoa-caci', 'v3-milan-aws-vlek', 'v5-milan-gcp-vmpl0'];

const ready = CORPUS !== null && opensslPresent;
const go = ready && goModules() ? new GoPeers() : null;
if (CORPUS === null) missing('snp, by other verifiers', RANDOM);
else if (!opensslPresent) console.warn('SEV-SNP reports were not compared with go-sev-guest: no openssl.');
else if (go === null)
  console.warn('SEV-SNP reports were not compared with go-sev-guest: no Go, or its modules cannot be had.');

type Seen = Compared<ReportCase>;

const REASONS: readonly Reason<ReportCase>[] = [
  {
    stricter: 'we',
    why: 'it takes a report for as long as it needs and drops what follows',
    when: ({ of }) => of.report.length > REPORT_SIZE,
  },
  {
    stricter: 'we',
    why: 'it writes the report anew before it verifies, and what it does not read is not signed: bits of the CPUID',
    when: ({ ours }) => ours.why === 'SNP_SIGNATURE_INVALID',
  },
  {
    stricter: 'we',
    why: 'it does not ask which chip a VCEK is of when the report hides its own',
    when: ({ ours }) => ours.why === 'SNP_CHIP_MASKED',
  },
  {
    stricter: 'we',
    why: 'it does not ask whether the revocation list should have been replaced',
    when: ({ ours }) => ours.why === 'COLLATERAL_STALE',
  },
  {
    stricter: 'they',
    why: 'it does not know Turin: the version of the FMC, and HWID of 8 bytes',
    when: ({ theirs }) => theirs.why === 'not an AMD KDS OID: 1.3.6.1.4.1.3704.1.3.9',
    witness: opensslHolds,
  },
  {
    stricter: 'they',
    why: 'it does not know processors of model A0, which are under the root of Genoa',
    when: ({ of }) => of.name === 'v5-genoa-model-a0',
    witness: opensslHolds,
  },
  {
    stricter: 'they',
    why: 'of a report that names no product it wants the stepping in the certificate, and VCEKs of Genoa have none',
    when: ({ theirs }) => /^unknown product name .*"Genoa"/.test(theirs.why),
    witness: opensslHolds,
  },
];

describe.runIf(go !== null)('SEV-SNP reports, by go-sev-guest', () => {
  const peer = go as GoPeers;
  let cases: readonly ReportCase[] = [];
  let compared: readonly Seen[] = [];

  beforeAll(async () => {
    await peer.build();
    const groups = {
      recorded: recordedReports(),
      simulated: await simulatedReports(),
      'chosen changes': changedReports(CHANGED),
      'random changes of reports': randomReports(CHANGED, RANDOM),
      'random changes of certificates': randomEndorsements(CHANGED, RANDOM / 4),
    };
    cases = Object.values(groups).flat();
    const counts = Object.entries(groups).map(([name, list]) => `${list.length} ${name}`);
    console.log(`ASSAY_SEED=${SEED}: ${counts.join(', ')}`);
    const theirs = await peer.ask(
      cases.map(({ report, set, at, product }) => ({ kind: 'snp', evidence: report, set, at, product })),
    );
    const ours: Opinion[] = [];
    for (const one of cases) ours.push(await ourOpinion(one));
    compared = cases.map((of, i) => ({
      name: of.name,
      of,
      ours: ours[i] as Opinion,
      theirs: theirs[i] as Opinion,
    }));
  }, PATIENCE);
  afterAll(() => peer[Symbol.dispose]());

  it('are judged as strictly, or more strictly', () => {
    const settled = settle(compared, REASONS);
    console.log(
      [
        `go-sev-guest: ${settled.equal} of ${compared.length} the same, ${settled.panics} panics`,
        ...settled.table,
      ].join('\n'),
    );
    expect(settled.unexplained).toEqual([]);
    expect(settled.unused).toEqual([]);
    // Otherwise nothing was compared but refusals.
    expect(compared.filter(({ theirs }) => theirs.outcome === 'accepted').length).toBeGreaterThan(40);
  });
});
