/**
 * TCB evaluation data numbers (Intel's PCS, `/tcbevaluationdatanumbers`): which sets of requirements are in force, and
 * since which recovery. What a later number asks for, an earlier one did not.
 */
import type { Millis } from '../../base/clock.ts';
import type { JsonValue } from '../../codec/json.ts';
import { invalid, listOf, MAX_U31, memberOf, objectOf, timeOf, uintOf, wordOf } from './fields.ts';
import { type Issued, issuedOf } from './issued.ts';

export interface TcbEvaluationNumber {
  readonly number: number;
  readonly recoveryEventDate: Millis;
  readonly tcbDate: Millis;
}

export interface TcbEvaluationNumbers extends Issued {
  readonly id: 'SGX' | 'TDX';
  readonly version: 1;
  /** In the order served. */
  readonly numbers: readonly TcbEvaluationNumber[];
}

const MAX_NUMBERS = 1_024;

/** Throws COLLATERAL_INVALID with the path of the field. */
export function readEvaluationNumbers(value: JsonValue | undefined, path: string): TcbEvaluationNumbers {
  const list = objectOf(value, path);
  if (memberOf(list, 'version') !== 1) invalid(`${path}.version`, 'is not 1');
  return Object.freeze({
    id: wordOf(list, 'id', path, ['SGX', 'TDX']),
    version: 1,
    ...issuedOf(list, path),
    numbers: listOf(list, 'tcbEvalNumbers', path, MAX_NUMBERS, (one, at) =>
      Object.freeze({
        number: uintOf(one, 'tcbEvaluationDataNumber', at, MAX_U31),
        recoveryEventDate: timeOf(one, 'tcbRecoveryEventDate', at),
        tcbDate: timeOf(one, 'tcbDate', at),
      }),
    ),
  });
}
