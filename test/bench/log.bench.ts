/**
 * The log: what a decision costs (leaf, hashes, its share of a batch), what a receipt costs its reader, and how
 * fast an auditor gets through a stored log. Ed25519 and SHA-256 alone stand beside them, from the same run.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { ed25519Spki } from '../../src/base/ed25519.ts';
import {
  decodeLeaf,
  encodeLeaf,
  Frontier,
  inclusionProof,
  leafHash,
  nodeHash,
  placeLeaf,
  rootOf,
  verifyInclusion,
} from '../../src/log/index.ts';
import { auditLog } from '../../verifier/audit/index.ts';
import { verifyReceiptForAction } from '../../verifier/receipt.ts';
import { decisionDraft, judgeOf, TEST_TIME, TestLog } from '../support/log.ts';

const ROUNDS = 9;

function report(name: string, perSecond: readonly number[]): void {
  const median = perSecond.toSorted((a, b) => a - b)[perSecond.length >> 1] as number;
  console.log(`  ${name.padEnd(52)} ${Math.round(median).toLocaleString('en-US').padStart(12)} /s`);
}

function measure(name: string, calls: number, run: (i: number) => unknown): void {
  const rates: number[] = [];
  for (let round = -2; round < ROUNDS; round++) {
    const started = performance.now();
    for (let i = 0; i < calls; i++) run(i);
    if (round >= 0) rates.push((calls * 1_000) / (performance.now() - started));
  }
  report(name, rates);
}

async function measureAsync(
  name: string,
  calls: number,
  run: (i: number) => Promise<unknown>,
): Promise<void> {
  const rates: number[] = [];
  for (let round = -1; round < ROUNDS; round++) {
    const started = performance.now();
    for (let i = 0; i < calls; i++) await run(i);
    if (round >= 0) rates.push((calls * 1_000) / (performance.now() - started));
  }
  report(name, rates);
}

const place = { epoch: 1, time: TEST_TIME };
const draft = decisionDraft();
const leaves = Array.from({ length: 1_024 }, (_, index) => placeLeaf(draft, { ...place, index }));
const encoded = leaves.map(encodeLeaf);
const hashes = encoded.map((bytes) => leafHash(nodeCrypto, bytes));
const batch = hashes.slice(0, 256);
const root = rootOf(nodeCrypto, hashes);
const proof = inclusionProof(nodeCrypto, hashes, 777);

console.log(`the log, median of ${ROUNDS} rounds; a decision's leaf has ${encoded[0]?.length} bytes`);
measure('SHA-256 of 65 bytes (baseline)', 50_000, () => nodeHash(nodeCrypto, root, root));
measure('leaf: encode', 20_000, (i) => encodeLeaf(leaves[i & 1023]!));
measure('leaf: decode', 20_000, (i) => decodeLeaf(encoded[i & 1023]!));
measure('leaf: hash', 50_000, (i) => leafHash(nodeCrypto, encoded[i & 1023]!));
const frontier = new Frontier(nodeCrypto);
measure('batches of 256 appended', 100, () => frontier.appendBatch(batch));
measure('batches of 256 appended, with all their proofs', 100, () => {
  const made = frontier.appendBatch(batch);
  for (let i = 0; i < 256; i++) made.proof(i);
});
measure('inclusion verified, 1,024 leaves', 5_000, () =>
  verifyInclusion(nodeCrypto, { index: 777, size: 1_024, leafHash: hashes[777]!, proof, root }),
);

const log = new TestLog();
log.startEpoch();
log.loadPolicy();
for (let i = 0; i < 1_000; i++) log.decide();
const { service } = log.current;
const signer = log.log.signer;
const message = new Uint8Array(100);
const signature = signer.sign(message);
const key = await nodeCrypto.importKey('Ed25519', ed25519Spki(log.log.raw));
measure('Ed25519 signature (baseline)', 1_000, () => signer.sign(message));
await measureAsync('Ed25519 verification (baseline)', 500, () => key.verify(message, signature));
measure('checkpoint signed with both keys', 500, () => log.checkpoint());
const receipt = log.receipt(500);
const leaf = decodeLeaf(receipt.leaf);
await measureAsync('receipt verified for an action', 200, () =>
  verifyReceiptForAction(receipt, {
    service,
    crypto: nodeCrypto,
    audience: leaf.audience!,
    action: leaf.action!,
    nonce: leaf.nonce!,
    principal: leaf.principal!,
    level: 0,
    now: TEST_TIME,
  }),
);

// A log of 500,000 leaves, sealed every 4,096, read back from memory.
const SIZE = 500_000;
while (log.size < SIZE) {
  log.decide();
  if (log.size % 4_096 === 0) log.seal();
}
const files = log.files();
const size = log.size;
const rates: number[] = [];
let peak = 0;
const before = process.memoryUsage().rss;
for (let round = 0; round < 3; round++) {
  const started = performance.now();
  const { verdict, code } = await auditLog(
    { read: async (path) => files.get(path) ?? null },
    { judgeEpoch: judgeOf(log), crypto: nodeCrypto, receipts: [], trustSha256: null },
  );
  if (verdict !== 'trusted') throw new Error(`the audit says ${code}`);
  rates.push((size * 1_000) / (performance.now() - started));
  peak = Math.max(peak, process.memoryUsage().rss - before);
}
report(`audit of ${size.toLocaleString('en-US')} leaves, ${log.seals.length} seals`, rates);
console.log(`  resident memory grew by ${Math.round(peak / 1_048_576)} MiB meanwhile`);
