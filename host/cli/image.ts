/** `assay image`: builds, measures, compares and signs enclave images. */
import { fail } from '../../src/base/errors.ts';
import { explainImages } from '../image/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { printable } from './errors.ts';
import { measure, MEASURE_OPTIONS, readImageFile } from './image-measure.ts';
import { sign, SIGN_OPTIONS } from './image-sign.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine } from './options.ts';

export const IMAGE_HELP = `  measure FILE [--canonical]
                         the registers of an EIF, or of a program image of the simulated platform
    --canonical          refuses an image of which the registers do not fix the layout, instead of warning
    --as trust           prints a trust policy; takes the options of assay trust init
    --as kms-policy      prints the condition of an AWS KMS key policy
    --as terraform       prints the same for Terraform
    --node FILE          the Node binary of a program image (the one that runs this)
  measure FIRMWARE --platform snp --vcpus N
                         the launch measurement of a guest under SEV-SNP with this OVMF image
    --vmm qemu           the VMM: qemu, ec2 or gce
    --vcpu-type NAME     QEMU's processor: EPYC-v4, EPYC-Milan, EPYC-Genoa and so on, or its signature as 0x800f12
    --guest-features HEX the features of every vCPU (0x1)
    --kernel FILE --initrd FILE --append TEXT
                         what QEMU boots with kernel-hashes=on
  explain A B            which input moved which register
  sign FILE --key PEM --certificate PEM -o OUT [--force]
                         signs an EIF; the key is on P-256, P-384 or P-521

  --json                 prints one JSON object
`;

const EXPLAIN_OPTIONS = { json: { type: 'boolean' } } as const;

/** Returns the exit status; throws AssayError for what it cannot do. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const [action, ...rest] = args;
  if (action === '--help' || action === '-h' || rest.includes('--help') || rest.includes('-h')) {
    // Only here and for building: it brings the bundler along.
    const { IMAGE_BUILD_HELP } = await import('./image-build.ts');
    io.out(`Usage: assay image ACTION\n\n${IMAGE_BUILD_HELP}${IMAGE_HELP}`);
    return 0;
  }
  switch (action) {
    case 'build':
      return (await import('./image-build.ts')).runImageBuild(rest, io);
    case 'lock':
      return (await import('./image-build.ts')).runImageLock(rest, io);
    case 'measure':
      return measure(readCommandLine('image measure', rest, MEASURE_OPTIONS, [1, 1]), io);
    case 'explain':
      return explain(readCommandLine('image explain', rest, EXPLAIN_OPTIONS, [2, 2]), io);
    case 'sign':
      return sign(readCommandLine('image sign', rest, SIGN_OPTIONS, [1, 1]), io);
    default:
      return fail(
        'USAGE',
        action === undefined ? 'assay image: needs an action' : `assay image: no action ${action}`,
      );
  }
}

async function explain(line: CommandLine, io: Io): Promise<number> {
  const [before, after] = line.positionals as [string, string];
  const { moved, differences } = explainImages(
    nodeCrypto,
    await readImageFile(before, io),
    await readImageFile(after, io),
  );
  if (line.flag('json')) {
    io.out(`${JSON.stringify({ moved, differences })}\n`);
    return 0;
  }
  const rows = differences.map(({ input, change, detail, moves, unmoved }) => [
    printable(input),
    moves.join(', ') || `none: ${unmoved}`,
    `${change}: ${printable(detail)}`,
  ]);
  const [width, middle] = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const lines = rows.map(
    ([input = '', moves = '', what = '']) =>
      `${input.padEnd(width ?? 0)}  ${moves.padEnd(middle ?? 0)}  ${what}`,
  );
  if (differences.length === 0) lines.push('the same bytes');
  else lines.push(moved.length === 0 ? 'no register moved' : `moved: ${moved.join(', ')}`);
  io.out(`${lines.join('\n')}\n`);
  return 0;
}
