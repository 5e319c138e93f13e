/**
 * audit/: brings a log to the auditor: reads bundles from folders, and exports them from a store's folder.
 * It judges nothing; `verifier/audit` does.
 */
export { type Exported, exportBundle } from './export.ts';
export { folderReader } from './folder.ts';
