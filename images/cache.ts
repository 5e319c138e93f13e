/**
 * What takes minutes to build is built once for each set of inputs: a folder named by the SHA-256 of all of them.
 * It lies outside the checkout, so that every clone has it; `ASSAY_CACHE` puts it elsewhere.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export function cacheFolder(): string {
  const chosen = process.env['ASSAY_CACHE'];
  const folder = chosen !== undefined && chosen !== '' ? chosen : join(homedir(), '.cache', 'assay');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** SHA-256 over named inputs, each with its length: no two sets of inputs run together into one. */
export function inputsDigest(inputs: Readonly<Record<string, string | Uint8Array>>): string {
  const hash = createHash('sha256');
  for (const [name, value] of Object.entries(inputs).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const bytes = Buffer.from(value as Uint8Array);
    hash.update(`${name} ${bytes.length}\n`).update(bytes).update('\n');
  }
  return hash.digest('hex');
}

/** The folder of `kind` for these inputs, built if it is not there. A build that fails leaves nothing. */
export async function cachedBuild(
  kind: string,
  inputs: Readonly<Record<string, string | Uint8Array>>,
  build: (folder: string) => Promise<void>,
): Promise<string> {
  const cache = cacheFolder();
  const folder = join(cache, `${kind}-${inputsDigest(inputs).slice(0, 32)}`);
  if (existsSync(folder)) return folder;
  const unfinished = mkdtempSync(join(cache, `${kind}.`));
  try {
    await build(unfinished);
    // Whoever was first has built the same.
    if (existsSync(folder)) return folder;
    renameSync(unfinished, folder);
    return folder;
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
}
