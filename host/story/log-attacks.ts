/** Attacks on the stored log: an auditor finds each with nothing but a copy of the log and a receipt of his own. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { nodeCrypto } from '../../native/index.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import type { ReceiptFile } from '../../src/log/index.ts';
import { auditBundle, type AuditReport } from '../../verifier/index.ts';
import { exportBundle, folderReader } from '../audit/index.ts';
import type { AssayClient } from '../client/index.ts';
import type { Scene } from './story.ts';

const PATIENCE_MS = 10_000;
const PAUSE_MS = 50;

/** The receipts that this client holds, as files that an auditor is given. */
export function heldReceipts({ decided, client }: Pick<Scene, 'decided' | 'client'>): ReceiptFile[] {
  return decided.map(({ decision }) => ({
    receipt: decision.receipt,
    attestation: client.attestation,
    seal: null,
  }));
}

/** A copy of the log that covers at least `size` leaves; tiles follow the decisions by a moment. */
export async function copyLog(
  store: string,
  folder: string,
  size: number,
  patienceMs: number = PATIENCE_MS,
): Promise<string> {
  const deadline = performance.now() + patienceMs;
  for (let attempt = 0; ; attempt++) {
    const target = join(folder, `copy-${attempt}`);
    const exported = await exportBundle(store, target).catch(() => null);
    if (exported !== null && exported.size >= size) return target;
    if (performance.now() > deadline) return fail('STORY_BROKEN', 'the log was not published in time');
    await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
  }
}

/** Seals what has been decided, so that the audit has hardware evidence for all of it. */
export async function sealNow(client: AssayClient): Promise<void> {
  await client.seal(new Uint8Array(nodeCrypto.sha256(client.service.bootId)));
}

export async function auditCopy(
  scene: Pick<Scene, 'trust'>,
  folder: string,
  receipts: readonly ReceiptFile[],
): Promise<AuditReport> {
  const report = await auditBundle(folderReader(folder), {
    trust: scene.trust,
    crypto: nodeCrypto,
    now: Date.now(),
    receipts,
  });
  if (report.verdict === 'rejected' && report.code !== null)
    throw new AssayError(report.code, report.findings[0]?.message ?? 'rejected');
  return report;
}

/** Turns one `deny` in the stored entries into `warn`, which is as long, so that everything else still fits. */
function flipDecision(folder: string): void {
  const entries = join(folder, 'log/tile/entries');
  for (const name of readdirSync(entries, { recursive: true }) as string[]) {
    const path = join(entries, name);
    if (!/\/?[0-9]{1,3}$/.test(name)) continue;
    const bytes = readBytes(path);
    // A CBOR text of four bytes: 0x64 'deny'; `warn` has as many.
    const at = bytes?.indexOf('\x64deny', 'latin1') ?? -1;
    if (bytes === null || at === -1) continue;
    bytes.write('warn', at + 1, 'latin1');
    writeFileSync(path, bytes);
    return;
  }
  fail('STORY_BROKEN', 'the log holds no deny to flip');
}

function readBytes(path: string): Buffer | null {
  try {
    return readFileSync(path);
  } catch {
    return null;
  }
}

/** `earlier`: a copy of the log from before the decisions, consistent in itself, as a rolled-back disk has it. */
export async function attackLog(scene: Scene, folder: string, earlier: string): Promise<void> {
  const { teller, options } = scene;
  const receipts = heldReceipts(scene);
  const size = Math.max(...receipts.map(({ receipt }) => receipt.index)) + 1;
  await teller.refused('a decision flipped in a stored tile', ['LOG_ALTERED'], async () => {
    const copy = await copyLog(options.store, folder, size);
    flipDecision(copy);
    await auditCopy(scene, copy, []);
  });
  await teller.refused('the log truncated to before the decisions', ['LOG_TRUNCATED'], () =>
    auditCopy(scene, earlier, receipts),
  );
}
