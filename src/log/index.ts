/**
 * log/: the transparency log that both sides must agree on byte for byte: Merkle tree, tiles, signed notes,
 * checkpoints, leaves, receipts. It must never store, fetch, or decide whom to trust: keys and hashing are
 * arguments.
 */
export * from './action.ts';
export * from './checkpoint.ts';
export * from './files.ts';
export * from './frontier.ts';
export * from './leaf.ts';
export * from './merkle.ts';
export * from './note.ts';
export * from './policies.ts';
export * from './proofs.ts';
export * from './receipt.ts';
export * from './tile.ts';
export * from './tlog-proof.ts';
