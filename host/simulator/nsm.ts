/**
 * The simulated Nitro Secure Module: registers, locks, entropy and documents, by the rules that AWS's own check
 * program (aws-nitro-enclaves-nsm-api nsm-test/src/bin/nsm-check.rs) and QEMU's device (hw/virtio/virtio-nsm.c)
 * agree on. Registers 0..15 are locked from boot; 16..31 can be extended until they are locked; a document lists
 * locked registers only.
 */
import { randomBytes } from 'node:crypto';
import { AssayError } from '../../src/base/errors.ts';
import {
  decodeNsmRequest,
  encodeNsmResponse,
  NSM_MAX_FIELD,
  NSM_MAX_REQUEST,
  NSM_MAX_RESPONSE,
  type NsmErrorCode,
  type NsmRequest,
  type NsmResponse,
} from '../../src/evidence/nsm.ts';
import { extendPcr, PCR_SIZE } from '../../src/image/pcr.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import type { NitroModule } from './nitro.ts';

export interface Nsm {
  /** Answers one encoded request; errors of the protocol are answers too. */
  handle(request: Uint8Array): Promise<Uint8Array>;
}

const REGISTERS = 32;
const LOCKED_AT_BOOT = 16;
const RANDOM_BYTES = 256;

interface Register {
  data: Uint8Array;
  locked: boolean;
}

/** `boot`: values that hold from boot on, by index; the rest is zero. */
export function createNsm(module: NitroModule, boot: ReadonlyMap<number, Uint8Array>): Nsm {
  const registers: readonly Register[] = Array.from({ length: REGISTERS }, (_, index) => ({
    data: boot.get(index) ?? new Uint8Array(PCR_SIZE),
    locked: index < LOCKED_AT_BOOT,
  }));
  return Object.freeze({
    async handle(bytes: Uint8Array): Promise<Uint8Array> {
      const response = encodeNsmResponse(await answer(module, registers, bytes));
      return response.length <= NSM_MAX_RESPONSE ? response : encodeNsmResponse(error('BufferTooSmall'));
    },
  });
}

async function answer(
  module: NitroModule,
  registers: readonly Register[],
  bytes: Uint8Array,
): Promise<NsmResponse> {
  if (bytes.length > NSM_MAX_REQUEST) return error('InputTooLarge');
  let request: NsmRequest;
  try {
    request = decodeNsmRequest(bytes);
  } catch (failure) {
    if (failure instanceof AssayError) return error('InvalidOperation');
    throw failure;
  }
  switch (request.kind) {
    case 'DescribeNSM':
      return describe(module, registers);
    case 'GetRandom':
      return { kind: 'GetRandom', random: new Uint8Array(randomBytes(RANDOM_BYTES)) };
    case 'LockPCRs':
      if (request.range > REGISTERS) return error('InvalidIndex');
      for (const register of registers.slice(0, request.range)) register.locked = true;
      return { kind: 'LockPCRs' };
    case 'Attestation':
      return attest(module, registers, request);
    default:
      return onRegister(registers[request.index], request);
  }
}

function onRegister(
  register: Register | undefined,
  request: Extract<NsmRequest, { index: number }>,
): NsmResponse {
  if (register === undefined) return error('InvalidIndex');
  if (request.kind === 'DescribePCR')
    return { kind: 'DescribePCR', lock: register.locked, data: register.data };
  if (register.locked) return error('ReadOnlyIndex');
  if (request.kind === 'LockPCR') {
    register.locked = true;
    return { kind: 'LockPCR' };
  }
  register.data = extendPcr(nodeCrypto, register.data, request.data);
  return { kind: 'ExtendPCR', data: register.data };
}

async function attest(
  module: NitroModule,
  registers: readonly Register[],
  request: Extract<NsmRequest, { kind: 'Attestation' }>,
): Promise<NsmResponse> {
  const { userData, nonce, publicKey } = request;
  if ([userData, nonce, publicKey].some((field) => field !== null && field.length > NSM_MAX_FIELD))
    return error('InputTooLarge');
  const locked = new Map<number, Uint8Array>();
  registers.forEach(({ data, locked: isLocked }, index) => {
    if (isLocked) locked.set(index, data);
  });
  return { kind: 'Attestation', document: await module.attest(locked, { userData, nonce, publicKey }) };
}

function describe(module: NitroModule, registers: readonly Register[]): NsmResponse {
  return {
    kind: 'DescribeNSM',
    versionMajor: 1,
    versionMinor: 0,
    versionPatch: 0,
    moduleId: module.moduleId,
    maxPcrs: REGISTERS,
    lockedPcrs: registers.flatMap(({ locked }, index) => (locked ? [index] : [])),
    digest: 'SHA384',
  };
}

function error(code: NsmErrorCode): NsmResponse {
  return { kind: 'Error', code };
}
