/** `assay image sign`: writes a signed copy of an enclave image, and what it measures to. */
import { measureEif } from '../../images/eif-measure.ts';
import { formatMeasurements } from '../../images/measurements.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { fail } from '../../src/base/errors.ts';
import { signImage } from '../image/index.ts';
import { readImageFile } from './image-measure.ts';
import { readFile } from './input.ts';
import type { Io } from './io.ts';
import type { CommandLine } from './options.ts';
import { refuseOverwrite, writeWhole } from './output.ts';

export const SIGN_OPTIONS = {
  json: { type: 'boolean' },
  key: { type: 'string' },
  certificate: { type: 'string' },
  output: { type: 'string', short: 'o' },
  force: { type: 'boolean' },
} as const;

const MAX_PEM = 65_536;

export async function sign(line: CommandLine, io: Io): Promise<number> {
  const needed = (name: 'key' | 'certificate' | 'output', shown: string): string =>
    line.text(name) ?? fail('USAGE', `assay image sign: ${shown} is missing`);
  const key = needed('key', '--key PEM');
  const certificate = needed('certificate', '--certificate PEM');
  const output = needed('output', '-o OUT');
  refuseOverwrite(output, line.flag('force'));
  const file = await readImageFile(line.positionals[0] as string, io);
  const pem = { key: readFile(key, MAX_PEM), certificate: readFile(certificate, MAX_PEM) };
  const signed = signImage(nodeCrypto, file, pem, io.now());
  // A warning is about the layout, which a signature does not change: said, but no reason not to sign.
  const { warnings, ...registers } = measureEif(nodeCrypto, signed, { canonical: false });
  writeWhole(output, signed);
  for (const { code, message } of warnings) io.err(`assay: warning: ${code}: ${message}\n`);
  const text = formatMeasurements(registers, {}, warnings);
  io.out(line.flag('json') ? `${JSON.stringify(JSON.parse(text))}\n` : text);
  return 0;
}
