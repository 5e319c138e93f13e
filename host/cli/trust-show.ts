/** A trust policy as people read it: what it accepts, what it opts out of, and how two of them differ. */
import { isObject } from '../../src/codec/json-shape.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { SgxTrust, SnpTrust, TdxTrust, TrustPolicy } from '../../verifier/index.ts';
import { printable } from './errors.ts';

type Opening = readonly [path: string, open: boolean];
type Line = readonly [label: string, value: string];

/** The expectations that a policy opts out of, by their place in the file. */
export function openings(policy: TrustPolicy): readonly string[] {
  const { service, platforms, freshness, hardware } = policy;
  const { nitro, tdx, sgx, snp } = platforms;
  const rows: readonly Opening[] = [
    ['service', service === 'any'],
    ['service.config_digest', service !== 'any' && service.config_digest === 'any'],
    ['service.policy_authorities', service !== 'any' && service.policy_authorities === 'any'],
    ['hardware.ids', hardware.ids === 'any'],
    ['platforms.nitro.pcrs', nitro?.pcrs === 'any'],
    ['platforms.nitro.debug', nitro?.debug === 'allow'],
    ['platforms.nitro.partitions', nitro?.partitions === 'any'],
    ...(tdx === undefined ? [] : tdxOpenings(tdx)),
    ...(sgx === undefined ? [] : sgxOpenings(sgx)),
    ...(snp === undefined ? [] : snpOpenings(snp)),
    ['freshness.max_age_seconds', freshness.max_age_seconds === 'any'],
    ['freshness.nonce', freshness.nonce === 'any'],
    ['revocation', policy.revocation === 'any'],
    ['witnesses', true],
    ['provenance', policy.provenance !== undefined],
  ];
  return rows.filter(([, open]) => open).map(([name]) => name);
}

function tdxOpenings(tdx: TdxTrust): readonly Opening[] {
  const at = 'platforms.tdx';
  return [
    [`${at}.mrtd`, tdx.mrtd === 'any'],
    [`${at}.rtmrs`, tdx.rtmrs === 'any'],
    [`${at}.debug`, tdx.debug === 'allow'],
    [`${at}.service_td`, tdx.service_td === 'any'],
    [`${at}.owner`, tdx.owner === 'any'],
    ...intelOpenings(at, tdx),
    [`${at}.sept_ve_disable`, tdx.sept_ve_disable === 'any'],
    [`${at}.xfam`, tdx.xfam === 'any'],
  ];
}

function sgxOpenings(sgx: SgxTrust): readonly Opening[] {
  const at = 'platforms.sgx';
  return [
    [`${at}.mrenclave`, sgx.mrenclave === 'any'],
    [`${at}.mrsigner`, sgx.mrsigner === 'any'],
    [`${at}.isv_prod_id`, sgx.isv_prod_id === 'any'],
    [`${at}.min_isv_svn`, sgx.min_isv_svn === 'any'],
    [`${at}.debug`, sgx.debug === 'allow'],
    ...intelOpenings(at, sgx),
  ];
}

function intelOpenings(
  at: string,
  { tcb, platform }: Pick<TdxTrust, 'tcb' | 'platform'>,
): readonly Opening[] {
  return [
    [`${at}.tcb.advisories`, tcb.advisories === 'any'],
    [`${at}.tcb.min_evaluation_number`, tcb.min_evaluation_number === 'any'],
    [`${at}.tcb.min_tcb_date`, tcb.min_tcb_date === 'any'],
    // Each is `any` when it is left out.
    [`${at}.platform`, platform === 'any' || Object.values(platform).every((word) => word === 'any')],
  ];
}

/** What is `any` or `allow` when it is left out opts out of nothing that is asked for. */
function snpOpenings(snp: SnpTrust): readonly Opening[] {
  const at = 'platforms.snp';
  return [
    [`${at}.measurement`, snp.measurement === 'any'],
    [`${at}.debug`, snp.debug === 'allow'],
    [`${at}.vmpl`, snp.vmpl === 'any'],
    [`${at}.tcb.minimum`, snp.tcb.minimum === 'any'],
    [`${at}.tcb.provisional_firmware`, snp.tcb.provisional_firmware === 'allow'],
    [`${at}.milan_vcek`, snp.milan_vcek === 'allow'],
    [`${at}.id_key`, snp.id_key === 'any'],
    [`${at}.host_data`, snp.host_data === 'any'],
    [`${at}.migration_agent`, snp.migration_agent === 'allow'],
    [`${at}.alias_check`, snp.alias_check === 'any'],
  ];
}

export function describeTrust(policy: TrustPolicy): string {
  const { service, platforms, freshness, simulated } = policy;
  const { nitro, tdx, sgx, snp } = platforms;
  const lines: readonly Line[] = [
    ['service', service === 'any' ? 'any' : service.origin],
    ...(service === 'any' ? [] : [['configuration', service.config_digest] as const]),
    ...(service === 'any' ? [] : [['authorities', several(service.policy_authorities)] as const]),
    ...hardwareLines(policy),
    ...(nitro === undefined ? [] : nitroLines(nitro)),
    ...(tdx === undefined ? [] : tdxLines(tdx)),
    ...(sgx === undefined ? [] : sgxLines(sgx)),
    ...(snp === undefined ? [] : snpLines(snp)),
    ['freshness', `at most ${freshness.max_age_seconds} s old, challenge in ${freshness.nonce}`],
    ['simulated', simulated === 'reject' ? 'rejected' : simulated.roots.map(({ name }) => name).join(', ')],
    ['waives', openings(policy).join(', ') || 'nothing'],
  ];
  const width = Math.max(13, ...lines.map(([label]) => label.length));
  return lines.map(([label, value]) => `${printable(label).padEnd(width)}  ${printable(value)}\n`).join('');
}

function hardwareLines({ hardware: { ids } }: TrustPolicy): readonly Line[] {
  return ids === 'any'
    ? []
    : Object.entries(ids).flatMap(([name, values]: [string, readonly string[]]) =>
        values.map((value): Line => [name, value]),
      );
}

function nitroLines({ pcrs, debug }: NonNullable<TrustPolicy['platforms']['nitro']>): readonly Line[] {
  const registers: readonly Line[] =
    pcrs === 'any' ? [['measurements', pcrs]] : byName(pcrs, (index) => `PCR${index}`);
  return [...registers, ['debug mode', debug]];
}

function tdxLines(tdx: TdxTrust): readonly Line[] {
  const { owner, rtmrs } = tdx;
  return [
    ['TDX', `debug mode ${tdx.debug}, service TD ${several(tdx.service_td)}`],
    ...values('MRTD', tdx.mrtd),
    ...(rtmrs === 'any' ? values('RTMRs', rtmrs) : byName(rtmrs, (index) => `RTMR${index}`)),
    ...(owner === 'any' ? values('owner', owner) : byName(owner, (name) => name.toUpperCase())),
    ...intelLines(tdx),
    ...optional('attributes', tdx.attributes, several),
    ...optional('MRSEAM', tdx.mrseam, several),
    ...optional('module', tdx.min_module_isvsvn, (least) =>
      Object.entries(least)
        .map(([generation, svn]) => `generation ${generation} from version ${svn}`)
        .join(', '),
    ),
  ];
}

function sgxLines(sgx: SgxTrust): readonly Line[] {
  return [
    [
      'SGX',
      `debug mode ${sgx.debug}, product ${several(sgx.isv_prod_id)}, version at least ${sgx.min_isv_svn}`,
    ],
    ...values('MRENCLAVE', sgx.mrenclave),
    ...values('MRSIGNER', sgx.mrsigner),
    ...intelLines(sgx),
  ];
}

function intelLines({ tcb, platform }: Pick<TdxTrust, 'tcb' | 'platform'>): readonly Line[] {
  const { max_collateral_age_days: age } = tcb;
  const grace = tcb.grace_days === 'none' ? 'no grace' : `${tcb.grace_days} days of grace`;
  return [
    ['TCB', `${tcb.statuses.join(', ')}; advisories ${several(tcb.advisories)}`],
    [
      'TCB at least',
      [
        `evaluation ${tcb.min_evaluation_number}, date ${tcb.min_tcb_date}, ${grace}`,
        ...(age === undefined ? [] : [`collateral at most ${age} days old`]),
      ].join(', '),
    ],
    [
      'platform',
      platform === 'any'
        ? platform
        : Object.entries(platform)
            .map(([name, value]: [string, string | readonly string[]]) => `${name} ${several(value)}`)
            .join(', '),
    ],
  ];
}

function snpLines(snp: SnpTrust): readonly Line[] {
  const { minimum, provisional_firmware } = snp.tcb;
  const stated = ['version', 'measurement', 'debug', 'vmpl', 'tcb', 'milan_vcek', 'id_key', 'host_data'];
  const more = Object.entries(snp).filter(([key]) => !stated.includes(key));
  return [
    ['SEV-SNP', `debug mode ${snp.debug}, VMPL ${several(snp.vmpl)}`],
    ...values('measurement', snp.measurement),
    ...(minimum === 'any'
      ? values('TCB', minimum)
      : Object.entries(minimum).map(
          ([product, parts]): Line => [`TCB ${product}`, `at least ${counted(parts)}`],
        )),
    ['firmware', `provisional ${provisional_firmware}`],
    ['Milan VCEK', snp.milan_vcek],
    ...values('ID key', snp.id_key),
    ...values('host data', snp.host_data),
    ...more.map(([key, value]): Line => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  ];
}

const counted = (parts: object): string =>
  Object.entries(parts)
    .map(([part, least]) => `${part} ${least}`)
    .join(', ');

const several = (value: string | number | readonly (string | number)[]): string => [value].flat().join(', ');

/** One line a value: they are long, and are compared by eye. */
function values(label: string, value: string | readonly string[]): readonly Line[] {
  return [value].flat().map((one) => [label, one]);
}

function byName(lists: object, label: (name: string) => string): readonly Line[] {
  return Object.entries(lists).flatMap(([name, list]: [string, readonly string[]]) =>
    values(label(name), list),
  );
}

function optional<T>(label: string, value: T | undefined, show: (value: T) => string): readonly Line[] {
  return value === undefined ? [] : [[label, show(value)]];
}

export interface TrustDifference {
  readonly path: string;
  readonly before: JsonValue | null;
  readonly after: JsonValue | null;
}

/** What the second accepts otherwise, by place; lists are compared item by item, in any order. */
export function compareTrust(before: TrustPolicy, after: TrustPolicy): readonly TrustDifference[] {
  const [old, fresh] = [leaves(before), leaves(after)];
  const paths = [...new Set([...old.keys(), ...fresh.keys()])];
  return paths.flatMap((path) => {
    const [gone, come] = [old.get(path) ?? [], fresh.get(path) ?? []];
    const [less, more] = [without(gone, come), without(come, gone)];
    const single = less.length <= 1 && more.length <= 1;
    if (less.length === 0 && more.length === 0) return [];
    if (single) return [{ path, before: less[0] ?? null, after: more[0] ?? null }];
    return [
      ...less.map((value) => ({ path, before: value, after: null })),
      ...more.map((value) => ({ path, before: null, after: value })),
    ];
  });
}

/** Scalars by their path; those of a list share the list's. */
function leaves(policy: TrustPolicy): ReadonlyMap<string, readonly JsonValue[]> {
  const found = new Map<string, JsonValue[]>();
  const walk = (value: JsonValue, path: string): void => {
    if (isObject(value))
      for (const [key, inner] of Object.entries(value)) walk(inner, path === '' ? key : `${path}.${key}`);
    else if (Array.isArray(value) && value.some(isObject))
      value.forEach((item: JsonValue, i) => walk(item, `${path}[${i}]`));
    else found.set(path, Array.isArray(value) ? [...(value as readonly JsonValue[])] : [value]);
  };
  walk(policy as unknown as JsonObject, '');
  return found;
}

const without = (list: readonly JsonValue[], other: readonly JsonValue[]): readonly JsonValue[] =>
  list.filter((value) => !other.includes(value));

export function describeDifferences(before: TrustPolicy, after: TrustPolicy): string {
  const said = (mark: string, path: string, value: JsonValue | null): readonly string[] =>
    value === null ? [] : [`${mark} ${path}  ${typeof value === 'string' ? value : JSON.stringify(value)}`];
  const lines = compareTrust(before, after).flatMap((one) => [
    ...said('-', one.path, one.before),
    ...said('+', one.path, one.after),
  ]);
  const [waived, waives] = [openings(before), openings(after)];
  const more = waives.filter((path) => !waived.includes(path));
  const fewer = waived.filter((path) => !waives.includes(path));
  return [
    ...(lines.length === 0 ? ['both accept the same'] : lines),
    ...(more.length === 0 ? [] : [`the second waives more: ${more.join(', ')}`]),
    ...(fewer.length === 0 ? [] : [`the second waives less: ${fewer.join(', ')}`]),
  ]
    .map((line) => `${printable(line)}\n`)
    .join('');
}
