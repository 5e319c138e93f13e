/** Identity of an enclave of Intel's (PCS, `/qe/identity`): which quoting enclave is genuine, and which of its versions is how old. */
import type { JsonValue } from '../../codec/json.ts';
import { bytesOf, invalid, MAX_U16, MAX_U31, memberOf, objectOf, uintOf, wordOf } from './fields.ts';
import { type Issued, issuedOf } from './issued.ts';
import { type EnclaveLevel, enclaveLevel, levelsOf } from './level.ts';

const ENCLAVES = ['QE', 'TD_QE', 'QVE', 'QAE'] as const;

export interface QeIdentity extends Issued {
  /** The quoting enclaves of SGX and of TDX, the verification enclave and the appraisal enclave. */
  readonly id: (typeof ENCLAVES)[number];
  readonly version: 2;
  readonly tcbEvaluationDataNumber: number;
  /** 4 bytes, and below 16: as they are served; the masks say what counts. */
  readonly miscselect: Uint8Array;
  readonly miscselectMask: Uint8Array;
  readonly attributes: Uint8Array;
  readonly attributesMask: Uint8Array;
  /** 32 bytes. */
  readonly mrsigner: Uint8Array;
  readonly isvprodid: number;
  /** In the order served. */
  readonly tcbLevels: readonly EnclaveLevel[];
}

/** Throws COLLATERAL_INVALID with the path of the field. */
export function readQeIdentity(value: JsonValue | undefined, path: string): QeIdentity {
  const identity = objectOf(value, path);
  if (memberOf(identity, 'version') !== 2) invalid(`${path}.version`, 'is not 2');
  return Object.freeze({
    id: wordOf(identity, 'id', path, ENCLAVES),
    version: 2,
    ...issuedOf(identity, path),
    tcbEvaluationDataNumber: uintOf(identity, 'tcbEvaluationDataNumber', path, MAX_U31),
    miscselect: bytesOf(identity, 'miscselect', path, 4),
    miscselectMask: bytesOf(identity, 'miscselectMask', path, 4),
    attributes: bytesOf(identity, 'attributes', path, 16),
    attributesMask: bytesOf(identity, 'attributesMask', path, 16),
    mrsigner: bytesOf(identity, 'mrsigner', path, 32),
    isvprodid: uintOf(identity, 'isvprodid', path, MAX_U16),
    tcbLevels: levelsOf(identity, path, enclaveLevel),
  });
}
