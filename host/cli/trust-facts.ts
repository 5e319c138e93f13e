/**
 * What is known of a guest on TDX, SGX or SEV-SNP before anything is demanded of it: from a file of measurements, in the
 * form in which nitro-cli writes its own, or from evidence that was verified.
 */
import { fail } from '../../src/base/errors.ts';
import { isObject } from '../../src/codec/json-shape.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { HardwareIds } from '../../verifier/index.ts';

/** Hexadecimal of allowed values; null is not known. */
type Values = readonly string[] | null;

export interface TdxFacts {
  readonly platform: 'tdx';
  readonly mrtd: Values;
  /** By number. */
  readonly rtmrs: Readonly<Record<string, readonly string[]>> | null;
  /** `mrconfigid`, `mrowner`, `mrownerconfig`. */
  readonly owner: Readonly<Record<string, readonly string[]>> | null;
}

export interface SgxFacts {
  readonly platform: 'sgx';
  readonly mrenclave: Values;
  readonly mrsigner: Values;
  readonly isvProdId: readonly number[] | null;
  readonly minIsvSvn: number | null;
}

export interface SnpFacts {
  readonly platform: 'snp';
  readonly measurement: Values;
  /** Least versions, by product. */
  readonly minimum: JsonObject | null;
  readonly idKey: Values;
  readonly hostData: Values;
}

export type GuestFacts = TdxFacts | SgxFacts | SnpFacts;

const OWNER = ['mrconfigid', 'mrowner', 'mrownerconfig'] as const;
/** RTMR3 grows while the guest runs, so what it holds at one moment names no image. */
const IMAGE_RTMRS = ['0', '1', '2'] as const;

/** Null when none of the measurements is of a guest. Throws JSON_SHAPE. */
export function guestFacts(measurements: JsonObject, path: string): GuestFacts | null {
  const value = (key: string): JsonValue | undefined =>
    Object.hasOwn(measurements, key) ? measurements[key] : undefined;
  const wrong = (key: string, what: string): never =>
    fail('JSON_SHAPE', `${path}: Measurements.${key} is not ${what}`);
  const hex = (key: string): Values => {
    const found = value(key);
    if (found === undefined) return null;
    return typeof found === 'string' ? [found.toLowerCase()] : wrong(key, 'text');
  };
  const number = (key: string): number | null => {
    const found = value(key);
    if (found === undefined) return null;
    return typeof found === 'number' ? found : wrong(key, 'a number');
  };
  const all = <K extends string>(
    names: readonly K[],
    prefix = '',
  ): Readonly<Record<string, readonly string[]>> | null =>
    record(names.map((name) => [name, hex(`${prefix}${name.toUpperCase()}`)]));
  const found: readonly GuestFacts[] = [
    ...(value('MRTD') === undefined
      ? []
      : [
          {
            platform: 'tdx',
            mrtd: hex('MRTD'),
            rtmrs: all(['0', '1', '2', '3'], 'RTMR'),
            owner: all(OWNER),
          } as const,
        ]),
    ...(value('MRENCLAVE') === undefined && value('MRSIGNER') === undefined
      ? []
      : [
          {
            platform: 'sgx',
            mrenclave: hex('MRENCLAVE'),
            mrsigner: hex('MRSIGNER'),
            isvProdId: one(number('ISVPRODID')),
            minIsvSvn: number('ISVSVN'),
          } as const,
        ]),
    ...(value('Measurement') === undefined
      ? []
      : [
          {
            platform: 'snp',
            measurement: hex('Measurement'),
            minimum: null,
            idKey: null,
            hostData: null,
          } as const,
        ]),
  ];
  if (found.length > 1) fail('JSON_SHAPE', `${path}: measurements of two platforms`);
  return found[0] ?? null;
}

/** The same from the claims of verified evidence; null for a platform without guests of this kind. */
export function factsOfClaims(platform: string, claims: JsonObject): GuestFacts | null {
  const hex = (key: string): Values => nonEmpty(claims[key]);
  switch (platform) {
    case 'tdx': {
      const rtmrs = Array.isArray(claims['rtmrs']) ? claims['rtmrs'] : [];
      return {
        platform,
        mrtd: hex('mrtd'),
        rtmrs: record(IMAGE_RTMRS.map((index) => [index, nonEmpty(rtmrs[Number(index)] as JsonValue)])),
        owner: record(OWNER.map((name) => [name, hex(name)])),
      };
    }
    case 'sgx':
      return {
        platform,
        mrenclave: hex('mrenclave'),
        mrsigner: hex('mrsigner'),
        isvProdId: one(numberOf(claims['isvprodid'])),
        minIsvSvn: numberOf(claims['isvsvn']),
      };
    case 'snp':
      return {
        platform,
        measurement: hex('measurement'),
        minimum: leastTcb(claims),
        // Zero is what a guest without an ID block shows: it names no key.
        idKey: /^0+$/.test(String(claims['id_key_digest'])) ? null : hex('id_key_digest'),
        hostData: hex('host_data'),
      };
    default:
      return null;
  }
}

/** Both that decide the key and that the guest was started on, part by part the lower. */
function leastTcb(claims: JsonObject): JsonObject | null {
  const { product, tcb } = claims;
  const [reported, launch] = ['reported', 'launch'].map((name) => (isObject(tcb) ? tcb[name] : undefined));
  if (typeof product !== 'string' || !isObject(reported) || !isObject(launch)) return null;
  const parts = Object.entries(reported).map(([part, level]) => [
    part,
    Math.min(Number(level), Number(launch[part])),
  ]);
  return { [product]: Object.fromEntries(parts) as JsonObject };
}

/** Which machine it was. EXPECTATION_MISSING when the evidence names none. */
export function hardwareOfClaims(platform: string, claims: JsonObject): HardwareIds {
  const nonzero = (value: JsonValue | undefined): Values => {
    const values = nonEmpty(value);
    return values === null || /^0*$/.test(values[0] as string) ? null : values;
  };
  const pck = isObject(claims['pck']) ? claims['pck'] : {};
  const pcrs = isObject(claims['pcrs']) ? claims['pcrs'] : {};
  const [instance, ppid] = [nonzero(pck['platform_instance']), nonzero(pck['ppid'])];
  // Of Turin 8 bytes are the chip's, and 56 zeros follow them.
  const chip =
    nonzero(claims['chip_id'])?.map((id) => (claims['product'] === 'Turin' ? id.slice(0, 16) : id)) ?? null;
  const named: readonly (readonly [keyof HardwareIds, Values])[] =
    platform === 'nitro'
      ? [
          ['pcr3', nonzero(pcrs['3'])],
          ['pcr4', nonzero(pcrs['4'])],
        ]
      : platform === 'snp'
        ? [claims['signer'] === 'vlek' ? ['csp_id', nonEmpty(claims['ek_csp_id'])] : ['chip_id', chip]]
        : [instance === null ? ['ppid', ppid] : ['platform_instance', instance]];
  return record(named) ?? fail('EXPECTATION_MISSING', 'the evidence names no machine to pin');
}

const nonEmpty = (value: JsonValue | undefined): Values =>
  typeof value === 'string' && value !== '' ? [value] : null;
const numberOf = (value: JsonValue | undefined): number | null => (typeof value === 'number' ? value : null);
const one = (value: number | null): readonly number[] | null => (value === null ? null : [value]);

/** Those that are known; null when none is. */
function record(
  entries: readonly (readonly [string, Values])[],
): Readonly<Record<string, readonly string[]>> | null {
  const known = entries.flatMap(([name, values]) => (values === null ? [] : [[name, values] as const]));
  return known.length === 0 ? null : Object.fromEntries(known);
}
