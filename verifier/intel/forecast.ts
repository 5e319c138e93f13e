/**
 * What newer collateral makes of the same platform. Intel raises its bar by new evaluations of the same platforms; a
 * fleet that passes today can fail in the hour in which the next becomes the standard, and should hear of it before.
 */
import type { Millis } from '../../src/base/clock.ts';
import { AssayError } from '../../src/base/errors.ts';
import type { QeIdentity, SignedDocument, TcbInfo } from '../../src/collateral/index.ts';
import type { VerifiedChain } from '../chain.ts';
import { requireSigned } from '../collateral.ts';
import { type DocumentContext, type Documents, qeIdentitiesOf, tcbInfosOf } from './documents.ts';
import { type ConvergedStatus, evaluateTcb, type PlatformVersions } from './tcb.ts';

export interface Forecast {
  /** The lower of TCB info and QE identity. */
  readonly evaluationNumber: number;
  readonly issueDate: Millis;
  readonly status: ConvergedStatus;
  readonly advisories: readonly string[];
}

/** At most so many, the newest: a folder may hold the history of years. */
const MAX_FORECASTS = 8;

/** By evaluation number. What is not genuinely signed foretells nothing and is passed over. */
export async function forecastTcb(
  versions: PlatformVersions,
  used: Documents,
  signer: VerifiedChain,
  context: DocumentContext,
): Promise<readonly Forecast[]> {
  const { collateral } = context;
  const { tee, fmspc } = used.tcbInfo.value;
  const newer = tcbInfosOf(collateral, tee, fmspc)
    .filter((document) => document !== used.tcbInfo && isNewer(document.value, used.tcbInfo.value))
    .toSorted(
      (a, b) =>
        b.value.tcbEvaluationDataNumber - a.value.tcbEvaluationDataNumber ||
        b.value.issueDate - a.value.issueDate,
    )
    .slice(0, MAX_FORECASTS);
  if (newer.length === 0) return [];
  const identities = qeIdentitiesOf(collateral, tee);
  const found: Forecast[] = [];
  for (const document of newer) {
    const identity = identityFor(document.value, identities, used.qeIdentity);
    if (!(await isGenuine(document, signer, context)) || !(await isGenuine(identity, signer, context)))
      continue;
    const { status, advisories } = evaluateTcb(versions, document.value, identity.value);
    found.push(
      Object.freeze({
        evaluationNumber: Math.min(
          document.value.tcbEvaluationDataNumber,
          identity.value.tcbEvaluationDataNumber,
        ),
        issueDate: document.value.issueDate,
        status,
        advisories,
      }),
    );
  }
  return Object.freeze(found.reverse());
}

function isNewer(candidate: TcbInfo, used: TcbInfo): boolean {
  if (candidate.tcbEvaluationDataNumber !== used.tcbEvaluationDataNumber)
    return candidate.tcbEvaluationDataNumber > used.tcbEvaluationDataNumber;
  return candidate.issueDate > used.issueDate;
}

/** The identity of the same evaluation, else the newest that is not of a later one, else the one in use. */
function identityFor(
  { tcbEvaluationDataNumber }: TcbInfo,
  identities: readonly SignedDocument<QeIdentity>[],
  used: SignedDocument<QeIdentity>,
): SignedDocument<QeIdentity> {
  const upTo = identities.filter(({ value }) => value.tcbEvaluationDataNumber <= tcbEvaluationDataNumber);
  return upTo.reduce(
    (best, one) =>
      one.value.tcbEvaluationDataNumber > best.value.tcbEvaluationDataNumber ||
      (one.value.tcbEvaluationDataNumber === best.value.tcbEvaluationDataNumber &&
        one.value.issueDate > best.value.issueDate)
        ? one
        : best,
    used,
  );
}

async function isGenuine(
  document: SignedDocument<unknown>,
  { leaf, leafKey }: VerifiedChain,
  context: DocumentContext,
): Promise<boolean> {
  const { signed, signature } = document;
  try {
    await requireSigned(
      { owner: document, signed, signature, key: leafKey, signer: leaf, name: 'newer' },
      context,
    );
    return true;
  } catch (error) {
    if (error instanceof AssayError) return false;
    throw error;
  }
}
