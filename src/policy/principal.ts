/** The authenticated caller, and what of a snapshot it replaces. */
import { isObject, member, type JsonObject, type JsonValue } from './json.ts';
import { deny } from './reasons.ts';

export interface Principal {
  /** Name within the bundle; it stands in reports, the key hash stands in the leaf. */
  readonly id: string;
  readonly tenant: string;
  readonly agent: string;
  /** Lower-case hex of the SHA-256 of the client certificate's SubjectPublicKeyInfo. */
  readonly key: string;
}

/**
 * The snapshot with who-says-it replaced by who-was-authenticated (design section 6). A host writes the snapshot,
 * so its word on tenant and agent is worth nothing; the TLS client key's is. Replaced, whether present or not:
 *
 * - `agent.id` and `envelope.agent.id` become the principal's agent (other members of `agent` stay claims);
 * - `tenant` becomes the principal's tenant, `envelope.tenant` becomes `{"id": tenant}` and nothing else.
 *
 * The envelope is that of AGT-SNAPSHOT-1.0 section 1. Both identities of the evaluation cover the replaced values.
 */
export function applyPrincipal(snapshot: JsonValue, principal: Principal): JsonObject {
  if (!isObject(snapshot)) deny('runtime_error:request_invalid', 'the snapshot is not an object');
  const envelope = objectOr(member(snapshot, 'envelope'));
  return {
    ...snapshot,
    agent: { ...objectOr(member(snapshot, 'agent')), id: principal.agent },
    tenant: principal.tenant,
    envelope: {
      ...envelope,
      agent: { ...objectOr(member(envelope, 'agent')), id: principal.agent },
      tenant: { id: principal.tenant },
    },
  };
}

function objectOr(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : NOTHING;
}

const NOTHING: JsonObject = Object.freeze({});
