/** Simulated hardware for tests: a machine from a fixed seed, with a settable clock. */
import { createNitroHardware, type NitroHardware, type NitroModule } from '../../host/simulator/nitro.ts';
import { parseFaults } from '../../host/simulator/faults.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { toHex } from '../../src/base/hex.ts';
import type { ImageMeasurements } from '../../src/image/pcr.ts';
import { simulatedRoot, type RootPin } from '../../verifier/roots.ts';

export const MEASURED: ImageMeasurements = {
  pcr0: new Uint8Array(48).fill(0xa0),
  pcr1: new Uint8Array(48).fill(0xa1),
  pcr2: new Uint8Array(48).fill(0xa2),
};

export interface SimulatedMachine {
  readonly hardware: NitroHardware;
  readonly module: NitroModule;
  /** Registers 0 to 15, as a document lists them after boot. */
  readonly registers: ReadonlyMap<number, Uint8Array>;
  readonly roots: readonly RootPin[];
  /** The hypervisor's clock. */
  now: number;
}

export async function simulatedMachine(faults: readonly string[] = [], seed = 1): Promise<SimulatedMachine> {
  const machine = { now: Date.UTC(2026, 10, 20, 12, 34, 56, 789) } as {
    -readonly [K in keyof SimulatedMachine]: SimulatedMachine[K];
  };
  const options = {
    derive: deriveFrom(new Uint8Array(32).fill(seed)),
    faults: parseFaults(faults),
    now: () => machine.now,
  };
  machine.hardware = await createNitroHardware(options);
  machine.module = machine.hardware.launch();
  machine.registers = bootState(machine.module);
  machine.roots = [rootOf(machine.hardware)];
  return machine;
}

export function bootState(
  module: NitroModule,
  measured: ImageMeasurements = MEASURED,
): ReadonlyMap<number, Uint8Array> {
  const known = module.bootRegisters(measured);
  return new Map(Array.from({ length: 16 }, (_, i) => [i, known.get(i) ?? new Uint8Array(48)]));
}

export function rootOf(hardware: NitroHardware): RootPin {
  return simulatedRoot('nitro', hardware.rootName, toHex(hardware.rootSpkiSha256));
}
