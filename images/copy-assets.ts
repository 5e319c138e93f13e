/** Copies the few files that programs read at run time and the compiler does not emit, from the sources into dist. */
import { cpSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

const ROOT: string = resolve(import.meta.dirname, '../..');
const ASSETS = /\.(json|yaml|cedar|proto)$/;

for (const floor of ['src', 'verifier', 'host']) {
  for (const entry of readdirSync(join(ROOT, floor), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !ASSETS.test(entry.name)) continue;
    const from = join(entry.parentPath, entry.name);
    cpSync(from, join(ROOT, 'dist', from.slice(ROOT.length + 1)));
  }
}
