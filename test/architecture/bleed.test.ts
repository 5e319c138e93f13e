/**
 * The bleed check: each public subpath of the verifier is bundled alone for a browser. From the parsed bundle:
 * no `node:` import, no free global outside the allow list, no module of another platform.
 */
import { build } from 'esbuild';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, Visitor } from 'oxc-parser';
import { describe, expect, it } from 'vitest';
import { ROOT } from '../support/tree.ts';

const PLATFORMS = ['nitro', 'tdx', 'snp', 'nvidia', 'azure'];
const SUBPATHS: readonly {
  readonly entry: string;
  readonly platforms: readonly string[];
  readonly packages: readonly string[];
}[] = [
  { entry: 'verifier/index.ts', platforms: PLATFORMS, packages: ['@noble/hashes', '@noble/curves'] },
  ...PLATFORMS.filter((name) => existsSync(join(ROOT, `verifier/${name}.ts`))).map((name) => ({
    entry: `verifier/${name}.ts`,
    platforms: [name],
    packages: [],
  })),
  { entry: 'src/log/index.ts', platforms: [], packages: [] },
  { entry: 'src/policy/index.ts', platforms: [], packages: ['@cedar-policy/cedar-wasm'] },
];

/** ECMAScript and the web platform parts that browsers and Node share. */
const GLOBALS = new Set(
  (
    'Array ArrayBuffer Atomics BigInt BigInt64Array BigUint64Array Boolean DataView Date Error Float64Array Infinity Int32Array JSON Map ' +
    'Math NaN Number Object Promise RangeError ReferenceError Reflect RegExp Set SharedArrayBuffer String Symbol SyntaxError TypeError Uint16Array ' +
    'Uint32Array Uint8Array WeakMap WeakRef WeakSet FinalizationRegistry globalThis undefined arguments isNaN parseInt ' +
    'TextDecoder TextEncoder WebAssembly crypto'
  ).split(' '),
);

/** Ambient powers: no scope of a bundle may even declare such a name, so that the flat set hides none. */
const POWERS = new Set(
  (
    'process Buffer require __dirname __filename global eval Function fetch XMLHttpRequest WebSocket ' +
    'setTimeout setInterval setImmediate queueMicrotask navigator localStorage console'
  ).split(' '),
);

async function bundle(entry: string): Promise<{ text: string; inputs: string[] }> {
  const result = await build({
    absWorkingDir: ROOT,
    entryPoints: [entry],
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    metafile: true,
    logLevel: 'silent',
  });
  return { text: result.outputFiles[0]?.text ?? '', inputs: Object.keys(result.metafile.inputs) };
}

/**
 * Identifiers that nothing in the bundle declares, ambient powers whoever declares them, and members of `globalThis`
 * outside the list. Other names are unique enough in a bundle for a flat set of declarations.
 */
function freeGlobals(text: string): string[] {
  const { program } = parseSync('bundle.js', text);
  const declared = new Set<string>();
  const used = new Set<string>();
  const skip = new Set<unknown>();
  const declare = (pattern: any): void => {
    if (pattern === null || pattern === undefined) return;
    if (pattern.type === 'Identifier') declared.add(pattern.name);
    else if (pattern.type === 'ObjectPattern')
      for (const property of pattern.properties) declare(property.value ?? property.argument);
    else if (pattern.type === 'ArrayPattern') pattern.elements.forEach(declare);
    else if (pattern.type === 'AssignmentPattern') declare(pattern.left);
    else if (pattern.type === 'RestElement') declare(pattern.argument);
  };
  const callable = (node: any): void => {
    if (node.id) declare(node.id);
    node.params.forEach(declare);
  };
  new Visitor({
    VariableDeclarator: (node: any) => declare(node.id),
    FunctionDeclaration: callable,
    FunctionExpression: callable,
    ArrowFunctionExpression: callable,
    ClassDeclaration: (node: any) => declare(node.id),
    ClassExpression: (node: any) => declare(node.id),
    CatchClause: (node: any) => declare(node.param),
    ImportSpecifier: (node: any) => declare(node.local),
    MemberExpression: (node: any) => {
      if (!node.computed) skip.add(node.property);
      if (node.object.type !== 'Identifier' || node.object.name !== 'globalThis') return;
      const name = node.computed ? node.property.value : node.property.name;
      used.add(typeof name === 'string' ? name : 'globalThis[…]');
    },
    Property: (node: any) => void (!node.computed && !node.shorthand && skip.add(node.key)),
    MethodDefinition: (node: any) => void (!node.computed && skip.add(node.key)),
    PropertyDefinition: (node: any) => void (!node.computed && skip.add(node.key)),
    MetaProperty: (node: any) => void (skip.add(node.meta), skip.add(node.property)),
    LabeledStatement: (node: any) => void skip.add(node.label),
    BreakStatement: (node: any) => void skip.add(node.label),
    ContinueStatement: (node: any) => void skip.add(node.label),
    ExportSpecifier: (node: any) => void (skip.add(node.local), skip.add(node.exported)),
    Identifier: (node: any) => void (!skip.has(node) && used.add(node.name)),
  }).visit(program);
  const free = (name: string): boolean => !GLOBALS.has(name) && (POWERS.has(name) || !declared.has(name));
  return [...used].filter(free).sort();
}

describe('bleed', () => {
  it.each([
    ['process.env', ['process']],
    ['function f(process) { return process; } process.exit()', ['process']],
    ['globalThis.fetch("x")', ['fetch']],
    ['globalThis["Buffer"]', ['Buffer']],
    ['globalThis[x]; const x = 1', ['globalThis[…]']],
    ['const o = { f(a = alert) { o.process = a; } }', ['alert']],
    ['const process = 1; export const p = process', ['process']],
    ['const { b } = { b: 1 }; b; crypto.subtle; globalThis.crypto', []],
  ])('is seen in %s', (text, names) => {
    expect(freeGlobals(text)).toEqual(names);
  });

  for (const { entry, platforms, packages } of SUBPATHS) {
    it(`${entry} stands alone in a browser`, async () => {
      const { text, inputs } = await bundle(entry);
      const { module } = parseSync('bundle.js', text);
      expect(module.staticImports.map((i) => i.moduleRequest.value)).toEqual([]);
      expect(/['"]node:/.test(text)).toBe(false);
      expect(freeGlobals(text)).toEqual([]);
      const foreign = PLATFORMS.filter((name) => !platforms.includes(name));
      expect(
        inputs.filter((path) =>
          foreign.some((name) => new RegExp(`(evidence|verifier)/${name}[./-]`).test(path)),
        ),
      ).toEqual([]);
      const used = new Set(
        inputs
          .filter((path) => path.startsWith('node_modules/'))
          .map((path) =>
            path
              .split('/')
              .slice(1, path.startsWith('node_modules/@') ? 3 : 2)
              .join('/'),
          ),
      );
      expect([...used].filter((name) => !packages.includes(name))).toEqual([]);
    });
  }
});
