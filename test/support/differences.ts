/**
 * Two verifiers asked the same: where they differ, a written reason must say who is stricter and why. Where we believe
 * what another refuses, a third must have found the same as we. A reason that nothing needs is an error as well.
 */
import type { Opinion } from './peers.ts';
import { compareOutcomes } from './peers.ts';

export interface Compared<Case> {
  readonly name: string;
  readonly of: Case;
  readonly ours: Opinion;
  readonly theirs: Opinion;
}

export interface Reason<Case> {
  readonly stricter: 'we' | 'they';
  readonly why: string;
  readonly when: (one: Compared<Case>) => boolean;
  /** Of what they refuse and we do not: the third that finds as we do. */
  readonly witness?: (one: Case) => boolean;
}

export interface Settled {
  /** No reason fits, or the witness does not hold. */
  readonly unexplained: readonly string[];
  /** Reasons that nothing needed. */
  readonly unused: readonly string[];
  readonly equal: number;
  /** How often they came down with it. */
  readonly panics: number;
  /** A line for each reason, with how often it was needed. */
  readonly table: readonly string[];
}

export function settle<Case>(compared: readonly Compared<Case>[], reasons: readonly Reason<Case>[]): Settled {
  const used = new Map(reasons.map((reason) => [reason, 0]));
  const unexplained: string[] = [];
  let equal = 0;
  for (const one of compared) {
    const order = compareOutcomes(one.ours.outcome, one.theirs.outcome);
    if (order === 0) {
      equal++;
      continue;
    }
    const stricter = order > 0 ? 'they' : 'we';
    const reason = reasons.find((candidate) => candidate.stricter === stricter && candidate.when(one));
    const proven = reason !== undefined && (stricter === 'we' || reason.witness?.(one.of) === true);
    if (proven) used.set(reason, (used.get(reason) ?? 0) + 1);
    else unexplained.push(told(one, reason));
  }
  return {
    unexplained,
    unused: reasons.filter((reason) => used.get(reason) === 0).map(({ why }) => why),
    equal,
    panics: compared.filter(({ theirs }) => theirs.outcome === 'panic').length,
    table: [...used].map(
      ([{ stricter, why }, count]) => `${String(count).padStart(6)} ${stricter} are stricter: ${why}`,
    ),
  };
}

function told({ name, ours, theirs }: Compared<unknown>, reason: Reason<never> | undefined): string {
  const unproven = reason === undefined ? '' : ' (the witness does not hold)';
  const theirWhy = theirs.why.slice(0, 200);
  return `${name}: we ${ours.outcome} (${ours.why}), they ${theirs.outcome} (${theirWhy})${unproven}`;
}
