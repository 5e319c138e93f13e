/**
 * Requests and responses of the Nitro Secure Module (aws/aws-nitro-enclaves-nsm-api src/api/mod.rs; limits of
 * Linux drivers/misc/nsm.c). CBOR in the shape of serde's externally tagged enums: a variant without fields is a
 * text, one with fields is a map of one entry. Fields are read by name, because implementations order them
 * differently. Both directions are here: the enclave asks, the simulated module answers.
 */
import { ParseError } from '../base/errors.ts';
import { CborReader, type CborValue } from '../codec/cbor.ts';
import { encodeCbor } from '../codec/cbor-encode.ts';

export const NSM_MAX_REQUEST = 4_096;
export const NSM_MAX_RESPONSE = 12_288;
/** What hardware accepts in each of user_data, nonce and public_key. */
export const NSM_MAX_FIELD = 1_024;

export type NsmErrorCode =
  | 'Success'
  | 'InvalidArgument'
  | 'InvalidIndex'
  | 'InvalidResponse'
  | 'ReadOnlyIndex'
  | 'InvalidOperation'
  | 'BufferTooSmall'
  | 'InputTooLarge'
  | 'InternalError';

const ERROR_CODES: ReadonlySet<string> = new Set<NsmErrorCode>([
  'Success',
  'InvalidArgument',
  'InvalidIndex',
  'InvalidResponse',
  'ReadOnlyIndex',
  'InvalidOperation',
  'BufferTooSmall',
  'InputTooLarge',
  'InternalError',
]);

export type NsmRequest =
  | { readonly kind: 'DescribeNSM' }
  | { readonly kind: 'DescribePCR'; readonly index: number }
  | { readonly kind: 'ExtendPCR'; readonly index: number; readonly data: Uint8Array }
  | { readonly kind: 'LockPCR'; readonly index: number }
  /** Locks registers 0 to range-1. */
  | { readonly kind: 'LockPCRs'; readonly range: number }
  | { readonly kind: 'GetRandom' }
  | {
      readonly kind: 'Attestation';
      readonly userData: Uint8Array | null;
      readonly nonce: Uint8Array | null;
      readonly publicKey: Uint8Array | null;
    };

export interface NsmDescription {
  readonly kind: 'DescribeNSM';
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly versionPatch: number;
  readonly moduleId: string;
  readonly maxPcrs: number;
  readonly lockedPcrs: readonly number[];
  readonly digest: string;
}

export type NsmResponse =
  | NsmDescription
  | { readonly kind: 'DescribePCR'; readonly lock: boolean; readonly data: Uint8Array }
  | { readonly kind: 'ExtendPCR'; readonly data: Uint8Array }
  | { readonly kind: 'LockPCR' }
  | { readonly kind: 'LockPCRs' }
  | { readonly kind: 'GetRandom'; readonly random: Uint8Array }
  | { readonly kind: 'Attestation'; readonly document: Uint8Array }
  | { readonly kind: 'Error'; readonly code: NsmErrorCode };

type Fields = readonly (readonly [string, CborValue])[];

/** At most NSM_MAX_REQUEST bytes for fields that keep to NSM_MAX_FIELD. */
export function encodeNsmRequest(request: NsmRequest): Uint8Array {
  switch (request.kind) {
    case 'DescribeNSM':
    case 'GetRandom':
      return encodeCbor(request.kind);
    case 'DescribePCR':
    case 'LockPCR':
      return variant(request.kind, [['index', request.index]]);
    case 'ExtendPCR':
      return variant(request.kind, [
        ['index', request.index],
        ['data', request.data],
      ]);
    case 'LockPCRs':
      return variant(request.kind, [['range', request.range]]);
    case 'Attestation':
      return variant(request.kind, [
        ['user_data', request.userData],
        ['nonce', request.nonce],
        ['public_key', request.publicKey],
      ]);
  }
}

export function encodeNsmResponse(response: NsmResponse): Uint8Array {
  switch (response.kind) {
    case 'LockPCR':
    case 'LockPCRs':
      return encodeCbor(response.kind);
    case 'DescribePCR':
      return variant(response.kind, [
        ['lock', response.lock],
        ['data', response.data],
      ]);
    case 'ExtendPCR':
      return variant(response.kind, [['data', response.data]]);
    case 'GetRandom':
      return variant(response.kind, [['random', response.random]]);
    case 'Attestation':
      return variant(response.kind, [['document', response.document]]);
    case 'Error':
      return encodeCbor(new Map([['Error', response.code]]));
    case 'DescribeNSM':
      return variant(response.kind, [
        ['version_major', response.versionMajor],
        ['version_minor', response.versionMinor],
        ['version_patch', response.versionPatch],
        ['module_id', response.moduleId],
        ['max_pcrs', response.maxPcrs],
        ['locked_pcrs', response.lockedPcrs],
        ['digest', response.digest],
      ]);
  }
}

function variant(name: string, fields: Fields): Uint8Array {
  return encodeCbor(new Map([[name, new Map(fields)]]), { order: 'insertion' });
}

/** Throws ParseError NSM_MESSAGE_INVALID, or the code of the CBOR reader. Byte strings are views of `bytes`. */
export function decodeNsmRequest(bytes: Uint8Array): NsmRequest {
  return decode(bytes, NSM_MAX_REQUEST, 'nsm.request', (kind, body): NsmRequest => {
    switch (kind) {
      case 'DescribeNSM':
      case 'GetRandom':
        return body.unit({ kind });
      case 'DescribePCR':
      case 'LockPCR':
        return { kind, ...body.fields({ index: u16 }) };
      case 'ExtendPCR':
        return { kind, ...body.fields({ index: u16, data: byteString }) };
      case 'LockPCRs':
        return { kind, ...body.fields({ range: u16 }) };
      case 'Attestation': {
        const found = body.fields({ user_data: orNull, nonce: orNull, public_key: orNull });
        return { kind, userData: found.user_data, nonce: found.nonce, publicKey: found.public_key };
      }
      default:
        return body.invalid('unknown request');
    }
  });
}

/** Throws ParseError NSM_MESSAGE_INVALID, or the code of the CBOR reader. Byte strings are views of `bytes`. */
export function decodeNsmResponse(bytes: Uint8Array): NsmResponse {
  return decode(bytes, NSM_MAX_RESPONSE, 'nsm.response', (kind, body): NsmResponse => {
    switch (kind) {
      case 'LockPCR':
      case 'LockPCRs':
        return body.unit({ kind });
      case 'DescribePCR':
        return { kind, ...body.fields({ lock: (reader) => reader.bool(), data: byteString }) };
      case 'ExtendPCR':
        return { kind, ...body.fields({ data: byteString }) };
      case 'GetRandom':
        return { kind, ...body.fields({ random: byteString }) };
      case 'Attestation':
        return { kind, ...body.fields({ document: byteString }) };
      case 'Error':
        return { kind, code: body.errorCode() };
      case 'DescribeNSM':
        return describe(body);
      default:
        return body.invalid('unknown response');
    }
  });
}

function describe(body: Body): NsmDescription {
  const found = body.fields({
    version_major: u16,
    version_minor: u16,
    version_patch: u16,
    module_id: shortText,
    max_pcrs: u16,
    locked_pcrs: (reader) => {
      const locked: number[] = [];
      reader.array(() => locked.push(reader.uint(0xffff)), { max: 32 });
      return Object.freeze(locked);
    },
    digest: shortText,
  });
  return {
    kind: 'DescribeNSM',
    versionMajor: found.version_major,
    versionMinor: found.version_minor,
    versionPatch: found.version_patch,
    moduleId: found.module_id,
    maxPcrs: found.max_pcrs,
    lockedPcrs: found.locked_pcrs,
    digest: found.digest,
  };
}

type Kind<T> = (reader: CborReader) => T;
type Kinds = Readonly<Record<string, Kind<unknown>>>;
type FieldsOf<K extends Kinds> = { readonly [N in keyof K]: K[N] extends Kind<infer T> ? T : never };

const u16: Kind<number> = (reader) => reader.uint(0xffff);
const byteString: Kind<Uint8Array> = (reader) => reader.bytes();
const orNull: Kind<Uint8Array | null> = (reader) => reader.nullOr(() => reader.bytes());
const shortText: Kind<string> = (reader) => reader.text({ max: 256 });

/** What stands behind a variant's name; exactly one of these is asked for. */
interface Body {
  unit<T>(value: T): T;
  /** Every field once, by name, none besides. */
  fields<K extends Kinds>(kinds: K): FieldsOf<K>;
  errorCode(): NsmErrorCode;
  invalid(message: string): never;
}

function decode<T extends object>(
  bytes: Uint8Array,
  limit: number,
  path: string,
  read: (name: string, body: Body) => T,
): T {
  if (bytes.length > limit)
    throw new ParseError('NSM_MESSAGE_INVALID', `${bytes.length} bytes, at most ${limit} allowed`, 0, path);
  const reader = new CborReader(bytes, { path });
  let result: T | undefined;
  if (reader.peek() === 'text') result = read(reader.text({ max: 32 }), bodyOf(reader, true));
  else reader.map((name) => void (result = read(String(name), bodyOf(reader, false))), { min: 1, max: 1 });
  reader.end();
  return Object.freeze(result as T);
}

function bodyOf(reader: CborReader, unit: boolean): Body {
  const invalid = (message: string): never => {
    throw new ParseError('NSM_MESSAGE_INVALID', message, reader.offset, reader.path);
  };
  return {
    invalid,
    unit: (value) => (unit ? value : invalid('fields of a variant that has none')),
    errorCode() {
      const code = unit ? '' : reader.text({ max: 32 });
      return ERROR_CODES.has(code) ? (code as NsmErrorCode) : invalid('unknown error');
    },
    fields<K extends Kinds>(kinds: K): FieldsOf<K> {
      const found: Record<string, unknown> = {};
      const names = Object.keys(kinds);
      if (unit) invalid('the fields are missing');
      reader.map(
        (name) => {
          const kind = typeof name === 'string' && Object.hasOwn(kinds, name) ? kinds[name] : undefined;
          found[name] = kind === undefined ? invalid(`unknown field ${name}`) : kind(reader);
        },
        { max: names.length },
      );
      for (const name of names) if (!Object.hasOwn(found, name)) invalid(`no ${name}`);
      return found as FieldsOf<K>;
    },
  };
}
