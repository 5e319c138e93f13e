/** Writes verifier/trust-policy.schema.json from the table that checks trust policies. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { TRUST_POLICY_SCHEMA } from '../../verifier/trust-policy.ts';

export const SCHEMA_FILE: string = resolve(import.meta.dirname, '../../verifier/trust-policy.schema.json');

export function schemaPage(): string {
  return `${JSON.stringify(TRUST_POLICY_SCHEMA, null, 2)}\n`;
}

if (import.meta.main) writeFileSync(SCHEMA_FILE, schemaPage());
