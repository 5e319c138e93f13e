/**
 * TCB info (Intel's PCS, `/tcb`): for the platforms of one FMSPC, which security versions have which status. Version 3
 * speaks of SGX or of TDX; version 2, which is still met, of SGX.
 */
import { isObject } from '../../codec/json-shape.ts';
import type { JsonObject, JsonValue } from '../../codec/json.ts';
import {
  bytesOf,
  hexOf,
  invalid,
  listOf,
  MAX_U16,
  MAX_U31,
  memberOf,
  objectOf,
  textOf,
  uintOf,
  wordOf,
} from './fields.ts';
import {
  type EnclaveLevel,
  enclaveLevel,
  levelsOf,
  platformJudgement,
  type TcbJudgement,
  type TcbStatus,
} from './level.ts';
import { type Issued, issuedOf } from './issued.ts';

/** Whom a TDX module must be signed by, and which of its attributes are judged. */
export interface TdxModule {
  /** 48 bytes. */
  readonly mrsigner: Uint8Array;
  /** 8 bytes, of which the mask says what counts. */
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
}

export interface TdxModuleIdentity extends TdxModule {
  /** In upper case, as `TDX_03`: the major version that it is for. */
  readonly id: string;
  /** In the order served. */
  readonly tcbLevels: readonly EnclaveLevel[];
}

export interface TcbLevel extends TcbJudgement<TcbStatus> {
  /** The 16 components of CPUSVN. */
  readonly sgx: readonly number[];
  /** The 16 components of TEE_TCB_SVN; null for SGX. */
  readonly tdx: readonly number[] | null;
  readonly pcesvn: number;
}

export interface TcbInfo extends Issued {
  readonly tee: 'sgx' | 'tdx';
  readonly version: 2 | 3;
  /** 12 digits of lower case. */
  readonly fmspc: string;
  /** 4 digits of lower case. */
  readonly pceId: string;
  readonly tcbEvaluationDataNumber: number;
  /** Null for SGX. */
  readonly tdxModule: TdxModule | null;
  /** Empty for SGX; no id twice. */
  readonly tdxModuleIdentities: readonly TdxModuleIdentity[];
  /** In the order served. */
  readonly tcbLevels: readonly TcbLevel[];
  /** What raises each component, in Intel's words, for people; null where it does not say. */
  readonly sgxLabels: readonly (string | null)[];
  readonly tdxLabels: readonly (string | null)[];
}

const COMPONENTS = 16;
const MAX_MODULES = 256;
/** How components of version 2 are named. */
const NAMES_V2: readonly string[] = Array.from(
  { length: COMPONENTS },
  (_, i) => `sgxtcbcomp${String(i + 1).padStart(2, '0')}svn`,
);

/** Throws COLLATERAL_INVALID with the path of the field. */
export function readTcbInfo(value: JsonValue | undefined, path: string): TcbInfo {
  const info = objectOf(value, path);
  const version = versionOf(info, path);
  const tee = teeOf(info, path, version);
  // How levels compare depends on it, and Intel has defined one way.
  if (uintOf(info, 'tcbType', path, MAX_U31) !== 0) invalid(`${path}.tcbType`, 'is not 0');
  const tdx = tee === 'tdx';
  return Object.freeze({
    tee,
    version,
    ...issuedOf(info, path),
    fmspc: hexOf(info, 'fmspc', path, 6),
    pceId: hexOf(info, 'pceId', path, 2),
    tcbEvaluationDataNumber: uintOf(info, 'tcbEvaluationDataNumber', path, MAX_U31),
    tdxModule: tdx ? moduleOf(info, path) : null,
    tdxModuleIdentities: tdx ? identitiesOf(info, path) : Object.freeze([]),
    tcbLevels: distinct(
      levelsOf(info, path, (level, at) => levelOf(level, at, version, tdx)),
      path,
    ),
    sgxLabels: labelsOf(info, 'sgxtcbcomponents'),
    tdxLabels: labelsOf(info, 'tdxtcbcomponents'),
  });
}

function versionOf(info: JsonObject, path: string): 2 | 3 {
  const version = memberOf(info, 'version');
  return version === 2 || version === 3 ? version : invalid(`${path}.version`, 'is neither 2 nor 3');
}

function teeOf(info: JsonObject, path: string, version: 2 | 3): TcbInfo['tee'] {
  if (version === 2 && memberOf(info, 'id') === undefined) return 'sgx';
  const tee = wordOf(info, 'id', path, ['SGX', 'TDX']) === 'TDX' ? 'tdx' : 'sgx';
  return version === 2 && tee === 'tdx'
    ? invalid(`${path}.id`, 'is TDX, of which version 2 cannot speak')
    : tee;
}

function moduleOf(info: JsonObject, path: string): TdxModule {
  const at = `${path}.tdxModule`;
  return Object.freeze(signerOf(objectOf(memberOf(info, 'tdxModule'), at), at));
}

const signerOf = (module: JsonObject, path: string): TdxModule => ({
  mrsigner: bytesOf(module, 'mrsigner', path, 48),
  attributes: bytesOf(module, 'attributes', path, 8),
  attributesMask: bytesOf(module, 'attributesMask', path, 8),
});

/** Before 2024 there were none. Modules are looked up by id, so one that is there twice would have two answers. */
function identitiesOf(info: JsonObject, path: string): readonly TdxModuleIdentity[] {
  if (memberOf(info, 'tdxModuleIdentities') === undefined) return Object.freeze([]);
  const seen = new Set<string>();
  return listOf(info, 'tdxModuleIdentities', path, MAX_MODULES, (module, at) => {
    const id = textOf(module, 'id', at).toUpperCase();
    if (seen.has(id)) invalid(`${at}.id`, `${JSON.stringify(id)} is given twice`);
    seen.add(id);
    return Object.freeze({ id, ...signerOf(module, at), tcbLevels: levelsOf(module, at, enclaveLevel) });
  });
}

function levelOf(level: JsonObject, path: string, version: 2 | 3, tdx: boolean): TcbLevel {
  const at = `${path}.tcb`;
  const tcb = objectOf(memberOf(level, 'tcb'), at);
  return Object.freeze({
    sgx: version === 2 ? namedComponents(tcb, at) : componentsOf(tcb, 'sgxtcbcomponents', at),
    tdx: tdx ? componentsOf(tcb, 'tdxtcbcomponents', at) : null,
    pcesvn: uintOf(tcb, 'pcesvn', at, MAX_U16),
    ...platformJudgement(level, path),
  });
}

/** Two levels of the same versions could say different things of one platform. */
function distinct(levels: readonly TcbLevel[], path: string): readonly TcbLevel[] {
  const seen = new Set<string>();
  levels.forEach(({ sgx, tdx, pcesvn }, i) => {
    const versions = `${sgx} ${pcesvn} ${tdx}`;
    if (seen.has(versions)) invalid(`${path}.tcbLevels[${i}]`, 'has the versions of an earlier level');
    seen.add(versions);
  });
  return levels;
}

/** As the first level has them: all have the same. Nothing is judged by them, so what is no short text is none. */
function labelsOf(info: JsonObject, key: string): readonly (string | null)[] {
  const [level] = (memberOf(info, 'tcbLevels') ?? []) as readonly JsonValue[];
  const tcb = isObject(level) ? memberOf(level, 'tcb') : undefined;
  const list = isObject(tcb) ? memberOf(tcb, key) : undefined;
  if (!Array.isArray(list)) return NO_LABELS;
  return Object.freeze(
    list.map((component: JsonValue) => {
      if (!isObject(component)) return null;
      const [category, type] = [labelWord(component, 'category'), labelWord(component, 'type')];
      return category !== null && type !== null ? `${category}: ${type}` : (category ?? type);
    }),
  );
}

function labelWord(component: JsonObject, key: string): string | null {
  const word = memberOf(component, key);
  return typeof word === 'string' && word.length > 0 && word.length <= MAX_LABEL ? word : null;
}

const NO_LABELS: readonly null[] = Object.freeze([]);
const MAX_LABEL = 64;

const namedComponents = (tcb: JsonObject, path: string): readonly number[] =>
  Object.freeze(NAMES_V2.map((name) => uintOf(tcb, name, path, MAX_U16)));

/** Security versions above 255 occur in data of Intel's own tests: no platform has them, and none need. */
function componentsOf(tcb: JsonObject, key: string, path: string): readonly number[] {
  const list = memberOf(tcb, key);
  if (!Array.isArray(list) || list.length !== COMPONENTS)
    return invalid(`${path}.${key}`, `is not a list of ${COMPONENTS}`);
  const svns: number[] = [];
  // Most of a TCB info is this, so no path is spelled out before it is needed, and the key is looked up in place.
  for (let i = 0; i < COMPONENTS; i++) {
    const component = list[i] as JsonValue;
    const svn = isObject(component) && Object.hasOwn(component, 'svn') ? component['svn'] : undefined;
    if (typeof svn !== 'number' || !Number.isInteger(svn) || svn < 0 || svn > MAX_U16)
      return invalid(`${path}.${key}[${i}].svn`, `is not an integer of 0..${MAX_U16}`);
    svns.push(svn);
  }
  return Object.freeze(svns);
}
