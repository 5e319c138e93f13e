/** Reads the source tree: files, imports (with oxc, type-only edges included) and programs that are started by path. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { parseSync } from 'oxc-parser';

export const ROOT: string = resolve(import.meta.dirname, '../..');

/** Every .ts file under the given top-level folders, relative to the root. */
export function sources(...folders: string[]): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts') && !entry.name.endsWith('.d.ts'))
      .map((entry) => relative(ROOT, join(entry.parentPath, entry.name)))
      .filter((path) => !path.includes('node_modules'))
      .sort(),
  );
}

export function readSource(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export interface Edge {
  readonly from: string;
  /** A path relative to the root, or a package name. */
  readonly to: string;
  readonly internal: boolean;
}

/** Static, type-only, re-exporting and dynamic imports, and `*.ts` or `*.js` programs named in a path literal. */
export function edges(path: string): Edge[] {
  const text = readSource(path);
  const parsed = parseSync(path, text);
  if (parsed.errors.length > 0) throw new Error(`${path}: ${parsed.errors[0]?.message}`);
  const specifiers = new Set<string>();
  for (const entry of parsed.module.staticImports) specifiers.add(entry.moduleRequest.value);
  for (const entry of parsed.module.staticExports) {
    for (const part of entry.entries)
      if (part.moduleRequest !== null) specifiers.add(part.moduleRequest.value);
  }
  for (const entry of parsed.module.dynamicImports) {
    specifiers.add(
      text.slice(entry.moduleRequest.start, entry.moduleRequest.end).replace(/^['"`]|['"`]$/g, ''),
    );
  }
  const out: Edge[] = [];
  for (const specifier of specifiers) {
    const internal = specifier.startsWith('.');
    const to = internal ? relative(ROOT, resolve(ROOT, dirname(path), specifier)) : specifier;
    out.push({ from: path, to, internal });
  }
  return out;
}
