/**
 * The evaluator's place in an image, taken by the tests of what only a guest has: streams over a real AF_VSOCK, the
 * real /dev/nsm, and the walls that init put up. Says one JSON object a case on the console.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { streamCases } from '../native/cases/streams.ts';
import { tlsCases } from '../native/cases/tls.ts';
import { vsockCases } from '../native/cases/vsock.ts';
import { workerCases } from '../native/cases/workers.ts';
import type { Case, Network } from '../native/support.ts';
import { confinementCases } from './confinement.ts';
import { imageRegisters, nsmCases } from './nsm.ts';

/** Context id 1 is the machine itself (vsock(7), VMADDR_CID_LOCAL). */
const CID_LOCAL = 1;
const FIRST_PORT = 20_000;
const CASE_MS = 120_000;

let port = FIRST_PORT;
const vsock: Network = {
  fresh: () => ({ family: 'vsock', cid: CID_LOCAL, port: port++ }),
  worker: '/enclave/worker.mjs',
};

const say = (line: object): void => console.log(JSON.stringify(line));

async function attempt({ run }: Case): Promise<string | null> {
  const late = new AbortController();
  try {
    const timeout = sleep(CASE_MS, null, { signal: late.signal }).then(() => {
      throw new Error(`not done within ${CASE_MS / 1_000} s`);
    });
    timeout.catch(() => undefined);
    await Promise.race([run(), timeout]);
    return null;
  } catch (error) {
    return error instanceof Error ? (error.stack ?? error.message).slice(0, 1_500) : String(error);
  } finally {
    late.abort();
  }
}

const cases = [
  ...confinementCases,
  ...nsmCases,
  ...streamCases(vsock),
  ...tlsCases(vsock),
  ...workerCases(vsock),
  ...vsockCases,
];
for (const one of cases) {
  const started = performance.now();
  const error = await attempt(one);
  say({ event: 'case', name: one.name, error, ms: Math.round(performance.now() - started) });
}
say({ event: 'cases', count: cases.length, registers: await imageRegisters() });
// What only an intruder asks for: the filter ends us, and init the machine (SIGSYS).
process.setuid?.(0);
