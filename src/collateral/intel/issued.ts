/** When a statement of Intel's was issued, and when the next one is promised. */
import type { Millis } from '../../base/clock.ts';
import type { JsonObject } from '../../codec/json.ts';
import { invalid, timeOf } from './fields.ts';

export interface Issued {
  readonly issueDate: Millis;
  readonly nextUpdate: Millis;
}

export function issuedOf(statement: JsonObject, path: string): Issued {
  const issueDate = timeOf(statement, 'issueDate', path);
  const nextUpdate = timeOf(statement, 'nextUpdate', path);
  if (nextUpdate < issueDate) invalid(`${path}.nextUpdate`, 'is before issueDate');
  return { issueDate, nextUpdate };
}
