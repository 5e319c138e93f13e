/** The device of a simulated TDX or SEV-SNP guest, over a socket. In simulated builds only. */
import { fail } from '../../src/base/errors.ts';
import {
  decodeDeviceResponse,
  DEVICE_MAX_RESPONSE,
  type DeviceRequest,
  type DeviceResponse,
  encodeDeviceRequest,
} from '../../src/evidence/simulated-device.ts';
import { connectSimulatedSocket, type SimulatedSocket } from './simulated-socket.ts';
import type { TdxDevice } from './tdx.ts';

type Reply<K extends DeviceResponse['kind']> = Extract<DeviceResponse, { kind: K }>;

/** Rejects with the transport's code when the device is not there. */
export async function connectSimulatedGuest(path: string): Promise<TdxDevice> {
  return simulatedGuest(
    await connectSimulatedSocket(path, { what: 'device', maxResponse: DEVICE_MAX_RESPONSE }),
  );
}

/** Of SEV-SNP the device has no registers, and says so when one is to be extended: DEVICE_REFUSED. */
export function simulatedGuest(socket: SimulatedSocket): TdxDevice {
  async function ask<K extends DeviceRequest['kind']>(
    request: DeviceRequest & { kind: K },
  ): Promise<Reply<K>> {
    const response = decodeDeviceResponse(await socket.request(encodeDeviceRequest(request)));
    if (response.kind === 'error') return fail('DEVICE_REFUSED', `${request.kind}: ${response.message}`);
    if (response.kind !== request.kind)
      return fail('DEVICE_REFUSED', `${request.kind}: answered with ${response.kind}`);
    return response as Reply<K>;
  }

  return Object.freeze({
    quote: (reportData: Uint8Array) => ask({ kind: 'quote', reportData }),
    async extend(register: 2 | 3, digest: Uint8Array): Promise<void> {
      await ask({ kind: 'extend', register, digest });
    },
    random: async (length: number) => (await ask({ kind: 'random', length })).random,
    clock: async () => (await ask({ kind: 'clock' })).time,
  });
}
