/** /dev/nsm as init leaves it to the evaluator: its own, with all registers locked but the one it extends itself. */
import { deepStrictEqual, notDeepStrictEqual, rejects, strictEqual } from 'node:assert/strict';
import { openNsm } from '../../native/index.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  decodeNsmResponse,
  encodeNsmRequest,
  NSM_MAX_REQUEST,
  type NsmRequest,
  type NsmResponse,
} from '../../src/evidence/nsm.ts';
import type { Case } from '../native/support.ts';

/** PCR16: the digest of the measured configuration. */
const OURS = 16;
const REGISTERS = 32;
const AT_ONCE = 20;

async function ask(...requests: readonly NsmRequest[]): Promise<readonly NsmResponse[]> {
  const device = openNsm();
  try {
    const answers = await Promise.all(requests.map((one) => device.request(encodeNsmRequest(one))));
    return answers.map(decodeNsmResponse);
  } finally {
    await device.close();
  }
}

/** What DescribePCR says of the image: PCR0, PCR1, PCR2. */
export async function imageRegisters(): Promise<readonly string[]> {
  const answers = await ask(...[0, 1, 2].map((index): NsmRequest => ({ kind: 'DescribePCR', index })));
  return answers.map((answer) => (answer.kind === 'DescribePCR' ? toHex(answer.data) : answer.kind));
}

export const nsmCases: readonly Case[] = [
  {
    name: 'has every register locked but that of the configuration',
    async run() {
      const indexes = Array.from({ length: REGISTERS }, (_, index) => index);
      const answers = await ask(...indexes.map((index): NsmRequest => ({ kind: 'DescribePCR', index })));
      const open = answers.flatMap((answer, index) =>
        answer.kind === 'DescribePCR' && answer.lock ? [] : [index],
      );
      deepStrictEqual(open, [OURS]);
      for (const index of [0, 15, 17, 31]) {
        const [refused] = await ask({ kind: 'ExtendPCR', index, data: new Uint8Array(48) });
        strictEqual(refused?.kind, 'Error');
      }
    },
  },
  {
    name: 'answers many requests at once, each with its own bytes',
    async run() {
      const answers = await ask(
        ...Array.from({ length: AT_ONCE }, (): NsmRequest => ({ kind: 'GetRandom' })),
      );
      const texts = answers.map((answer) =>
        answer.kind === 'GetRandom' ? answer.random.join() : answer.kind,
      );
      strictEqual(new Set(texts).size, AT_ONCE);
      notDeepStrictEqual(texts[0], '');
    },
  },
  {
    name: 'refuses a request that is longer than the device takes',
    async run() {
      const device = openNsm();
      await rejects(device.request(new Uint8Array(NSM_MAX_REQUEST + 1)), { code: 'NSM_REQUEST_TOO_LARGE' });
      await device.close();
    },
  },
];
