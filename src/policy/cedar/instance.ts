/**
 * One instance of Cedar's WebAssembly build, from a compiled module that the caller brings: nothing is read or
 * fetched here.
 *
 * The JavaScript that ships with the web build is not used: it keeps one instance in a module variable for ever,
 * and a Cedar that trapped (stack overflow) stays broken, so an instance must be a value that can be thrown away.
 * The six imports it needs are below; requests cross as JSON text that we wrote, so no number is reformatted.
 */
import { fail } from '../../base/errors.ts';
import { utf8 } from '../../base/bytes.ts';

declare global {
  /** The parts of the WebAssembly interface used here; TypeScript types them only together with the whole DOM. */
  namespace WebAssembly {
    interface Module {
      readonly [Symbol.toStringTag]?: string;
    }
    interface Instance {
      readonly exports: object;
    }
    const Module: {
      new (bytes: Uint8Array): Module;
      imports(module: Module): { readonly module: string; readonly name: string }[];
      exports(module: Module): { readonly name: string }[];
    };
    const Instance: new (module: Module, imports: object) => Instance;
  }
}

/** What goes in: the JSON text of an argument. */
export interface JsonText {
  readonly json: string;
}

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  readonly __wbindgen_externrefs: { grow(by: number): number; set(index: number, value: unknown): void };
  __wbindgen_start(): void;
  __wbindgen_malloc(size: number, align: number): number;
  __wbindgen_exn_store(index: number): void;
  __externref_table_alloc(): number;
  preparsePolicySet(id: number, idLength: number, policies: JsonText): unknown;
  preparseSchema(id: number, idLength: number, schema: JsonText): unknown;
  policyToJson(policy: JsonText): unknown;
  checkParseEntities(call: JsonText): unknown;
  validate(call: JsonText): unknown;
  statefulIsAuthorized(call: JsonText): unknown;
}

export interface CedarFailure {
  readonly type: 'failure';
  readonly errors: readonly { readonly message: string }[];
}

export interface Authorization {
  readonly type: 'success';
  readonly response: {
    readonly decision: 'allow' | 'deny';
    readonly diagnostics: {
      /** Identifiers of the policies that decided, in no order. */
      readonly reason: readonly string[];
      readonly errors: readonly { readonly policyId: string }[];
    };
  };
}

export interface PolicyJson {
  readonly effect: 'permit' | 'forbid';
  readonly annotations?: Readonly<Record<string, string | null>>;
}

/** Methods throw when Cedar traps; the instance must then be dropped, because it may never work again. */
export interface CedarInstance {
  preparsePolicies(id: string, policies: JsonText): { readonly type: 'success' } | CedarFailure;
  preparseSchema(id: string, schema: JsonText): { readonly type: 'success' } | CedarFailure;
  policyToJson(policy: string): { readonly type: 'success'; readonly json: PolicyJson } | CedarFailure;
  checkEntities(call: JsonText): { readonly type: 'success' } | CedarFailure;
  validate(
    call: JsonText,
  ): { readonly type: 'success'; readonly validationErrors: readonly { policyId: string }[] } | CedarFailure;
  authorize(call: JsonText): Authorization | CedarFailure;
}

/** Import names end in a hash that changes with each release of wasm-bindgen; what comes before it is the contract. */
const IMPORT_HASH = /_[0-9a-f]{16}$/;
const NEEDED: readonly string[] = [
  'memory',
  '__wbindgen_externrefs',
  'preparsePolicySet',
  'preparseSchema',
  'policyToJson',
  'checkParseEntities',
  'validate',
  'statefulIsAuthorized',
];

/** Throws POLICY_CEDAR_MODULE_INVALID for a module that is not the Cedar build known here. */
export function createCedarInstance(module: WebAssembly.Module): CedarInstance {
  const glue = newGlue();
  const exported = instantiate(module, glue);
  glue.exports = exported;
  exported.__wbindgen_start();
  const named = (
    call: (id: number, length: number, value: JsonText) => unknown,
    id: string,
    value: JsonText,
  ): unknown => {
    const at = glue.writeText(id);
    return call(at.pointer, at.length, value);
  };
  // The answers are JSON that Cedar wrote, of the shapes in its type declarations.
  return Object.freeze({
    preparsePolicies: (id, policies) => named(exported.preparsePolicySet, id, policies),
    preparseSchema: (id, schema) => named(exported.preparseSchema, id, schema),
    policyToJson: (policy) => exported.policyToJson({ json: JSON.stringify(policy) }),
    checkEntities: (call) => exported.checkParseEntities(call),
    validate: (call) => exported.validate(call),
    authorize: (call) => exported.statefulIsAuthorized(call),
  } as CedarInstance);
}

function instantiate(module: WebAssembly.Module, glue: Glue): Exports {
  const unknown = (problem: string): never => fail('POLICY_CEDAR_MODULE_INVALID', problem);
  if (!(module instanceof (WebAssembly.Module as unknown as new () => object)))
    unknown('not a compiled WebAssembly module');
  const names = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  for (const name of NEEDED) if (!names.has(name)) unknown(`the module does not export ${name}`);
  const imports: Record<string, Record<string, unknown>> = {};
  for (const { module: from, name } of WebAssembly.Module.imports(module)) {
    const provided = glue.imports.get(name.replace(IMPORT_HASH, ''));
    if (provided === undefined) unknown(`the module imports ${name}`);
    (imports[from] ??= {})[name] = provided;
  }
  return new WebAssembly.Instance(module, imports).exports as unknown as Exports;
}

interface Glue {
  exports: Exports;
  readonly imports: ReadonlyMap<string, unknown>;
  writeText(text: string): { readonly pointer: number; readonly length: number };
}

/** The imports of a wasm-bindgen module that exchanges JSON, over whichever exports belong to this instance. */
function newGlue(): Glue {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });
  let bound: Exports | undefined;
  const exports = (): Exports => bound as Exports;
  const readText = (pointer: number, length: number): string =>
    decoder.decode(new Uint8Array(exports().memory.buffer, pointer >>> 0, length >>> 0));
  const writeText = (text: string): { pointer: number; length: number } => {
    const bytes = utf8(text);
    const pointer = exports().__wbindgen_malloc(bytes.length, 1) >>> 0;
    new Uint8Array(exports().memory.buffer).set(bytes, pointer);
    return { pointer, length: bytes.length };
  };
  /** wasm-bindgen's convention for imports that may throw: keep the exception and return nothing. */
  const guarded =
    <A extends unknown[]>(call: (...args: A) => unknown) =>
    (...args: A): unknown => {
      try {
        return call(...args);
      } catch (error) {
        const index = exports().__externref_table_alloc();
        exports().__wbindgen_externrefs.set(index, error);
        exports().__wbindgen_exn_store(index);
        return undefined;
      }
    };
  const stringGet = (result: number, value: unknown): void => {
    const at = typeof value === 'string' ? writeText(value) : { pointer: 0, length: 0 };
    const view = new DataView(exports().memory.buffer);
    view.setInt32(result + 4, at.length, true);
    view.setInt32(result, at.pointer, true);
  };
  const initTable = (): void => {
    const table = exports().__wbindgen_externrefs;
    const offset = table.grow(4);
    [undefined, null, true, false].forEach((value, index) => table.set(offset + index, value));
    table.set(0, undefined);
  };
  return {
    get exports() {
      return exports();
    },
    set exports(value: Exports) {
      bound = value;
    },
    writeText,
    imports: new Map<string, unknown>([
      ['__wbg_parse', guarded((pointer: number, length: number) => JSON.parse(readText(pointer, length)))],
      ['__wbg_stringify', guarded((value: JsonText) => value.json)],
      [
        '__wbg___wbindgen_throw',
        (pointer: number, length: number) => {
          throw new Error(readText(pointer, length));
        },
      ],
      ['__wbg___wbindgen_string_get', stringGet],
      ['__wbg___wbindgen_is_undefined', (value: unknown) => value === undefined],
      ['__wbindgen_init_externref_table', initTable],
    ]),
  };
}
