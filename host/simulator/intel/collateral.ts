/**
 * What the provisioning service serves for the simulated platform: signed JSON statements, compact and in the member
 * order of Intel's PCS version 4, and revocation lists. The signature covers the exact bytes of the inner object.
 */
import type { Millis } from '../../../src/base/clock.ts';
import { utf8 } from '../../../src/base/bytes.ts';
import { toHex } from '../../../src/base/hex.ts';
import type { Derive } from '../state.ts';
import type { IntelFaults } from './faults.ts';
import type { Key } from './keys.ts';
import { FMSPC, PCE_ID } from './pck.ts';
import { type IntelPki, pemChain } from './pki.ts';
import { QE_SIGNERS, type Tee } from './qe.ts';
import {
  advisoriesOf,
  CURRENT_EVALUATION,
  EARLIER_EVALUATION,
  EVALUATIONS,
  levels,
  type Level,
  moduleLevels,
  statusBefore,
  type TcbStatus,
} from './tcb.ts';
import { revocationList } from './x509.ts';

export interface CollateralInput {
  readonly derive: Derive;
  readonly faults: IntelFaults;
  readonly pki: IntelPki;
  readonly tee: Tee;
  readonly status: TcbStatus;
  readonly now: Millis;
}

type Json = Record<string, unknown>;

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const LIFETIME = 30 * DAY;
const ROOT_LIST_LIFETIME = 365 * DAY;
/** How long before now stale collateral ended. */
const STALE = 10 * DAY;
/** Platforms of others that are on the PCK revocation list. */
const STRANGERS = 3;

/** File name to bytes. Statements are issued anew each hour, the root's list each day. */
export function createCollateral(input: CollateralInput): ReadonlyMap<string, Uint8Array> {
  const { pki, faults } = input;
  const back = (lifetime: Millis): Millis => (faults.has('stale-collateral') ? lifetime + STALE : 0);
  const issued = Math.floor(input.now / HOUR) * HOUR - back(LIFETIME);
  const rootIssued = Math.floor(input.now / DAY) * DAY - back(ROOT_LIST_LIFETIME);
  const swapped = faults.has('swapped-roles');
  const signer = pki.tcbSigner.key;
  // With swapped roles the chain of the PCK key comes first, and the rightful signer of the rest is still there.
  const chain = swapped ? [pki.pck, pki.pckCa, pki.root, pki.tcbSigner] : [pki.tcbSigner, pki.root];
  return new Map([
    ['tcb_info.json', tcbInfo(input, issued, swapped ? pki.pck.key : signer)],
    ['qe_identity.json', statement('enclaveIdentity', qeIdentity(input.tee, issued), signer)],
    ['tcb_signing_chain.pem', pemChain(...chain)],
    ['pck_crl.der', pckList(input, issued)],
    [
      'root_ca_crl.der',
      revocationList({
        issuer: pki.root,
        thisUpdate: rootIssued,
        nextUpdate: rootIssued + ROOT_LIST_LIFETIME,
        revoked: faults.has('revoked-ca') ? [pki.pckCa.serial] : [],
      }),
    ],
    [
      'tcb_evaluation_numbers.json',
      statement('tcbEvaluationDataNumbers', evaluationNumbers(input.tee, issued), signer),
    ],
  ]);
}

function pckList({ derive, faults, pki }: CollateralInput, issued: Millis): Uint8Array {
  const strangers = Array.from({ length: STRANGERS }, (_, n) => derive(`intel/stranger/${n}`, 20));
  const revoked = faults.has('revoked') ? [pki.pck.serial, ...strangers] : strangers;
  const list = {
    issuer: faults.has('swapped-roles') ? pki.tcbSigner : pki.pckCa,
    thisUpdate: issued,
    nextUpdate: issued + LIFETIME,
    revoked,
  };
  if (!faults.has('tampered-crl')) return revocationList(list);
  const [first = new Uint8Array(20), ...rest] = revoked;
  const other = first.slice();
  other[19] = (other[19] as number) ^ 1;
  return revocationList(list, [other, ...rest]);
}

function tcbInfo(input: CollateralInput, issued: Millis, key: Key): Uint8Array {
  const { faults, tee, status } = input;
  const reached = !faults.has('unsupported-tcb');
  const inner = faults.has('rolled-back-tcb')
    ? tcbInfoOf(tee, issued, EARLIER_EVALUATION, levels(statusBefore(status), EARLIER_EVALUATION, reached))
    : tcbInfoOf(tee, issued, CURRENT_EVALUATION, levels(status, CURRENT_EVALUATION, reached));
  if (!faults.has('tampered-tcb-info')) return statement('tcbInfo', inner, key);
  const better = tcbInfoOf(tee, issued, CURRENT_EVALUATION, levels('UpToDate', CURRENT_EVALUATION, true));
  return statement('tcbInfo', inner, key, { ...better, tcbEvaluationDataNumber: CURRENT_EVALUATION + 1 });
}

/** `served`, when given, stands in the body in place of what was signed. */
function statement(name: string, inner: Json, key: Key, served: Json = inner): Uint8Array {
  const signature = toHex(key.sign(utf8(JSON.stringify(inner))));
  return utf8(`{"${name}":${JSON.stringify(served)},"signature":"${signature}"}`);
}

function tcbInfoOf(tee: Tee, issued: Millis, evaluation: number, tcbLevels: readonly Level[]): Json {
  return {
    id: tee.toUpperCase(),
    version: 3,
    ...period(issued),
    fmspc: upperHex(FMSPC),
    pceId: upperHex(PCE_ID),
    tcbType: 0,
    tcbEvaluationDataNumber: evaluation,
    ...(tee === 'tdx' ? { tdxModule: MODULE_SIGNER, tdxModuleIdentities: moduleIdentities(evaluation) } : {}),
    tcbLevels: tcbLevels.map((level) => tcbLevel(tee, level)),
  };
}

/** Intel signs its modules with a key whose hash the processor reports as zero. */
const MODULE_SIGNER: Json = {
  mrsigner: '00'.repeat(48),
  attributes: '00'.repeat(8),
  attributesMask: 'FF'.repeat(8),
};

/** By major version of the module; the platform runs version 1. */
function moduleIdentities(evaluation: number): readonly Json[] {
  const versions = [
    ['TDX_03', [{ isvsvn: 3, date: '2024-11-13', status: 'UpToDate' as const }]],
    ['TDX_01', moduleLevels(evaluation)],
  ] as const;
  return versions.map(([id, own]) => ({
    id,
    ...MODULE_SIGNER,
    tcbLevels: own.map(({ isvsvn, date, status }) => ({ tcb: { isvsvn }, ...judged(date, status) })),
  }));
}

function tcbLevel(tee: Tee, { sgx, pceSvn, tdxMicrocode, date, status }: Level): Json {
  const sgxtcbcomponents = sgx.map((svn, index) => ({ svn, ...SGX_COMPONENTS[index] }));
  const used = [TDX_MODULE_FLOOR, 0, tdxMicrocode];
  const tdxtcbcomponents = sgx.map((_, index) => ({ svn: used[index] ?? 0, ...TDX_COMPONENTS[index] }));
  return {
    tcb: { sgxtcbcomponents, pcesvn: pceSvn, ...(tee === 'tdx' ? { tdxtcbcomponents } : {}) },
    ...judged(date, status),
  };
}

/** Security version of the module in levels of the platform; it counts only for modules of version 0. */
const TDX_MODULE_FLOOR = 5;

const component = (category: string, type?: string): Json => ({ category, ...(type ? { type } : {}) });
const SGX_COMPONENTS: readonly Json[] = [
  component('BIOS', 'Early Microcode Update'),
  component('OS/VMM', 'SGX Late Microcode Update'),
  component('OS/VMM', 'TXT SINIT'),
  component('BIOS'),
  component('BIOS'),
  component('BIOS'),
  {},
  component('OS/VMM', 'SEAMLDR ACM'),
];
const TDX_COMPONENTS: readonly Json[] = [
  component('OS/VMM', 'TDX Module'),
  component('OS/VMM', 'TDX Module'),
  component('OS/VMM', 'TDX Late Microcode Update'),
];

function qeIdentity(tee: Tee, issued: Millis): Json {
  const { id, mrsigner, isvprodid, levels } = QE_SIGNERS[tee];
  const newest = EVALUATIONS[0]?.date ?? '';
  return {
    id,
    version: 2,
    ...period(issued),
    tcbEvaluationDataNumber: CURRENT_EVALUATION,
    miscselect: '00000000',
    miscselectMask: 'FFFFFFFF',
    attributes: `11${'00'.repeat(15)}`,
    attributesMask: `FBFFFFFFFFFFFFFF${'00'.repeat(8)}`,
    mrsigner: upperHex(mrsigner),
    isvprodid,
    tcbLevels: levels.map((isvsvn, index) => ({
      tcb: { isvsvn },
      ...(index === 0 ? judged(newest, 'UpToDate') : judged('2018-08-15', 'OutOfDate')),
    })),
  };
}

function evaluationNumbers(tee: Tee, issued: Millis): Json {
  return {
    id: tee.toUpperCase(),
    version: 1,
    ...period(issued),
    tcbEvalNumbers: EVALUATIONS.map(({ number, event, date }) => ({
      tcbEvaluationDataNumber: number,
      tcbRecoveryEventDate: midnight(event),
      tcbDate: midnight(date),
    })),
  };
}

/** Members of a level after its versions; advisories only where there are some. */
function judged(date: string, status: TcbStatus): Json {
  const advisoryIDs = advisoriesOf(status);
  return { tcbDate: midnight(date), tcbStatus: status, ...(advisoryIDs.length > 0 ? { advisoryIDs } : {}) };
}

function period(issued: Millis): Json {
  return { issueDate: instant(issued), nextUpdate: instant(issued + LIFETIME) };
}

function midnight(date: string): string {
  return `${date}T00:00:00Z`;
}

function instant(at: Millis): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}

function upperHex(bytes: Uint8Array): string {
  return toHex(bytes).toUpperCase();
}
