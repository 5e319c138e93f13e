/** What every crash suite checks at its end, and the load that it crashes under. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import type { Ledger } from '../../enclave/ledger/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import { openCheckpoint } from '../../src/log/checkpoint.ts';
import { leafHash, rootOf } from '../../src/log/merkle.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import { decodeEntries, entriesPath, TILE_WIDTH, tileWidth } from '../../src/log/tile.ts';
import { decisionDraft } from './log.ts';
import { localStore, type TestService, testStore, verifyTestReceipt } from './ledger.ts';
import { expectedTiles, filesIn } from './store.ts';

export const POINTS: number = Number(process.env['ASSAY_KILLS'] ?? 50);
export const SEED: number = Number(process.env['ASSAY_SEED'] ?? Date.now() % 2 ** 31);

/** Keeps appends going until `stop`; refusals are counted and tried again a little later. */
export function startLoad(
  ledger: Ledger,
  inFlight: number,
): { readonly receipts: Receipt[]; readonly refused: () => number; stop(): Promise<void> } {
  const receipts: Receipt[] = [];
  let refused = 0;
  let going = true;
  const lanes = Array.from({ length: inFlight }, async () => {
    while (going) {
      try {
        receipts.push(await ledger.append(decisionDraft()));
      } catch (error) {
        expect(error).toMatchObject({ code: 'LOG_UNAVAILABLE' });
        refused++;
        await new Promise((resolve) => setTimeout(resolve, 2));
      }
    }
  });
  return {
    receipts,
    refused: () => refused,
    async stop() {
      going = false;
      await Promise.all(lanes);
    },
  };
}

/**
 * Takes the log up again from its folder and compares everything that was acknowledged with what is there: receipts
 * verify, leaves stand at their indexes, no size has two roots, and files and root are those of a plain rebuild.
 */
export async function checkLog(
  service: TestService,
  folder: string,
  receipts: readonly Receipt[],
): Promise<{ size: number; epochs: number }> {
  const store = testStore(folder);
  const { ledger, epoch } = await service.boot(localStore(() => store));
  await ledger.publish();
  await ledger.close();
  await store.close();
  const leaves = readLeaves(folder);
  const heads = await verifyAll(service, receipts, leaves);
  const hashes = leaves.map((leaf) => leafHash(nodeCrypto, leaf));
  for (const [size, root] of heads)
    if (size <= 4_096 || size % 97 === 0) expect(toHex(rootOf(nodeCrypto, hashes.slice(0, size)))).toBe(root);
  expect(toHex(ledger.head().root)).toBe(toHex(rootOf(nodeCrypto, hashes)));
  const found = filesIn(join(folder, 'log'));
  for (const [path, hex] of expectedTiles(leaves)) expect(found.get(path) === hex, path).toBe(true);
  return { size: leaves.length, epochs: epoch };
}

function readLeaves(folder: string): Uint8Array[] {
  const note = readFileSync(join(folder, 'log/checkpoint'), 'utf8');
  const { size } = openCheckpoint(note);
  const leaves: Uint8Array[] = [];
  for (let index = 0; index * TILE_WIDTH < size; index++) {
    const width = tileWidth(0, index, size);
    leaves.push(
      ...decodeEntries(new Uint8Array(readFileSync(join(folder, 'log', entriesPath(index, width)))), width),
    );
  }
  return leaves;
}

async function verifyAll(
  service: TestService,
  receipts: readonly Receipt[],
  leaves: readonly Uint8Array[],
): Promise<Map<number, string>> {
  const heads = new Map<number, string>();
  for (const receipt of receipts) {
    const { size, root } = await verifyTestReceipt(service, receipt);
    expect(heads.get(size) ?? toHex(root)).toBe(toHex(root));
    heads.set(size, toHex(root));
    const { leaf, index } = receipt;
    expect(Buffer.compare(leaves[index] ?? new Uint8Array(0), leaf), `leaf ${index}`).toBe(0);
  }
  return heads;
}
