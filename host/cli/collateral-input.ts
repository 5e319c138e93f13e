/** Collateral as people have it: a bundle, a folder of what vendors and their tools wrote, or single files. */
import { readdirSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import { type Collateral, type CollateralFile, readCollateral } from '../../src/collateral/index.ts';
import { readFile } from './input.ts';

export interface CollateralInput {
  readonly collateral: Collateral;
  /** Bytes of the one file that was named and is no collateral of a vendor's: a service's configuration may be. */
  readonly other: Uint8Array | null;
}

const MAX_FILES = 4_096;

/** Each path is a file or a folder; what lies in folders of the folder is not read. FILE_UNREADABLE, USAGE. */
export function readCollateralPaths(paths: readonly string[]): CollateralInput {
  const files: CollateralFile[] = [];
  const named: string[] = [];
  for (const path of paths) {
    const inside = namesIn(path);
    for (const name of inside ?? [path]) files.push({ name: displayName(path, name), bytes: readFile(name) });
    if (inside === null) named.push(path);
  }
  const collateral = readCollateral(files);
  const foreign = named.filter((path) =>
    collateral.ignored.some(({ name, code }) => code === null && name === displayName(path, path)),
  );
  if (foreign.length > 1)
    fail('USAGE', `--collateral: neither ${foreign.slice(0, 2).join(' nor ')} is collateral of a vendor`);
  const [only] = foreign;
  return { collateral, other: only === undefined ? null : readFile(only) };
}

/** Paths of the files in a folder, in the order of their names; null for what is no folder. */
function namesIn(path: string): readonly string[] | null {
  let folder = false;
  try {
    folder = statSync(path).isDirectory();
  } catch {
    // Reading it as a file says what is wrong.
  }
  if (!folder) return null;
  const names = readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => join(path, name))
    .sort();
  if (names.length > MAX_FILES) fail('USAGE', `--collateral: ${path} has more than ${MAX_FILES} files`);
  return names;
}

const displayName = (path: string, name: string): string => (path === name ? path : basename(name));
