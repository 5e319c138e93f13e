/** What a decision is about: one tool call with exactly these arguments. */
import type { Hashing } from '../base/crypto.ts';
import { canonicalize } from '../codec/jcs.ts';
import type { JsonValue } from '../codec/json.ts';
import { bind32, DOMAINS } from '../statement/bind.ts';

/**
 * `bind32` under `action` over the canonical JSON (RFC 8785) of `{"arguments": …, "tool": …}`: the same call has
 * the same identity however its JSON was spelled. Throws JSON_* for a value that JSON cannot hold exactly.
 */
export function actionIdentity(hashing: Hashing, tool: string, args: JsonValue): Uint8Array {
  return bind32(hashing, DOMAINS.action, canonicalize({ arguments: args, tool }));
}
