/** Collateral in the genuine forms, made for one test: signed by nobody, because fetching it verifies no signature. */
import { formatTime, type Millis } from '../../src/base/clock.ts';
import {
  derBitString,
  derExplicit,
  derImplicit,
  derOid,
  derSequence,
  derTime,
  derUnsigned,
} from '../../src/codec/der-write.ts';
import { OID } from '../../src/codec/x509.ts';
import type { SnpTcb } from '../../src/evidence/snp/index.ts';
import { certificate, extension, extensions, name } from './certificates.ts';

export const DAY: Millis = 86_400_000;

interface Statement {
  readonly number?: number;
  readonly issued: Millis;
  /** 30 days after it was issued unless told. */
  readonly ends?: Millis;
}

const signed = (member: string, value: unknown): string =>
  JSON.stringify({ [member]: value, signature: '00'.repeat(64) });

const dates = ({ issued, ends }: Statement): object => ({
  issueDate: formatTime(issued),
  nextUpdate: formatTime(ends ?? issued + 30 * DAY),
});

const components = Array.from({ length: 16 }, () => ({ svn: 1 }));
const judged = { tcbDate: '2024-03-13T00:00:00Z', tcbStatus: 'UpToDate' };
const module = { mrsigner: '00'.repeat(48), attributes: '00'.repeat(8), attributesMask: 'ff'.repeat(8) };

export function tcbInfo(tee: 'tdx' | 'sgx', fmspc: string, statement: Statement): string {
  const tdx = tee === 'tdx';
  return signed('tcbInfo', {
    id: tee.toUpperCase(),
    version: 3,
    ...dates(statement),
    fmspc,
    pceId: '0000',
    tcbType: 0,
    tcbEvaluationDataNumber: statement.number ?? 18,
    ...(tdx ? { tdxModule: module } : {}),
    tcbLevels: [
      {
        tcb: {
          sgxtcbcomponents: components,
          pcesvn: 11,
          ...(tdx ? { tdxtcbcomponents: components } : {}),
        },
        ...judged,
      },
    ],
  });
}

export function qeIdentity(tee: 'tdx' | 'sgx', statement: Statement): string {
  return signed('enclaveIdentity', {
    id: tee === 'tdx' ? 'TD_QE' : 'QE',
    version: 2,
    ...dates(statement),
    tcbEvaluationDataNumber: statement.number ?? 18,
    miscselect: '00000000',
    miscselectMask: 'ffffffff',
    attributes: '00'.repeat(16),
    attributesMask: 'ff'.repeat(16),
    mrsigner: 'dc'.repeat(32),
    isvprodid: 2,
    tcbLevels: [{ tcb: { isvsvn: 4 }, ...judged }],
  });
}

export function evaluationNumbers(tee: 'tdx' | 'sgx', numbers: readonly number[], issued: Millis): string {
  return signed('tcbEvaluationDataNumbers', {
    id: tee.toUpperCase(),
    version: 1,
    ...dates({ issued }),
    tcbEvalNumbers: numbers.map((number) => ({
      tcbEvaluationDataNumber: number,
      tcbRecoveryEventDate: '2024-03-12T00:00:00Z',
      tcbDate: '2024-03-13T00:00:00Z',
    })),
  });
}

interface CrlParts {
  readonly issuer: string;
  readonly from: Millis;
  readonly to: Millis;
  readonly number?: number | bigint;
  readonly revoked?: readonly number[];
  readonly keyId?: Uint8Array;
}

/** RFC 5280 section 5, version 2, with key id and number, as Intel and AMD write it. */
export function crl({ issuer, from, to, number = 1, revoked = [], keyId }: CrlParts): Uint8Array {
  const algorithm = derSequence(derOid(OID.ecdsaSha256));
  const tbs = derSequence(
    derUnsigned(1),
    algorithm,
    name(issuer),
    derTime(from),
    derTime(to),
    ...(revoked.length === 0
      ? []
      : [derSequence(...revoked.map((serial) => derSequence(derUnsigned(serial), derTime(from))))]),
    derExplicit(
      0,
      derSequence(
        extension('2.5.29.35', false, derSequence(derImplicit(0, keyId ?? new Uint8Array(20)))),
        extension('2.5.29.20', false, derUnsigned(number)),
      ),
    ),
  );
  return derSequence(tbs, algorithm, derBitString(new Uint8Array(70)));
}

/** Of a CA, until 2051. */
export const authority = (subject: string): Uint8Array => certificate({ subject: name(subject) });

const AMD = '1.3.6.1.4.1.3704.1';

/** A VCEK certificate of AMD's form (AMD 57230): for this chip at these versions. */
export function vcek(product: string, hwid: Uint8Array, tcb: SnpTcb): Uint8Array {
  const ia5 = (text: string): Uint8Array =>
    Uint8Array.from([0x16, text.length, ...new TextEncoder().encode(text)]);
  const levels = [
    [1, tcb.bootloader],
    [2, tcb.tee],
    [3, tcb.snp],
    [8, tcb.microcode],
    ...(tcb.fmc === null ? [] : [[9, tcb.fmc] as const]),
  ] as const;
  return certificate({
    issuer: name(`SEV-${product}`),
    subject: name('SEV-VCEK'),
    rest: extensions(
      extension(`${AMD}.2`, false, ia5(product)),
      ...levels.map(([part, level]) => extension(`${AMD}.3.${part}`, false, derUnsigned(level))),
      extension(`${AMD}.4`, false, hwid),
    ),
  });
}
