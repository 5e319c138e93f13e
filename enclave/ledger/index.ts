/**
 * enclave/ledger/: gives decisions their place in the log, durable before they are answered, and takes the log up
 * again after a restart.
 *
 * It must never acknowledge a leaf that the store has not made durable, sign two heads of one size, or believe
 * anything that the store gives back.
 */
export {
  DEFAULT_LEDGER_LIMITS,
  type Ledger,
  type LedgerLimits,
  type LedgerParts,
  type LedgerStatus,
  openLedger,
} from './ledger.ts';
export type { Head } from './publisher.ts';
export { type LogReader, openReader, type ReaderParts } from './reader.ts';
export { type Recovered, type RecoverParts, recoverLog } from './recover.ts';
export { readFile, type StagedBatch, type StoreClient } from './store-client.ts';
export { NO_TRAIL, type Trail, trailOf } from './trail.ts';
export { createRpcStore, DEFAULT_RPC_STORE_LIMITS, type RpcStore, type RpcStoreLimits } from './rpc-store.ts';
