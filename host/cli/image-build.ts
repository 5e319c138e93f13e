/** `assay image build` and `assay image lock`: the enclave image for AWS Nitro, and the packages it is made from. */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cacheFolder } from '../../images/cache.ts';
import { readDebianLock, updateLock } from '../../images/debian/index.ts';
import { formatMeasurements, measureEif } from '../../images/index.ts';
import { buildNitroImage } from '../../images/nitro/index.ts';
import { nodeCrypto } from '../../native/index.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { CHECKOUT } from '../launch/home.ts';
import { readFile } from './input.ts';
import type { Io } from './io.ts';
import { readCommandLine } from './options.ts';

export const IMAGE_BUILD_HELP = `  build --platform nitro --config FILE -o IMAGE.eif [--level 12 or 19] [--force]
                         builds the enclave image with this measured configuration, and beside it
                         IMAGE.measurements.json and IMAGE.spdx.json, what is in it;
                         --level 12 compresses faster and worse
  lock                   writes images/debian.lock.json anew from what the mirror has: another lock, another image
`;

const BUILD_OPTIONS = {
  platform: { type: 'string', default: 'nitro' },
  config: { type: 'string' },
  output: { type: 'string', short: 'o' },
  level: { type: 'string', default: '19' },
  force: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;
const LOCK_OPTIONS = { json: { type: 'boolean' } } as const;

export async function runImageBuild(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('image build', args, BUILD_OPTIONS, [0, 0]);
  if (line.text('platform') !== 'nitro')
    fail('USAGE', `assay image build: --platform ${line.text('platform')}: images are built for nitro`);
  const config = line.text('config') ?? fail('USAGE', 'assay image build: --config FILE is needed');
  const output = line.text('output') ?? fail('USAGE', 'assay image build: -o FILE.eif is needed');
  const level = line.text('level');
  if (level !== '12' && level !== '19') return fail('USAGE', 'assay image build: --level is 12 or 19');
  if (!output.endsWith('.eif')) fail('USAGE', 'assay image build: the image is called NAME.eif');
  const stem = output.slice(0, -'.eif'.length);
  const [measurements, contents] = [`${stem}.measurements.json`, `${stem}.spdx.json`];
  for (const path of [output, measurements, contents])
    if (existsSync(path) && !line.flag('force'))
      fail('FILE_EXISTS', `${path} is there already; --force replaces it`);
  const bytes = readFile(config);
  const { eif, measured, sbom, sizes } = await buildNitroImage({
    root: CHECKOUT,
    platform: 'nitro',
    config: bytes,
    compression: level === '12' ? 12 : 19,
    hashing: nodeCrypto,
    onProgress: (text) => io.err(`${text} …\n`),
  });
  // Refused before it is written: an image of ours whose registers do not fix its layout is a defect.
  measureEif(nodeCrypto, eif);
  writeFileSync(output, eif);
  writeFileSync(contents, sbom);
  const facts = { Platform: 'nitro', Simulated: false, ConfigDigest: toHex(nodeCrypto.sha256(bytes)) };
  const text = formatMeasurements(measured, facts);
  writeFileSync(measurements, text);
  if (line.flag('json')) io.out(text);
  else
    io.out(
      `${output}  ${(eif.length / 1e6).toFixed(1)} MB (kernel ${(sizes.kernel / 1e6).toFixed(2)} MB)\nPCR0  ${toHex(measured.pcr0)}\nPCR1  ${toHex(measured.pcr1)}\nPCR2  ${toHex(measured.pcr2)}\n`,
    );
  return 0;
}

export async function runImageLock(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('image lock', args, LOCK_OPTIONS, [0, 0]);
  const { text, changes } = await updateLock(readDebianLock(CHECKOUT), {
    cache: cacheFolder(),
    onProgress: (now) => io.err(`${now} …\n`),
  });
  writeFileSync(join(CHECKOUT, 'images/debian.lock.json'), text);
  if (line.flag('json')) io.out(`${JSON.stringify({ changes })}\n`);
  else
    io.out(
      changes.map(({ name, from, to }) => `${name} ${from} → ${to}\n`).join('') || 'nothing has changed\n',
    );
  return 0;
}
