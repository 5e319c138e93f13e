/** Audits of logs in memory: a bundle as a map of files, a log worth auditing, and what an attacker changes in it. */
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import {
  decodeEntries,
  encodeEntries,
  encodeTile,
  entriesPath,
  leafHash,
  type ReceiptFile,
  tilePath,
} from '../../src/log/index.ts';
import { type AuditReader, type AuditReport, auditLog } from '../../verifier/audit/index.ts';
import { judgeOf, type TestEpoch, TestLog } from './log.ts';

export type Files = Map<string, Uint8Array>;

export const readerOf = (files: Files): AuditReader => ({
  read: async (path, maxBytes) => {
    const bytes = files.get(path) ?? null;
    if (bytes !== null && bytes.length > maxBytes) fail('AUDIT_BUNDLE_INVALID', `${path} is too long`);
    return bytes;
  },
});

export async function audit(
  files: Files,
  log: TestLog,
  options: { receipts?: ReceiptFile[]; others?: TestLog[] } = {},
): Promise<AuditReport> {
  return auditLog(readerOf(files), {
    judgeEpoch: judgeOf(log, ...(options.others ?? [])),
    crypto: nodeCrypto,
    receipts: options.receipts ?? [],
    trustSha256: null,
  });
}

/** Two boots, 700 decisions, a seal every hundred, a policy change, and nothing unsealed at the end. */
export function sampleLog(options: { seed?: TestLog } = {}): TestLog {
  const log = options.seed ?? new TestLog();
  log.startEpoch();
  log.loadPolicy('policy 1');
  for (let i = 0; i < 300; i++) {
    log.decide({ decision: i % 3 === 0 ? 'deny' : 'allow' });
    if (i % 100 === 50) log.seal();
  }
  log.loadPolicy('policy 2');
  log.seal();
  log.startEpoch();
  for (let i = 0; i < 400; i++) {
    log.decide();
    if (i % 100 === 50) log.seal();
  }
  log.seal();
  return log;
}

export const receiptFile = (
  log: TestLog,
  index: number,
  size?: number,
  epoch: TestEpoch = log.current,
): ReceiptFile => ({
  receipt: { ...log.receipt(index, size), checkpoint: log.checkpoint(size, epoch) },
  attestation: epoch.attestation,
  seal: null,
});

/** Replaces one entry in the stored bundle, and in the hash tile too if asked. */
export function replaceEntry(
  files: Files,
  log: TestLog,
  index: number,
  bytes: Uint8Array,
  hashesToo = false,
): void {
  const tile = Math.floor(index / 256);
  const width = Math.min(256, log.size - tile * 256);
  const path = `log/${entriesPath(tile, width)}`;
  const entries = decodeEntries(files.get(path)!, width);
  entries[index - tile * 256] = bytes;
  files.set(path, encodeEntries(entries));
  if (hashesToo)
    files.set(
      `log/${tilePath(0, tile, width)}`,
      encodeTile(entries.map((entry) => leafHash(nodeCrypto, entry))),
    );
}
