/** Builds for browsers as people build them: esbuild, minified, ES modules, parts on demand in files of their own. */
import { basename } from 'node:path';
import { build, type Metafile } from 'esbuild';

export interface PageBundle {
  /** By the name under which the others import it. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** What is loaded at once: the entry and all that it imports statically. The entry is first. */
  readonly loaded: readonly string[];
}

export const ENTRY = 'page.js';

/** `source` is the module that a page loads; its imports are resolved from `folder`. */
export async function bundlePage(source: string, folder: string): Promise<PageBundle> {
  const result = await build({
    stdin: { contents: source, resolveDir: folder, loader: 'ts', sourcefile: 'page.ts' },
    bundle: true,
    minify: true,
    format: 'esm',
    platform: 'browser',
    target: 'es2022',
    splitting: true,
    outdir: folder,
    entryNames: 'page',
    chunkNames: 'part-[hash]',
    legalComments: 'none',
    metafile: true,
    write: false,
    logLevel: 'silent',
  });
  const files = new Map(result.outputFiles.map(({ path, contents }) => [basename(path), contents]));
  return { files, loaded: loadedAtOnce(result.metafile) };
}

function loadedAtOnce({ outputs }: Metafile): readonly string[] {
  const found = new Set<string>();
  const follow = (path: string): void => {
    if (found.has(path)) return;
    found.add(path);
    for (const { path: next, kind } of outputs[path]?.imports ?? [])
      if (kind === 'import-statement') follow(next);
  };
  // What is imported on demand is an entry of its own to esbuild, so the page's is told by its name.
  for (const path of Object.keys(outputs)) if (basename(path) === ENTRY) follow(path);
  return [...found].map((path) => basename(path));
}
