/**
 * What a quote carries about the key that certifies its quoting enclave, the PCK (Intel TDX DCAP Quoting Library API,
 * QE Certification Data): a certificate chain, or only the name of the platform to look one up by.
 */
import { splitCertificates } from './chain.ts';
import type { QuoteCursor } from './cursor.ts';

export type Certification =
  | {
      readonly kind: 'chain';
      /** As in the quote. The same bytes hold the same certificates, not the other way round. */
      readonly raw: Uint8Array;
      /** DER, in the order given, usually leaf, intermediate, root; 1 to 3, none of them read. */
      readonly certificates: readonly Uint8Array[];
    }
  | { readonly kind: 'leaf'; readonly raw: Uint8Array; readonly certificates: readonly [Uint8Array] }
  | {
      readonly kind: 'ppid';
      /** 1 in the clear, 2 encrypted with RSA-2048, 3 with RSA-3072 (OAEP). */
      readonly type: 1 | 2 | 3;
      /** 16, 256 or 384 bytes. */
      readonly ppid: Uint8Array;
      readonly cpuSvn: Uint8Array;
      readonly pceSvn: number;
      readonly pceId: Uint8Array;
    };

/** Bytes of the PPID by type. */
const PPIDS = { 1: 16, 2: 256, 3: 384 } as const;
const LEAF = 4;
const CHAIN = 5;
/** Intel's PKI is three deep: a fourth certificate would have no place in it. */
const MAX_CHAIN = 3;
const FIELD = 'certification';

/** Reads type, length and data. Throws ParseError QUOTE_FIELD_INVALID, PEM_INVALID or a DER_ code. */
export function readCertification(cursor: QuoteCursor): Certification {
  const from = cursor.offset;
  const type = cursor.u16(`${FIELD}Type`);
  if (type !== 1 && type !== 2 && type !== 3 && type !== LEAF && type !== CHAIN)
    return cursor.fail('QUOTE_FIELD_INVALID', `${type}: 1 to 5 may stand here`, `${FIELD}Type`, from);
  const data = cursor.part(FIELD);
  if (type !== LEAF && type !== CHAIN) return readPpid(data, type);
  const base = data.offset;
  const raw = data.rest();
  const max = type === LEAF ? 1 : MAX_CHAIN;
  const certificates = splitCertificates(raw, { max, path: cursor.path(FIELD), base });
  return type === CHAIN
    ? Object.freeze({ kind: 'chain', raw, certificates })
    : Object.freeze({ kind: 'leaf', raw, certificates: certificates as readonly [Uint8Array] });
}

function readPpid(data: QuoteCursor, type: 1 | 2 | 3): Certification {
  const ppid = data.take(PPIDS[type], `${FIELD}.ppid`);
  const cpuSvn = data.take(16, `${FIELD}.cpuSvn`);
  const pceSvn = data.u16(`${FIELD}.pceSvn`);
  const pceId = data.take(2, `${FIELD}.pceId`);
  data.end(FIELD);
  return Object.freeze({ kind: 'ppid', type, ppid, cpuSvn, pceSvn, pceId });
}
