/**
 * A policy bundle: everything that decisions of one tenant depend on, as canonical JSON (RFC 8785), so that its
 * digest, which authorities sign and leaves name, identifies it. `compileBundle` turns it into the one compiled form.
 */
import { fail } from '../base/errors.ts';
import type { Hashing } from '../base/crypto.ts';
import { equalBytes, utf8 } from '../base/bytes.ts';
import { toHex } from '../base/hex.ts';
import { canonicalize } from '../codec/jcs.ts';
import { parseJson } from '../codec/json.ts';
import { canonicalText } from './canonical.ts';
import type { PolicyEngine, Program } from './engine.ts';
import { freezeJson, member, type JsonObject, type JsonValue } from './json.ts';
import { LIMITS } from './limits.ts';
import { parseManifest, type Manifest, type PointConfig } from './manifest.ts';
import type { InterventionPoint } from './points.ts';
import type { Principal } from './principal.ts';
import { shapeOf, type Shape } from './shape.ts';

export interface BundleDocument {
  readonly version: 1;
  readonly tenant: string;
  /** An ACS manifest with nothing left to fetch: `extends` resolved, Cedar text and data inline. */
  readonly manifest: JsonObject;
  readonly principals: readonly Principal[];
}

export interface CompiledPoint extends PointConfig {
  readonly program: Program;
  /** Canonical text of the policy input between the annotations and the value of the target. */
  readonly fixedText: string;
}

export interface CompiledManifest {
  readonly manifest: Manifest;
  readonly points: ReadonlyMap<InterventionPoint, CompiledPoint>;
  /** Canonical texts of the catalogue's entries. */
  readonly toolTexts: ReadonlyMap<string, string>;
  readonly hashing: Hashing;
}

export interface CompiledPolicy extends CompiledManifest {
  /** SHA-256 of the bundle bytes: `policyDigest` of leaves and seals. */
  readonly digest: Uint8Array;
  readonly tenant: string;
  readonly principals: readonly Principal[];
  /** Looks a client up by SHA-256 of its SubjectPublicKeyInfo (32 bytes); null means not a principal: refuse. */
  principal(spkiHash: Uint8Array): Principal | null;
}

export interface CompileContext {
  readonly hashing: Hashing;
  readonly engines: readonly PolicyEngine[];
}

const shape: Shape = shapeOf('POLICY_BUNDLE_INVALID');
const TOP = new Set(['version', 'tenant', 'manifest', 'principals']);
const PRINCIPAL = new Set(['id', 'tenant', 'agent', 'key']);
const MAX_PRINCIPALS = 10_000;
const MAX_DEPTH = LIMITS.inputDepth + 2;

/** The bytes of a bundle. Checks its shape, not its policies: `compileBundle` does that. */
export function encodeBundle(bundle: BundleDocument): Uint8Array {
  const bytes = canonicalize(bundle as unknown as JsonValue);
  parseBundle(bytes);
  return bytes;
}

/** Throws JSON_* for bad JSON, POLICY_BUNDLE_INVALID, POLICY_BUNDLE_NOT_CANONICAL, POLICY_PRINCIPAL_DUPLICATE. */
export function parseBundle(bytes: Uint8Array): BundleDocument {
  const value = parseJson(bytes, { maxBytes: LIMITS.bundleBytes, maxDepth: MAX_DEPTH, path: 'bundle' });
  const top = shape.closed(value, 'bundle', TOP);
  if (member(top, 'version') !== 1) shape.fail('bundle.version', 'must be 1');
  if (!equalBytes(canonicalize(value), bytes))
    fail('POLICY_BUNDLE_NOT_CANONICAL', 'bundle: the bytes are not the canonical form (RFC 8785)');
  const tenant = readName(member(top, 'tenant'), 'bundle.tenant');
  return Object.freeze({
    version: 1,
    tenant,
    manifest: freezeJson(shape.object(member(top, 'manifest'), 'bundle.manifest')),
    principals: readPrincipals(member(top, 'principals'), tenant),
  });
}

/** What a leaf holds of a name (log/leaf.ts). */
const MAX_NAME_BYTES = 255;

/** Names go into leaves and Cedar entities, so they are short and free of control characters. */
function readName(value: JsonValue | undefined, at: string): string {
  const text = shape.text(value, at, 128);
  if (/[\u0000-\u001f\u007f]/.test(text) || !text.isWellFormed()) shape.fail(at, 'has a control character');
  if (utf8(text).length > MAX_NAME_BYTES) shape.fail(at, `must have at most ${MAX_NAME_BYTES} bytes`);
  return text;
}

function readPrincipals(value: JsonValue | undefined, tenant: string): readonly Principal[] {
  const ids = new Set<string>();
  const keys = new Set<string>();
  const principals = shape.array(value, 'bundle.principals', MAX_PRINCIPALS).map((entry, index) => {
    const at = `bundle.principals[${index}]`;
    const principal = readPrincipal(shape.closed(entry, at, PRINCIPAL), at);
    // A bundle speaks for one tenant; a principal of another would decide under a policy its tenant never signed.
    if (principal.tenant !== tenant) shape.fail(`${at}.tenant`, 'is not the tenant of the bundle');
    if (ids.has(principal.id) || keys.has(principal.key))
      fail('POLICY_PRINCIPAL_DUPLICATE', `${at}: identifier or key is already taken`);
    ids.add(principal.id);
    keys.add(principal.key);
    return principal;
  });
  return Object.freeze(principals);
}

function readPrincipal(entry: JsonObject, at: string): Principal {
  const key = shape.text(member(entry, 'key'), `${at}.key`, 64);
  if (!/^[0-9a-f]{64}$/.test(key))
    shape.fail(`${at}.key`, 'must be the SHA-256 of an SPKI as lower-case hex');
  return Object.freeze({
    id: readName(member(entry, 'id'), `${at}.id`),
    tenant: readName(member(entry, 'tenant'), `${at}.tenant`),
    agent: readName(member(entry, 'agent'), `${at}.agent`),
    key,
  });
}

/** Compiles a bundle. Throws what `parseBundle`, the manifest and the engines throw; nothing is half loaded. */
export function compileBundle(bytes: Uint8Array, context: CompileContext): CompiledPolicy {
  const bundle = parseBundle(bytes);
  const byKey = new Map(bundle.principals.map((principal) => [principal.key, principal]));
  return Object.freeze({
    ...compileManifest(bundle.manifest, context),
    digest: context.hashing.sha256(bytes),
    tenant: bundle.tenant,
    principals: bundle.principals,
    principal: (spkiHash: Uint8Array) => byKey.get(toHex(spkiHash)) ?? null,
  });
}

/** Compiles a manifest alone: what `evaluate` needs, without tenant and principals. */
export function compileManifest(value: JsonValue, context: CompileContext): CompiledManifest {
  const manifest = parseManifest(value);
  const points = new Map<InterventionPoint, CompiledPoint>();
  for (const [point, config] of manifest.points) {
    const program = compilePoint(manifest, config, context.engines);
    points.set(point, Object.freeze({ ...config, program, fixedText: fixedText(config) }));
  }
  const toolTexts = new Map(
    [...manifest.tools].map(([name, tool]) => [name, canonicalText(tool, LIMITS.inputDepth)]),
  );
  return Object.freeze({ manifest, points, toolTexts, hashing: context.hashing });
}

function fixedText(config: PointConfig): string {
  const kind = JSON.stringify(config.kind);
  const path = JSON.stringify(config.target.text);
  return `,"intervention_point":"${config.point}","policy_target":{"kind":${kind},"path":${path},"value":`;
}

function compilePoint(manifest: Manifest, config: PointConfig, engines: readonly PolicyEngine[]): Program {
  const definition = manifest.policies.get(config.policyId);
  const engine = engines.find((one) => one.type === definition?.type && one.adapter === definition.adapter);
  if (definition === undefined || engine === undefined)
    return fail(
      'POLICY_ENGINE_UNKNOWN',
      `manifest.policies.${config.policyId}: no engine for type ${definition?.type} ${definition?.adapter ?? ''}`.trimEnd(),
    );
  return engine.compile(definition.source, config.binding, definition.id);
}
