/**
 * The codes of kind `undetermined`, apart from the catalogue: a verdict needs this much of it, and a page that judges
 * evidence need not carry the texts of every error. A test compares the two.
 */
import type { Code } from './codes/index.ts';

export const UNDETERMINED: ReadonlySet<Code> = new Set<Code>([
  'CHALLENGE_MISSING',
  'CLOCK_UNANCHORED',
  'COLLATERAL_ANSWER_INVALID',
  'COLLATERAL_MISSING',
  'COLLATERAL_NOT_SERVED',
  'COLLATERAL_RATE_LIMITED',
  'COLLATERAL_ROLLED_BACK',
  'COLLATERAL_STALE',
  'COLLATERAL_UNREACHABLE',
  'CONNECTION_CANCELLED',
  'CONNECTION_LOST',
  'CONNECTION_REFUSED',
  'CONNECTION_TIMEOUT',
  'EVIDENCE_UNVERIFIED',
  'LOCK_UNAVAILABLE',
  'NOTE_ALGORITHM_UNSUPPORTED',
  'QUOTE_PCK_MISSING',
  'RPC_TIMEOUT',
  'SEAL_UNQUOTED',
  'SERVICE_CONFIG_MISSING',
  'SESSION_MISSING',
  'SNP_PRODUCT_UNSUPPORTED',
  'STATEMENT_MISSING',
  'TDX_MODULE_UNKNOWN',
  'TIME_UNANCHORED',
  'TLS_FAILED',
  'TRANSPORT_FAILED',
  'UNSEALED_TAIL',
  'UNWITNESSED',
]);
