/**
 * What AMD's certificates say of the key that signs reports (AMD 57230, VCEK certificate and KDS interface): for which processor and which versions it was derived, and of which chip or which provider it is.
 */
import { equalBytes } from '../../base/bytes.ts';
import { ParseError } from '../../base/errors.ts';
import { DerReader } from '../../codec/der.ts';
import type { Certificate } from '../../codec/x509.ts';
import type { SnpProduct } from './product.ts';
import type { SnpTcb } from './tcb.ts';

export interface SnpEndorsement {
  /** Of one chip, or of a cloud provider. */
  readonly kind: 'vcek' | 'vlek';
  readonly product: SnpProduct;
  /** As the certificate writes it, with a stepping: `Milan-B0`. */
  readonly productName: string;
  readonly tcb: SnpTcb;
  /** CHIP_ID of a VCEK: 64 bytes, of Turin 8. Null in a VLEK. */
  readonly hwid: Uint8Array | null;
  /** Which provider a VLEK is of. Null in a VCEK. */
  readonly cspId: string | null;
}

const AMD = '1.3.6.1.4.1.3704.1';
const PRODUCT_NAME = `${AMD}.2`;
const HWID = `${AMD}.4`;
const CSP_ID = `${AMD}.5`;
const SPL = { bootloader: 1, tee: 2, snp: 3, microcode: 8, fmc: 9 } as const;
const RESERVED_SPLS = [4, 5, 6, 7];
const PRODUCT = /^(Milan|Genoa|Turin)(?:-[A-Z0-9]{1,4})?$/;
const SUBJECTS = { vcek: 'SEV-VCEK', vlek: 'SEV-VLEK' } as const;
const OCTET_STRING = 0x04;

/** Whether a certificate has AMD's extensions; nothing of them is read. */
export const isSnpEndorsement = ({ extensions }: Certificate): boolean =>
  extensions.some(({ oid }) => oid === PRODUCT_NAME);

/** Throws ParseError SNP_ENDORSEMENT_INVALID, SNP_PRODUCT_UNSUPPORTED, or a DER_ code. */
export function readSnpEndorsement(certificate: Certificate, path: string = 'certificate'): SnpEndorsement {
  const values = new Map(certificate.extensions.map(({ oid, value }) => [oid, value]));
  const invalid = (what: string): never => {
    throw new ParseError('SNP_ENDORSEMENT_INVALID', what, 0, path);
  };
  const optional = (oid: string): DerReader | null => {
    const value = values.get(oid);
    return value === undefined ? null : new DerReader(value, { path: `${path}.${oid}` });
  };
  const level = (part: number): number | null => {
    const reader = optional(`${AMD}.3.${part}`);
    const value = reader?.unsigned(255) ?? null;
    reader?.end();
    return value;
  };
  const required = (name: keyof typeof SPL): number => level(SPL[name]) ?? invalid(`has no level of ${name}`);
  const productName = textOf(optional(PRODUCT_NAME)) ?? invalid('has no product name');
  const product = PRODUCT.exec(productName)?.[1] as SnpProduct | undefined;
  if (product === undefined)
    throw new ParseError('SNP_PRODUCT_UNSUPPORTED', `${JSON.stringify(productName)}`, 0, path);
  if (RESERVED_SPLS.some((part) => (level(part) ?? 0) !== 0)) invalid('has a level for a reserved part');
  const fmc = level(SPL.fmc);
  if ((fmc === null) === (product === 'Turin')) invalid('Turin, and Turin alone, has a level of fmc');
  const cspId = textOf(optional(CSP_ID));
  const hwid = hwidOf(values.get(HWID), product === 'Turin' ? 8 : 64, invalid);
  if ((hwid === null) === (cspId === null)) invalid('is of a chip or of a provider, and of one of them');
  const kind = hwid === null ? 'vlek' : 'vcek';
  if (certificate.subject.commonName !== SUBJECTS[kind])
    invalid(`a ${kind} is named ${SUBJECTS[kind]}, not ${certificate.subject.commonName ?? 'nothing'}`);
  const tcb = Object.freeze({
    fmc,
    bootloader: required('bootloader'),
    tee: required('tee'),
    snp: required('snp'),
    microcode: required('microcode'),
  });
  return Object.freeze({ kind, product, productName, tcb, hwid, cspId });
}

function textOf(reader: DerReader | null): string | null {
  const text = reader?.text() ?? null;
  reader?.end();
  return text;
}

/** Genuine certificates have the bytes as they are, some test ones wrap them once more. */
function hwidOf(
  value: Uint8Array | undefined,
  size: number,
  invalid: (what: string) => never,
): Uint8Array | null {
  if (value === undefined) return null;
  if (value.length === size) return value;
  const wrapped =
    value.length === size + 2 && equalBytes(value.subarray(0, 2), Uint8Array.of(OCTET_STRING, size));
  return wrapped ? value.subarray(2) : invalid(`HWID of ${value.length} bytes, not ${size}`);
}
