/**
 * The measured configuration, read before it is built in by the very code that will read it in the enclave: bundled
 * as the enclave itself is, so that the builder neither imports the enclave nor has a reader of its own.
 */
import { type Code, fail } from '../../src/base/errors.ts';
import { bundleEnclave } from '../bundle.ts';
import type { MachineSettings } from './image.ts';

const READERS = { nitro: 'enclave/check-nitro.ts', emulated: 'enclave/check-emulated.ts' } as const;

interface ConfigReader {
  readConfig(source: Uint8Array): { readonly own: Readonly<Record<string, unknown>> };
}

/** What the configuration says of the machine. Throws CONFIG_INVALID naming the field. */
export async function checkConfig(
  root: string,
  platform: keyof typeof READERS,
  config: Uint8Array,
): Promise<MachineSettings> {
  const { code } = await bundleEnclave(root, READERS[platform]);
  const reader = (await import(
    `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`
  )) as ConfigReader;
  try {
    return reader.readConfig(config).own['machine'] as MachineSettings;
  } catch (error) {
    // Thrown by the bundle's own copy of the class.
    const { code: known, message } = error as { code?: unknown; message?: unknown };
    if (typeof known !== 'string') throw error;
    return fail(known as Code, String(message), { cause: error });
  }
}
