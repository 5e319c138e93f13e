/**
 * intel/: the statements that Intel's provisioning service signs, as typed values.
 * It must never judge them: which level a platform has, and whether a statement is in time, is the verifier's.
 */
export {
  readEvaluationNumbers,
  type TcbEvaluationNumber,
  type TcbEvaluationNumbers,
} from './evaluation-numbers.ts';
export type { Issued } from './issued.ts';
export type { EnclaveLevel, EnclaveStatus, TcbJudgement, TcbStatus } from './level.ts';
export { readQeIdentity, type QeIdentity } from './qe-identity.ts';
export {
  readTcbInfo,
  type TcbInfo,
  type TcbLevel,
  type TdxModule,
  type TdxModuleIdentity,
} from './tcb-info.ts';
