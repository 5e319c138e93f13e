/**
 * Claims of TDX, SGX and SEV-SNP as people read them: the level of the platform first, what falls short of a better one
 * and by how much, then what runs there. What is left out is in --json.
 */
import { isObject } from '../../src/codec/json-shape.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';

/** A label and what is said; null is nothing. */
type Row = readonly [name: string, value: string | null];

export interface PlatformRows {
  readonly rows: readonly Row[];
  /** Claims that are not of the platform, as of the service. */
  readonly rest: JsonObject;
}

type Claims = Readonly<Record<string, JsonValue>>;

/** Of a platform that has no rendering of its own, and of evidence that is not authentic, all is the rest. */
export function platformRows(platform: string | null, claims: JsonObject): PlatformRows {
  const view = VIEWS.get(platform ?? '');
  if (view === undefined || claims['version'] === undefined) return { rows: [], rest: claims };
  const rest = Object.entries(claims).filter(([key]) => !view.keys.has(key));
  return { rows: view.rows(claims), rest: Object.fromEntries(rest) };
}

/** "abi 31; smt, ecc; not tsme" of an object of bits, numbers and short hexadecimal; null of any other, and of one. */
export function shortSaid(value: JsonObject): string | null {
  const entries = Object.entries(value);
  const bits = entries.filter(([, item]) => typeof item === 'boolean' || item === null);
  const others = entries.filter(([, item]) => typeof item !== 'boolean' && item !== null);
  const known = bits.some(([, bit]) => bit !== null);
  if (entries.length < 2 || !others.every(([, item]) => isShort(item)) || (bits.length > 0 && !known))
    return null;
  return [...listOf(others.map(([name, item]) => `${name} ${item}`)), ...bitsSaid(bits)].join('; ');
}

const isShort = (item: JsonValue): boolean =>
  typeof item === 'number' || (typeof item === 'string' && /^(0x)?[0-9a-f]{1,16}$/.test(item));

const listOf = (words: readonly string[]): readonly string[] =>
  words.length === 0 ? [] : [words.join(', ')];

function bitsSaid(bits: readonly (readonly [string, JsonValue])[]): readonly string[] {
  if (bits.length === 0) return [];
  const of = (wanted: boolean | null): readonly string[] =>
    bits.filter(([, bit]) => bit === wanted).map(([name]) => name);
  return [
    of(true).join(', ') || 'none',
    ...listOf(of(false)).map((names) => `not ${names}`),
    ...listOf(of(null)).map((names) => `not stated ${names}`),
  ];
}

const named = (names: string): ReadonlySet<string> => new Set(names.trim().split(/\s+/));

const INTEL_KEYS = named(`
  version tee body_type tcb_status advisories tcb_date tcb_evaluation_data_number eval_numbers shortfall
  closes out_of_date_since forecast launch current debug mrenclave mrsigner isvprodid isvsvn attributes
  miscselect cpusvn sept_ve_disable migratable tee_tcb_svn tee_tcb_svn2 mrseam mrsignerseam
  seamattributes tdattributes xfam mrtd mrconfigid mrowner mrownerconfig rtmrs mrservicetd vm_id td_id
  dev_info init_servtd_hash init_servtd_attributes init_cpusvn init_tee_tcb_svn init_fmspc
  cur_servtd_hash cur_servtd_attributes report_data qe_isvsvn pck collateral root root_spki_sha256
  pck_not_after
`);

const SNP_KEYS = named(`
  version product cpuid_fam_mod_step signer guest_svn policy guest_policy platform_info platform vmpl
  family_id image_id measurement host_data report_data id_key_digest author_key_enabled author_key_digest
  report_id report_id_ma chip_id reported_tcb committed_tcb current_tcb launch_tcb tcb tcb_short
  current_ver committed_ver launch_mit current_mit ek_product ek_csp_id ek_issuer ek_not_before
  ek_not_after root root_spki_sha256 revocation weaknesses
`);

interface View {
  readonly rows: (claims: Claims) => readonly Row[];
  /** Of which `rows` says what is worth saying. */
  readonly keys: ReadonlySet<string>;
}

function intelRows(claims: Claims): readonly Row[] {
  const pck = objectOf(claims['pck']);
  return [
    ['TCB', tcbLine(claims)],
    ['advisories', listed(claims['advisories']) || 'none'],
    ...objectsOf(claims['shortfall']).map((one): Row => ['short', shortLine(one)]),
    ['closes', listed(claims['closes']) || null],
    ['out of date', since(claims['out_of_date_since'])],
    ...objectsOf(claims['forecast']).map((one): Row => ['forecast', forecastLine(one)]),
    ['debug', claims['debug'] === true ? 'ON: the host reads the memory' : null],
    ['mrtd', bytes(claims['mrtd'])],
    ...itemsOf(claims['rtmrs']).map((value, i): Row => [`rtmr${i}`, bytes(value)]),
    ['mrconfigid', bytes(claims['mrconfigid'])],
    ['mrowner', bytes(claims['mrowner'])],
    ['mrownerconfig', bytes(claims['mrownerconfig'])],
    ['service TD', bytes(claims['mrservicetd'])],
    ['mrenclave', bytes(claims['mrenclave'])],
    ['mrsigner', bytes(claims['mrsigner'])],
    [
      'product',
      claims['isvprodid'] === undefined ? null : `${claims['isvprodid']}, version ${claims['isvsvn']}`,
    ],
    ['report data', bytes(claims['report_data'])],
    ['FMSPC', text(pck['fmspc'])],
    ['PPID', bytes(pck['ppid'])],
    ['instance', bytes(pck['platform_instance'])],
    ['configuration', shortSaid(objectOf(pck['configuration']))],
    ['root', text(claims['root'])],
  ];
}

function tcbLine(claims: Claims): string {
  const [launch, current] = [objectOf(claims['launch']), objectOf(claims['current'])];
  const [then, now] = [text(launch['tcb_status']), text(current['tcb_status'])];
  const moved = now === null || now === then ? '' : `; launched as ${then}, runs as ${now}`;
  const date = claims['tcb_date'] === null ? 'of no date' : `of ${day(claims['tcb_date'])}`;
  return `${text(claims['tcb_status'])}, ${date}, evaluation ${claims['tcb_evaluation_data_number']}${moved}`;
}

/** As a person would ask for an update: `sgx[5] (BIOS) is 3, needs 5: 2 short`. */
function shortLine({ part, component, label, has, needs, short_by }: Claims): string {
  const which = component === null ? part : `${part}[${component}]`;
  return `${which}${label === null ? '' : ` (${label})`} is ${has}, needs ${needs}: ${short_by} short`;
}

function forecastLine({
  tcb_evaluation_data_number: number,
  tcb_status: status,
  advisories,
}: Claims): string {
  const open = listed(advisories);
  return `with evaluation ${number}: ${status}${open === '' ? '' : ` (${open})`}`;
}

const since = (value: JsonValue | undefined): string | null =>
  value === null ? null : `since ${day(value)}`;

function snpRows(claims: Claims): readonly Row[] {
  const tcb = objectOf(claims['tcb']);
  const reported = levels(tcb['reported']);
  const other = (name: string): Row => {
    const found = levels(tcb[name]);
    return [`TCB ${name}`, found === reported ? null : found];
  };
  return [
    ['processor', `${text(claims['ek_product'])}, report version ${claims['version']}`],
    ['signer', signerLine(claims)],
    ...objectsOf(claims['weaknesses']).map(
      (one): Row => ['WARNING', `${text(one['meaning'])} (${text(one['id'])})`],
    ),
    ['TCB reported', reported],
    ...['launch', 'committed', 'current'].map(other),
    ...objectsOf(claims['tcb_short']).map((one): Row => ['short', snpShortLine(one)]),
    ['firmware', firmwareLine(claims)],
    ['measurement', bytes(claims['measurement'])],
    ['host data', bytes(claims['host_data'])],
    ['ID key', bytes(claims['id_key_digest'])],
    ['author key', claims['author_key_enabled'] === true ? bytes(claims['author_key_digest']) : null],
    ['guest', guestLine(claims)],
    ['report data', bytes(claims['report_data'])],
    ['platform', shortSaid(objectOf(claims['platform']))],
    ['chip', bytes(claims['chip_id'])],
    ['revocation', revocationLine(objectOf(claims['revocation']))],
    ['root', text(claims['root'])],
  ];
}

function signerLine(claims: Claims): string {
  const signer = (text(claims['signer']) ?? '').toUpperCase();
  const provider = text(claims['ek_csp_id']);
  return `${signer}${provider === null ? '' : ` of ${provider}`}, until ${day(claims['ek_not_after'])}`;
}

/** "bootloader 4, tee 0, snp 24, microcode 217". */
const levels = (value: JsonValue | undefined): string =>
  Object.entries(objectOf(value))
    .map(([part, level]) => `${part} ${level}`)
    .join(', ');

function snpShortLine({ tcb, part, has, needs }: Claims): string {
  const [own, least] = [Number(has), Number(needs)];
  return own < 0
    ? `${tcb}: no ${part}, needs ${least}`
    : `${tcb}: ${part} is ${own}, needs ${least}: ${least - own} short`;
}

function firmwareLine({ current_ver: runs, committed_ver: kept }: Claims): string {
  return runs === kept ? `${runs}` : `${runs}, committed ${kept}`;
}

/** Debugging is what a reader must not miss. */
function guestLine(claims: Claims): string {
  const { abi, debug, ...policy } = objectOf(claims['guest_policy']);
  const set = Object.keys(policy).filter((name) => policy[name] === true);
  const svn = claims['guest_svn'] === 0 ? '' : `, version ${claims['guest_svn']}`;
  const line = `VMPL ${claims['vmpl']}${svn}, ABI ${abi}, policy ${set.join(', ') || 'none'}`;
  return debug === true ? `DEBUG ON: the host reads the memory; ${line}` : line;
}

const revocationLine = ({ this_update: from, next_update: until }: Claims): string | null =>
  from === undefined ? null : `AMD's list of ${day(from)}, until ${day(until)}`;

const VIEWS: ReadonlyMap<string, View> = new Map([
  ['tdx', { rows: intelRows, keys: INTEL_KEYS }],
  ['sgx', { rows: intelRows, keys: INTEL_KEYS }],
  ['snp', { rows: snpRows, keys: SNP_KEYS }],
]);

const text = (value: JsonValue | undefined): string | null => (typeof value === 'string' ? value : null);
const objectOf = (value: JsonValue | undefined): Claims => (isObject(value) ? value : {});
const itemsOf = (value: JsonValue | undefined): readonly JsonValue[] => (Array.isArray(value) ? value : []);
const objectsOf = (value: JsonValue | undefined): readonly Claims[] => itemsOf(value).filter(isObject);
const listed = (value: JsonValue | undefined): string => itemsOf(value).join(', ');
/** Zero is what a register holds that nobody has set. */
const bytes = (value: JsonValue | undefined): string | null =>
  typeof value === 'string' && !/^0*$/.test(value) ? value : null;
/** Times of the vendor that are midnights are meant as days. */
const day = (value: JsonValue | undefined): string => String(value).replace('T00:00:00Z', '');
