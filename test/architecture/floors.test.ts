/** Design section 1: an import may only point down the list of floors. */
import { describe, expect, it } from 'vitest';
import { edges, readSource, sources } from '../support/tree.ts';

/** From the top down. A floor may import itself and everything below it, less what FORBIDDEN takes away. */
const FLOORS = [
  'host',
  'enclave',
  'verifier',
  'src/rpc',
  'src/policy',
  'src/log',
  'src/statement',
  'src/collateral',
  'src/evidence',
  'src/codec',
  'src/image',
  'src/base',
] as const;

/** Folders beside the list: what each may import. */
const BESIDE: Record<string, (floor: string) => boolean> = {
  native: (floor) => floor.startsWith('src/'),
  images: (floor) => floor.startsWith('src/'),
};

/** The host talks to the enclave over RPC only; the verifier is isomorphic and knows neither side's machine. */
const FORBIDDEN: readonly (readonly [string, string])[] = [
  ['host', 'enclave'],
  ['verifier', 'native'],
  ['enclave', 'images'],
];

/** What may be started or bundled by path: who, and the program. Import specifiers are relative, so they are no paths here. */
const PROGRAMS: readonly (readonly [RegExp, RegExp])[] = [
  [/^host\/launch\//, /^host\/(store|simulator|emulator|relay)\/main\.js$/],
  [/^images\//, /^enclave\/((main|check)-[a-z-]+|decide\/compile-worker)\.js$/],
];

function floorOf(path: string): string {
  const parts = path.split('/');
  return parts[0] === 'src' ? `src/${parts[1]}` : (parts[0] as string);
}

function allowed(from: string, to: string): boolean {
  if (from === to) return true;
  if (FORBIDDEN.some(([a, b]) => a === from && b === to)) return false;
  const beside = BESIDE[from];
  if (beside !== undefined) return beside(to);
  if (to === 'native') return from === 'enclave' || from === 'host';
  if (to === 'images') return from === 'host';
  const [a, b] = [FLOORS.indexOf(from as never), FLOORS.indexOf(to as never)];
  return a !== -1 && b !== -1 && a < b;
}

const files = sources('src', 'native', 'enclave', 'verifier', 'host', 'images');
const all = files.flatMap((path) => edges(path));

describe('floors', () => {
  it('has no import that points up', () => {
    const up = all
      .filter((edge) => edge.internal && !allowed(floorOf(edge.from), floorOf(edge.to)))
      .map((edge) => `${edge.from} -> ${edge.to}`);
    expect(up).toEqual([]);
  });

  it('starts only the programs that are listed', () => {
    const named = files.flatMap((path) =>
      [
        ...readSource(path)
          .replace(/\/\*[\s\S]*?\*\//g, '')
          .matchAll(/['"`](?:dist\/)?((?:host|enclave|verifier)\/[a-z/-]+\.(?:js|ts))['"`]/g),
      ]
        .map((match) => [path, match[1] as string] as const)
        .filter(
          ([, program]) =>
            !PROGRAMS.some(([who, what]) => who.test(path) && what.test(program.replace(/\.ts$/, '.js'))),
        ),
    );
    expect(named.map(([path, program]) => `${path} starts ${program}`)).toEqual([]);
  });

  it('keeps src and verifier free of Node, clocks, randomness and the network', () => {
    const machine = files.filter((path) => /^(src|verifier)\//.test(path));
    const offences = machine.flatMap((path) => {
      const text = readSource(path).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
      const found = [
        'node:',
        'Buffer.',
        'process.',
        'Date.now',
        'new Date()',
        'Math.random',
        'fetch(',
        'setTimeout',
        'console.',
      ].filter((word) => new RegExp(`(?<![\\w.])${word.replace(/[().]/g, '\\$&')}`).test(text));
      return found.map((word) => `${path}: ${word}`);
    });
    expect(offences).toEqual([]);
  });

  it('reads no wall clock in the enclave', () => {
    const offences = files
      .filter((path) => path.startsWith('enclave/'))
      .filter((path) => /Date\.now|new Date\(\)/.test(readSource(path)));
    expect(offences).toEqual([]);
  });

  it('opens every folder with an index.ts that says what it is for', () => {
    const folders = new Set(files.map((path) => path.slice(0, path.lastIndexOf('/'))));
    const silent = [...folders].filter((folder) => {
      const index = `${folder}/index.ts`;
      return !files.includes(index) || !/^\/\*\*[\s\S]{40,}?\*\//.test(readSource(index));
    });
    expect(silent).toEqual([]);
  });

  it('keeps files short', () => {
    const long = files
      .map((path) => [path, readSource(path).split('\n').length] as const)
      .filter(([, lines]) => lines > 400);
    expect(long).toEqual([]);
  });
});
