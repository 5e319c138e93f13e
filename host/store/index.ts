/**
 * host/store/: the log's files on disk: a stage that makes leaves durable, C2SP tiles that anyone can read, and
 * the files that the enclave keeps with the host.
 *
 * It must never judge what it carries, answer before bytes are durable, trust the page cache after a failed sync,
 * or let a caller name a path outside its allow-list.
 */
export { type Disk, type DiskFile, nodeDisk } from './disk.ts';
export { MAX_FILE_BYTES } from './paths.ts';
export type { Batch } from './stage-format.ts';
export {
  DEFAULT_STORE_LIMITS,
  type Opened,
  type ReadPart,
  Store,
  type StoreLimits,
  type StoreParts,
} from './store.ts';
export { serveStore, storeHandlers } from './server.ts';
