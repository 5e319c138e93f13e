/**
 * A receipt: a leaf, its place in the log, and the signed head that covers it. Its text is a C2SP tlog-proof
 * whose `extra` line is the leaf, so that foreign tools can check the proof.
 */
import { ParseError } from '../base/errors.ts';
import { formatTlogProof, parseTlogProof } from './tlog-proof.ts';

export interface Receipt {
  /** The leaf's bytes as logged; `decodeLeaf` reads them. */
  readonly leaf: Uint8Array;
  readonly index: number;
  /** Inclusion proof, leaf side first, in the tree of the checkpoint. */
  readonly proof: readonly Uint8Array[];
  /** Signed note with the log's and the epoch's signature. */
  readonly checkpoint: string;
}

export function formatReceipt({ leaf, index, proof, checkpoint }: Receipt): string {
  return formatTlogProof({ extra: leaf, index, hashes: proof, checkpoint });
}

/** Throws `TLOG_PROOF_INVALID`, or `RECEIPT_INVALID` when it carries no leaf. Verifies nothing. */
export function parseReceipt(text: string): Receipt {
  const { extra, index, hashes, checkpoint } = parseTlogProof(text);
  if (extra === null) throw new ParseError('RECEIPT_INVALID', 'no extra line with the leaf', 0, 'receipt');
  return { leaf: extra, index, proof: hashes, checkpoint };
}
