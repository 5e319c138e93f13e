/** The manifest of ACS 0.3.1-beta section 2, read strictly: what evaluation would reject is rejected here, at load. */
import { canonicalText, compareUtf8 } from './canonical.ts';
import { freezeJson, member, type JsonObject, type JsonValue } from './json.ts';
import { LIMITS } from './limits.ts';
import { parsePath, type Path, type PathRoot } from './path.ts';
import { isInterventionPoint, isToolPoint, type InterventionPoint } from './points.ts';
import { PolicyFailure } from './reasons.ts';
import { shapeOf, type Shape } from './shape.ts';

export const ACS_VERSION = '0.3.1-beta';

export type PolicyType = 'rego' | 'cedar' | 'test' | 'custom';

export interface PolicyDefinition {
  readonly id: string;
  readonly type: PolicyType;
  /** For type custom, else null. */
  readonly adapter: string | null;
  readonly source: JsonObject;
}

export interface AnnotationBinding {
  readonly name: string;
  readonly from: Path;
}

export interface PointConfig {
  readonly point: InterventionPoint;
  readonly target: Path;
  readonly kind: string | null;
  readonly toolNameFrom: Path | null;
  /** In ascending order of name by UTF-8 bytes, the order in which annotators run. */
  readonly annotations: readonly AnnotationBinding[];
  readonly policyId: string;
  readonly binding: JsonObject;
}

export interface Manifest {
  readonly policies: ReadonlyMap<string, PolicyDefinition>;
  readonly points: ReadonlyMap<InterventionPoint, PointConfig>;
  /** Catalogue entries with `name` inserted, as they are projected (section 9). */
  readonly tools: ReadonlyMap<string, JsonObject>;
  readonly metadata: JsonObject;
}

const shape: Shape = shapeOf('POLICY_MANIFEST_INVALID');
const TOP = new Set([
  'agent_control_specification_version',
  'metadata',
  'extends',
  'policies',
  'intervention_points',
  'tools',
  'annotators',
  'approval',
]);
const POINT = new Set(['policy_target', 'policy_target_kind', 'tool_name_from', 'annotations', 'policy']);
const TYPES: ReadonlySet<string> = new Set(['rego', 'cedar', 'test', 'custom']);
const ANNOTATOR_TYPES: ReadonlySet<string> = new Set(['classifier', 'llm', 'endpoint']);
const MAX_POLICIES = 64;
const MAX_TOOLS = 4_096;
const MAX_ANNOTATORS = 256;

/** Reads a manifest whose `extends` is already resolved. Throws `POLICY_MANIFEST_INVALID`. */
export function parseManifest(value: JsonValue): Manifest {
  boundManifest(value);
  const top = shape.closed(value, 'manifest', TOP);
  const version = member(top, 'agent_control_specification_version');
  if (version !== ACS_VERSION)
    shape.fail('manifest.agent_control_specification_version', `must be ${ACS_VERSION}`);
  const parents = member(top, 'extends') ?? [];
  if (shape.array(parents, 'manifest.extends', 64).length > 0)
    shape.fail('manifest.extends', 'is not resolved; build the bundle from the policy folder');
  const metadata = shape.object(member(top, 'metadata') ?? {}, 'manifest.metadata');
  shape.object(member(top, 'approval') ?? {}, 'manifest.approval');
  const policies = readPolicies(member(top, 'policies'));
  const annotators = readAnnotators(member(top, 'annotators') ?? {});
  return Object.freeze({
    policies,
    points: readPoints(member(top, 'intervention_points'), policies, annotators),
    tools: readTools(member(top, 'tools') ?? {}),
    metadata: freezeJson(metadata),
  });
}

function boundManifest(value: JsonValue): void {
  try {
    const text = canonicalText(value, LIMITS.inputDepth);
    if (text.length > LIMITS.manifestBytes)
      shape.fail('manifest', `is larger than ${LIMITS.manifestBytes} bytes`);
  } catch (error) {
    if (error instanceof PolicyFailure) shape.fail('manifest', error.message);
    throw error;
  }
}

function readPolicies(value: JsonValue | undefined): ReadonlyMap<string, PolicyDefinition> {
  const policies = new Map<string, PolicyDefinition>();
  for (const [id, entry] of shape.entries(value, 'manifest.policies', MAX_POLICIES)) {
    policies.set(id, readPolicy(id, entry));
  }
  if (policies.size === 0) shape.fail('manifest.policies', 'must have at least one entry');
  return policies;
}

function readPolicy(id: string, value: JsonValue): PolicyDefinition {
  const at = `manifest.policies.${id}`;
  const source = shape.object(value, at);
  const type = shape.text(member(source, 'type'), `${at}.type`);
  if (!TYPES.has(type)) shape.fail(`${at}.type`, 'must be rego, cedar, test or custom');
  if (type === 'cedar') exactlyOne(source, at, 'policy_set', 'policy_path');
  if (type === 'rego' && Object.hasOwn(source, 'bundle') && Object.hasOwn(source, 'bundle_url'))
    shape.fail(at, 'bundle and bundle_url exclude each other');
  const adapter = type === 'custom' ? shape.text(member(source, 'adapter'), `${at}.adapter`) : null;
  return Object.freeze({ id, type: type as PolicyType, adapter, source: freezeJson(source) });
}

function exactlyOne(source: JsonObject, at: string, a: string, b: string): void {
  if (Object.hasOwn(source, a) === Object.hasOwn(source, b))
    shape.fail(at, `needs exactly one of ${a} and ${b}`);
}

function readAnnotators(value: JsonValue): ReadonlySet<string> {
  const names = new Set<string>();
  for (const [name, entry] of shape.entries(value, 'manifest.annotators', MAX_ANNOTATORS)) {
    const at = `manifest.annotators.${name}`;
    const type = shape.text(member(shape.object(entry, at), 'type'), `${at}.type`);
    if (!ANNOTATOR_TYPES.has(type)) shape.fail(`${at}.type`, 'must be classifier, llm or endpoint');
    names.add(name);
  }
  return names;
}

function readTools(value: JsonValue): ReadonlyMap<string, JsonObject> {
  const tools = new Map<string, JsonObject>();
  for (const [name, entry] of shape.entries(value, 'manifest.tools', MAX_TOOLS)) {
    const tool = shape.object(entry, `manifest.tools.${name}`);
    tools.set(name, freezeJson({ ...tool, name }));
  }
  return tools;
}

function readPoints(
  value: JsonValue | undefined,
  policies: ReadonlyMap<string, PolicyDefinition>,
  annotators: ReadonlySet<string>,
): ReadonlyMap<InterventionPoint, PointConfig> {
  const points = new Map<InterventionPoint, PointConfig>();
  for (const [name, entry] of shape.entries(value, 'manifest.intervention_points', 8)) {
    const at = `manifest.intervention_points.${name}`;
    if (!isInterventionPoint(name)) shape.fail(at, 'is not an intervention point');
    const config = readPoint(name, entry, at, annotators);
    const definition = policies.get(config.policyId);
    if (definition === undefined) shape.fail(`${at}.policy.id`, `names no policy of this manifest`);
    if (definition.type === 'rego' && !hasQuery(definition, config))
      shape.fail(`${at}.policy`, 'a rego policy needs a query in the binding or the definition');
    points.set(name, config);
  }
  if (points.size === 0) shape.fail('manifest.intervention_points', 'must have at least one entry');
  return points;
}

function hasQuery(definition: PolicyDefinition, config: PointConfig): boolean {
  return Object.hasOwn(config.binding, 'query') || Object.hasOwn(definition.source, 'query');
}

function readPoint(
  point: InterventionPoint,
  value: JsonValue,
  at: string,
  annotators: ReadonlySet<string>,
): PointConfig {
  const entry = shape.closed(value, at, POINT);
  const kind = member(entry, 'policy_target_kind');
  const toolName = member(entry, 'tool_name_from');
  if (toolName !== undefined && !isToolPoint(point))
    shape.fail(`${at}.tool_name_from`, 'is only allowed at pre_tool_call and post_tool_call');
  const binding = shape.object(member(entry, 'policy'), `${at}.policy`);
  return Object.freeze({
    point,
    target: readPath(member(entry, 'policy_target'), `${at}.policy_target`, SNAPSHOT_ONLY),
    kind: kind === undefined ? null : shape.text(kind, `${at}.policy_target_kind`),
    toolNameFrom: toolName === undefined ? null : readPath(toolName, `${at}.tool_name_from`, SNAPSHOT_ONLY),
    annotations: readAnnotations(member(entry, 'annotations') ?? {}, `${at}.annotations`, annotators),
    policyId: shape.text(member(binding, 'id'), `${at}.policy.id`),
    binding: freezeJson(binding),
  });
}

const SNAPSHOT_ONLY: ReadonlySet<PathRoot> = new Set(['snap']);
const ANY_ROOT: ReadonlySet<PathRoot> = new Set(['snap', 'pi', 'policy_target', 'tool']);

/** Allowed roots are the table of section 3.2. */
function readPath(value: JsonValue | undefined, at: string, roots: ReadonlySet<PathRoot>): Path {
  const path = parsePath(shape.text(value, at));
  if (path === null) return shape.fail(at, 'is not a path');
  if (!roots.has(path.root)) shape.fail(at, `must not start at $${path.root}`);
  return path;
}

function readAnnotations(
  value: JsonValue,
  at: string,
  annotators: ReadonlySet<string>,
): readonly AnnotationBinding[] {
  const bindings = shape.entries(value, at, LIMITS.annotatorsPerPoint).map(([name, entry]) => {
    if (!annotators.has(name)) shape.fail(`${at}.${name}`, 'names no annotator of this manifest');
    const source = shape.object(entry, `${at}.${name}`);
    if (Object.hasOwn(source, 'annotator')) shape.fail(`${at}.${name}.annotator`, 'is not allowed');
    const from = readPath(member(source, 'from'), `${at}.${name}.from`, ANY_ROOT);
    // Annotator outputs do not exist yet when annotator inputs are resolved (section 3.2).
    if (from.root === 'pi' && from.segments[0] === 'annotations')
      shape.fail(`${at}.${name}.from`, 'must not read $pi.annotations');
    return Object.freeze({ name, from });
  });
  return Object.freeze(bindings.sort((a, b) => compareUtf8(a.name, b.name)));
}
