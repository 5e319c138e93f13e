/**
 * audit/: judges a whole log from a folder, offline: epochs, seals, entries, receipts held, and what leaves say.
 * It must never fetch, trust a hint of the bundle, or name a platform: evidence is judged by an argument.
 */
export { type AuditOptions, auditLog } from './audit.ts';
export {
  type AuditReader,
  type BundleIndex,
  CHECKPOINT_PATH,
  epochPath,
  formatBundleIndex,
  INDEX_PATH,
  readIndex,
  sealPath,
} from './bundle.ts';
export type { JudgedEpoch, JudgeEpoch } from './epochs.ts';
export { type AuditExpectations, auditBundle, auditJudge } from './judge.ts';
export type { AuditReport, Finding } from './report.ts';
