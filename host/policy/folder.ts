/**
 * A policy folder: `manifest.yaml` (ACS, with `extends` inside the folder), the Cedar files it names, and
 * `principals.json`. Building inlines everything, so that the bundle needs no file and has one digest.
 */
import { X509Certificate, createHash, createPublicKey } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import { type JsonObject, type JsonValue, parseJson } from '../../src/codec/json.ts';
import {
  type BundleDocument,
  encodeBundle,
  LIMITS,
  mergeManifests,
  parseManifest,
  type Principal,
} from '../../src/policy/index.ts';
import { parseYaml } from './yaml.ts';

export interface PolicyFolderOptions {
  /** Used instead of `principals.json`. */
  readonly principals?: Pick<BundleDocument, 'tenant' | 'principals'>;
}

const MAX_FILE = 1_048_576;
const MAX_CEDAR_FILES = 1_000;

/** The bundle of a folder. Throws POLICY_SOURCE_INVALID, POLICY_EXTENDS_INVALID and what a bundle throws. */
export function buildPolicyFolder(folder: string, options: PolicyFolderOptions = {}): Uint8Array {
  const root = realFolder(folder);
  const manifest = inlineFiles(root, resolveManifest(join(root, 'manifest.yaml')));
  parseManifest(manifest);
  const { tenant, principals } = options.principals ?? readPrincipals(root);
  return encodeBundle({ version: 1, tenant, manifest, principals });
}

function realFolder(folder: string): string {
  try {
    if (statSync(folder).isDirectory()) return realpathSync(folder);
  } catch (error) {
    return fail('POLICY_SOURCE_INVALID', `${folder}: does not exist`, { cause: error });
  }
  return fail('POLICY_SOURCE_INVALID', `${folder}: is not a folder`);
}

/** Reads a manifest and its parents (ACS section 2.2), parents first, all inside the folder of the first file. */
export function resolveManifest(file: string): JsonObject {
  const path = realpathOf(file);
  const documents: JsonObject[] = [];
  collect(dirname(path), path, [], new Set(), documents);
  return mergeManifests(documents);
}

function collect(
  root: string,
  path: string,
  above: readonly string[],
  done: Set<string>,
  documents: JsonObject[],
): void {
  if (above.includes(path)) fail('POLICY_EXTENDS_INVALID', `${relative(root, path)}: extends itself`);
  if (above.length > LIMITS.extendsDepth)
    fail('POLICY_EXTENDS_INVALID', `more than ${LIMITS.extendsDepth} levels of extends`);
  // A parent reached on two ways means the same twice.
  if (done.has(path)) return;
  const document = parseYaml(readText(path), relative(root, path));
  const parents = document['extends'] ?? [];
  if (!Array.isArray(parents))
    fail('POLICY_EXTENDS_INVALID', `${relative(root, path)}.extends: must be a list`);
  for (const parent of parents as readonly JsonValue[]) {
    if (typeof parent !== 'string' || /^[A-Za-z][A-Za-z0-9+.-]*:/.test(parent))
      fail(
        'POLICY_EXTENDS_INVALID',
        `${relative(root, path)}.extends: only files of the folder can be parents`,
      );
    collect(
      root,
      inside(root, dirname(path), parent, 'POLICY_EXTENDS_INVALID'),
      [...above, path],
      done,
      documents,
    );
  }
  done.add(path);
  documents.push(document);
}

/** Resolves a reference and keeps it in the folder, also after symbolic links. */
function inside(
  root: string,
  from: string,
  reference: string,
  code: 'POLICY_EXTENDS_INVALID' | 'POLICY_SOURCE_INVALID',
): string {
  const path = resolve(from, reference);
  let real: string;
  try {
    real = realpathSync(path);
  } catch (error) {
    return fail(code, `${reference}: does not exist`, { cause: error });
  }
  if (!real.startsWith(root + sep)) return fail(code, `${reference}: is outside the policy folder`);
  return real;
}

function realpathOf(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    return fail('POLICY_SOURCE_INVALID', `${file}: does not exist`, { cause: error });
  }
}

function readText(path: string): string {
  try {
    if (statSync(path).size > MAX_FILE) fail('POLICY_SOURCE_INVALID', `${path}: is larger than 1 MiB`);
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path));
  } catch (error) {
    if (error instanceof TypeError) return fail('POLICY_SOURCE_INVALID', `${path}: is not UTF-8`);
    if (error instanceof Error && 'errno' in error)
      return fail('POLICY_SOURCE_INVALID', `${path}: cannot be read`, { cause: error });
    throw error;
  }
}

/** Replaces `policy_path`, `entities_path` and `schema_path` of Cedar policies by what the files hold. */
function inlineFiles(root: string, manifest: JsonObject): JsonObject {
  const policies = manifest['policies'];
  if (typeof policies !== 'object' || policies === null || Array.isArray(policies)) return manifest;
  const entries = Object.entries(policies as JsonObject).map(
    ([id, policy]) => [id, inlinePolicy(root, policy)] as const,
  );
  return { ...manifest, policies: Object.fromEntries(entries) };
}

function inlinePolicy(root: string, policy: JsonValue): JsonValue {
  if (typeof policy !== 'object' || policy === null || Array.isArray(policy)) return policy;
  const { policy_path, entities_path, schema_path, ...rest } = policy as JsonObject;
  if (rest['type'] !== 'cedar') return policy;
  return {
    ...rest,
    ...(typeof policy_path === 'string' ? { policy_set: readCedar(root, policy_path) } : {}),
    ...(typeof entities_path === 'string' ? { entities: readJson(root, entities_path) } : {}),
    ...(typeof schema_path === 'string' ? { schema: readSchema(root, schema_path) } : {}),
  };
}

/** A file, or all `.cedar` files of a folder in the order of their names. */
function readCedar(root: string, reference: string): string {
  const path = inside(root, root, reference, 'POLICY_SOURCE_INVALID');
  if (!lstatSync(path).isDirectory()) return readText(path);
  const names = readdirSync(path)
    .filter((name) => name.endsWith('.cedar'))
    .sort();
  if (names.length > MAX_CEDAR_FILES)
    fail('POLICY_SOURCE_INVALID', `${reference}: more than ${MAX_CEDAR_FILES} files`);
  return names.map((name) => readText(inside(root, path, name, 'POLICY_SOURCE_INVALID'))).join('\n');
}

function readJson(root: string, reference: string): JsonValue {
  const text = readText(inside(root, root, reference, 'POLICY_SOURCE_INVALID'));
  return parseJson(text, { maxBytes: MAX_FILE, maxDepth: LIMITS.inputDepth - 4, path: reference });
}

/** Cedar schemas are text (`.cedarschema`) or JSON. */
function readSchema(root: string, reference: string): JsonValue {
  if (reference.endsWith('.json')) return readJson(root, reference);
  return readText(inside(root, root, reference, 'POLICY_SOURCE_INVALID'));
}

/** Reads `principals.json`: `{ tenant, principals: [{ id, agent, key | certificate }] }`. */
export function readPrincipals(root: string): { tenant: string; principals: readonly Principal[] } {
  const source = readJson(realFolder(root), 'principals.json') as JsonObject;
  const tenant = source?.['tenant'];
  const principals = source?.['principals'];
  if (typeof tenant !== 'string' || !Array.isArray(principals))
    return fail('POLICY_SOURCE_INVALID', 'principals.json: needs tenant and principals');
  return {
    tenant,
    principals: principals.map((entry: JsonValue, index) =>
      readPrincipal(realFolder(root), tenant, entry, index),
    ),
  };
}

/** Names the key by file or by hash; the bundle's own reader judges the rest. */
function readPrincipal(root: string, tenant: string, entry: JsonValue, index: number): Principal {
  if (typeof entry !== 'object' || entry === null || Array.isArray(entry))
    return fail('POLICY_SOURCE_INVALID', `principals.json: principals[${index}] is not an object`);
  const { certificate, ...rest } = entry as JsonObject;
  const key = typeof certificate === 'string' ? { key: spkiHash(root, certificate, index) } : {};
  return { tenant, ...rest, ...key } as unknown as Principal;
}

/** SHA-256 of the public key of a certificate or public key in PEM: how the enclave recognises the client. */
function spkiHash(root: string, reference: string, index: number): string {
  const pem = readText(inside(root, root, reference, 'POLICY_SOURCE_INVALID'));
  try {
    const key = pem.includes('BEGIN CERTIFICATE') ? new X509Certificate(pem).publicKey : createPublicKey(pem);
    return createHash('sha256')
      .update(key.export({ format: 'der', type: 'spki' }))
      .digest('hex');
  } catch (error) {
    return fail('POLICY_SOURCE_INVALID', `principals.json: principals[${index}].certificate is not PEM`, {
      cause: error,
    });
  }
}
