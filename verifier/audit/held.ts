/**
 * Receipts that the auditor holds from elsewhere. They are what an operator cannot take back: a log that is too
 * short for one was truncated, and a log that says otherwise was forked.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import { leafHash, type ReceiptFile } from '../../src/log/index.ts';
import { verifyReceipt } from '../receipt.ts';
import { type Epochs, type JudgeEpoch } from './epochs.ts';

/** A receipt that verifies on its own, as a claim on the log. */
export interface HeldReceipt {
  readonly name: string;
  readonly index: number;
  readonly leafHash: Uint8Array;
  readonly size: number;
  readonly root: Uint8Array;
  readonly epoch: number;
  /** True when the bundle says that another boot had this epoch's number. */
  readonly otherBoot: boolean;
}

/**
 * Verifies each receipt under its own attestation, so that a bundle which hides a boot hides no receipt of it.
 * Throws what the judge and `verifyReceipt` throw: a bad receipt proves nothing about the log.
 */
export async function holdReceipts(
  files: readonly ReceiptFile[],
  epochs: Epochs,
  judge: JudgeEpoch,
  crypto: Crypto,
): Promise<HeldReceipt[]> {
  const held: HeldReceipt[] = [];
  for (const [i, { receipt, attestation }] of files.entries()) {
    const { service } = await judge(attestation);
    const { checkpoint } = await verifyReceipt(receipt, service, crypto);
    const known = epochs.get(service.epoch);
    held.push({
      name: `receipt ${i + 1}`,
      index: receipt.index,
      leafHash: leafHash(crypto, receipt.leaf),
      size: checkpoint.size,
      root: checkpoint.root,
      epoch: service.epoch,
      otherBoot: known !== undefined && !equalBytes(known.service.bootId, service.bootId),
    });
  }
  return held;
}
