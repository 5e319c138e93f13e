/**
 * What Intel writes into the certificate of a platform's certification key (Intel SGX PCK Certificate and CRL Profile
 * Specification, SGX extensions): which platform it is, and for which versions of its parts the key was derived.
 */
import { ParseError } from '../../base/errors.ts';
import { DerReader } from '../../codec/der.ts';
import type { Certificate } from '../../codec/x509.ts';

export interface PckConfiguration {
  /** Whether packages may be added to the platform. Each is null where the certificate does not say. */
  readonly dynamicPlatform: boolean | null;
  readonly cachedKeys: boolean | null;
  readonly smtEnabled: boolean | null;
}

export interface PckExtension {
  /** 16 bytes: of the platform, or in a multi-package one of its first package. */
  readonly ppid: Uint8Array;
  /** Security version numbers 0 to 255, 16 of them. */
  readonly components: readonly number[];
  readonly pceSvn: number;
  readonly cpuSvn: Uint8Array;
  /** 2 bytes. */
  readonly pceId: Uint8Array;
  /** 6 bytes: family, model, stepping, platform type and custom SKU. */
  readonly fmspc: Uint8Array;
  readonly sgxType: 'standard' | 'scalable' | 'scalable-with-integrity';
  /** 16 bytes. Null, as is the next, in certificates of the Processor CA. */
  readonly platformInstanceId: Uint8Array | null;
  readonly configuration: PckConfiguration | null;
}

const SGX = '1.2.840.113741.1.13.1';
const COMPONENTS = 16;
const PCE_SVN = 17;
const CPU_SVN = 18;

/** The identifiers directly below an arc, and their last numbers. */
const partsOf = (arc: string, count: number): ReadonlyMap<string, number> =>
  new Map(Array.from({ length: count }, (_, i) => [`${arc}.${i + 1}`, i + 1]));

const PARTS = partsOf(SGX, 7);
const TCB_PARTS = partsOf(`${SGX}.2`, CPU_SVN);
const CONFIGURATION_PARTS = partsOf(`${SGX}.7`, 3);
const ENUMERATED = 0x0a;
const SGX_TYPES = ['standard', 'scalable', 'scalable-with-integrity'] as const;
const REQUIRED = ['ppid', 'components', 'pceId', 'fmspc', 'sgxType'] as const;

type Draft = { -readonly [K in keyof PckExtension]?: PckExtension[K] };

/** Whether a certificate has Intel's extension; nothing of it is read. */
export const isPck = ({ extensions }: Certificate): boolean => extensions.some(({ oid }) => oid === SGX);

/** Throws ParseError PCK_INVALID or a DER_ code. */
export function readPck(certificate: Certificate, path: string = 'certificate'): PckExtension {
  const extension = certificate.extensions.find(({ oid }) => oid === SGX);
  if (extension === undefined) throw new ParseError('PCK_INVALID', 'has no SGX extension', 0, path);
  const reader = new DerReader(extension.value, { path: `${path}.sgx` });
  const draft: Draft = { platformInstanceId: null, configuration: null };
  members(reader, PARTS, (part, value) => readMember(part, value, draft));
  reader.end();
  const missing = REQUIRED.find((name) => draft[name] === undefined);
  if (missing !== undefined) reader.fail('PCK_INVALID', `${missing} is missing`);
  return Object.freeze(draft as PckExtension);
}

function readMember(part: number, value: DerReader, draft: Draft): void {
  switch (part) {
    case 1:
      draft.ppid = octets(value, 16);
      break;
    case 2:
      Object.assign(draft, readTcb(value));
      break;
    case 3:
      draft.pceId = octets(value, 2);
      break;
    case 4:
      draft.fmspc = octets(value, 6);
      break;
    case 5:
      draft.sgxType = sgxType(value);
      break;
    case 6:
      draft.platformInstanceId = octets(value, 16);
      break;
    case 7:
      draft.configuration = readConfiguration(value);
  }
}

function readTcb(reader: DerReader): Pick<PckExtension, 'components' | 'pceSvn' | 'cpuSvn'> {
  const components: (number | undefined)[] = Array.from({ length: COMPONENTS });
  let pceSvn: number | undefined;
  let cpuSvn: Uint8Array | undefined;
  members(reader, TCB_PARTS, (part, value) => {
    if (part <= COMPONENTS) components[part - 1] = value.unsigned(0xff);
    else if (part === PCE_SVN) pceSvn = value.unsigned(0xffff);
    else cpuSvn = octets(value, 16);
  });
  if (components.includes(undefined) || pceSvn === undefined || cpuSvn === undefined)
    return reader.fail('PCK_INVALID', 'the TCB has 16 components, a PCESVN and a CPUSVN');
  return { components: Object.freeze(components as number[]), pceSvn, cpuSvn };
}

function readConfiguration(reader: DerReader): PckConfiguration {
  const flags: (boolean | null)[] = [null, null, null];
  members(reader, CONFIGURATION_PARTS, (part, value) => {
    flags[part - 1] = value.boolean();
  });
  const [dynamicPlatform = null, cachedKeys = null, smtEnabled = null] = flags;
  return Object.freeze({ dynamicPlatform, cachedKeys, smtEnabled });
}

/**
 * A SEQUENCE OF pairs of an identifier out of `parts` and a value, each identifier at most once: a second one, or one
 * that is not known here, could mean something else to another reader.
 */
function members(
  reader: DerReader,
  parts: ReadonlyMap<string, number>,
  read: (part: number, value: DerReader) => void,
): void {
  const seen = new Set<number>();
  reader.sequence((list) => {
    while (!list.done)
      list.sequence((pair) => {
        const oid = pair.oid();
        const part = parts.get(oid) ?? pair.fail('PCK_INVALID', `${oid} is not known`);
        if (seen.has(part)) pair.fail('PCK_INVALID', `${oid} is given twice`);
        seen.add(part);
        read(part, pair);
      });
  });
}

function octets(reader: DerReader, size: number): Uint8Array {
  const value = reader.octetString();
  return value.length === size ? value : reader.fail('PCK_INVALID', `${value.length} bytes, not ${size}`);
}

/** An ENUMERATED is encoded as an INTEGER (X.690 section 8.4). */
function sgxType(reader: DerReader): PckExtension['sgxType'] {
  const { tag, content } = reader.any();
  if (tag !== ENUMERATED) reader.fail('DER_TYPE', 'the SGX type is an ENUMERATED');
  const name = content.length === 1 ? SGX_TYPES[content[0] as number] : undefined;
  return name ?? reader.fail('PCK_INVALID', 'an SGX type that is not known');
}
