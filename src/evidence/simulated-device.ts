/**
 * What a guest and the device of a simulated TDX or SEV-SNP machine say to each other, in deterministic CBOR. Linux
 * offers the same over configfs-tsm, RDSEED and the guest's clock; only this form is ours.
 */
import { MAX_TIME, type Millis } from '../base/clock.ts';
import { fail } from '../base/errors.ts';
import { bytes, field, oneOf, optional, record, type RecordCodec, text, uint } from '../codec/cbor-record.ts';

export type DeviceRequest =
  /** 64 bytes: TDX and SEV-SNP both call them report data. */
  | { readonly kind: 'quote'; readonly reportData: Uint8Array }
  /** RTMR := SHA-384(RTMR ‖ digest), of TDX alone; 48 bytes. */
  | { readonly kind: 'extend'; readonly register: number; readonly digest: Uint8Array }
  | { readonly kind: 'random'; readonly length: number }
  | { readonly kind: 'clock' };

export type DeviceResponse =
  /** `endorsements`: a collateral bundle. */
  | { readonly kind: 'quote'; readonly evidence: Uint8Array; readonly endorsements: Uint8Array }
  | { readonly kind: 'extend' }
  | { readonly kind: 'random'; readonly random: Uint8Array }
  | { readonly kind: 'clock'; readonly time: Millis }
  | { readonly kind: 'error'; readonly message: string };

export const DEVICE_MAX_REQUEST = 256;
export const DEVICE_MAX_RESPONSE = 524_544;
export const DEVICE_MAX_RANDOM = 256;
const MAX_PART = 262_144;
const KINDS = ['quote', 'extend', 'random', 'clock', 'error'] as const;

/** One record for all kinds: fields that a kind does not have are absent. */
interface Row {
  readonly kind: (typeof KINDS)[number];
  readonly data: Uint8Array | null;
  readonly second: Uint8Array | null;
  readonly number: number | null;
  readonly message: string | null;
}

const Row: RecordCodec<Row> = record<Row>('device', {
  kind: field(1, oneOf(...KINDS)),
  data: field(2, optional(bytes({ min: 1, max: MAX_PART }))),
  second: field(3, optional(bytes({ min: 1, max: MAX_PART }))),
  number: field(4, optional(uint(MAX_TIME))),
  message: field(5, optional(text({ max: 255 }))),
});

const PARTS = ['data', 'second', 'number', 'message'] as const;
const EMPTY: Omit<Row, 'kind'> = { data: null, second: null, number: null, message: null };

export function encodeDeviceRequest(request: DeviceRequest): Uint8Array {
  const { kind } = request;
  if (kind === 'quote') return Row.encode({ ...EMPTY, kind, data: request.reportData });
  if (kind === 'extend')
    return Row.encode({ ...EMPTY, kind, number: request.register, data: request.digest });
  if (kind === 'random') return Row.encode({ ...EMPTY, kind, number: request.length });
  return Row.encode({ ...EMPTY, kind });
}

/** Throws ParseError with a CBOR_ or RECORD_ code, or DEVICE_REFUSED for what no kind of request is. */
export function decodeDeviceRequest(message: Uint8Array): DeviceRequest {
  const row = Row.decode(message);
  const { kind, data, number } = row;
  if (kind === 'quote' && data?.length === 64 && has(row, 'data')) return { kind, reportData: data };
  if (kind === 'extend' && data?.length === 48 && number !== null && has(row, 'data', 'number'))
    return { kind, register: number, digest: data };
  if (kind === 'random' && number !== null && number > 0 && has(row, 'number') && number <= DEVICE_MAX_RANDOM)
    return { kind, length: number };
  if (kind === 'clock' && has(row)) return { kind };
  return fail('DEVICE_REFUSED', 'no request of this form');
}

/** Whether these parts are there and no others. */
function has(row: Row, ...parts: readonly (keyof Row)[]): boolean {
  return PARTS.every((part) => (row[part] !== null) === parts.includes(part));
}

export function encodeDeviceResponse(response: DeviceResponse): Uint8Array {
  const { kind } = response;
  if (kind === 'quote') {
    const { evidence: data, endorsements: second } = response;
    return Row.encode({ ...EMPTY, kind, data, second });
  }
  if (kind === 'random') return Row.encode({ ...EMPTY, kind, data: response.random });
  if (kind === 'clock') return Row.encode({ ...EMPTY, kind, number: response.time });
  if (kind === 'error') return Row.encode({ ...EMPTY, kind, message: response.message });
  return Row.encode({ ...EMPTY, kind });
}

/** Throws ParseError with a CBOR_ or RECORD_ code, or DEVICE_REFUSED for what no kind of answer is. */
export function decodeDeviceResponse(message: Uint8Array): DeviceResponse {
  const row = Row.decode(message);
  const { kind, data, second, number, message: said } = row;
  if (kind === 'quote' && data !== null && second !== null && has(row, 'data', 'second'))
    return { kind, evidence: data, endorsements: second };
  if (kind === 'extend' && has(row)) return { kind };
  if (kind === 'random' && data !== null && has(row, 'data')) return { kind, random: data };
  if (kind === 'clock' && number !== null && has(row, 'number')) return { kind, time: number };
  if (kind === 'error' && said !== null && has(row, 'message')) return { kind, message: said };
  return fail('DEVICE_REFUSED', 'no answer of this form');
}
