/** The simulator never stands beside real confidential hardware, where somebody could take one for the other. */
import { existsSync } from 'node:fs';
import { fail } from '../../src/base/errors.ts';

/** What Linux shows on a machine that can give real evidence. */
export const TEE_DEVICES: readonly string[] = [
  '/dev/nsm',
  '/dev/tdx_guest',
  '/dev/sev-guest',
  '/sys/kernel/config/tsm/report',
];

/** Throws SIMULATOR_ON_HARDWARE. `devices` are arguments only so that a test can name a file of its own. */
export function refuseBesideHardware(devices: readonly string[] = TEE_DEVICES): void {
  const found = devices.find((path) => existsSync(path));
  if (found !== undefined) fail('SIMULATOR_ON_HARDWARE', `this machine has ${found}`);
}
