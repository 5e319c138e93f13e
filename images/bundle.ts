/**
 * Bundles the enclave's programs: each entry with all that it imports becomes one ES module, readable (not
 * minified) and the same on every machine. esbuild's record of what went in is kept beside it, and a bundle for
 * real hardware is refused when that record, or the text, shows simulated platform code.
 */
import { build, type Metafile } from 'esbuild';
import { AssayError, fail } from '../src/base/errors.ts';

export interface Bundle {
  readonly code: Uint8Array;
  /** Source files that contributed bytes, relative to the root, sorted. */
  readonly inputs: readonly string[];
  /** esbuild's own record, for `esbuild --analyze` and its like. */
  readonly metafile: Metafile;
}

/** Text that only simulated platform code has. */
const SIMULATOR_MARKS: readonly string[] = [
  'connectSimulatedNsm',
  'connectSimulatedGuest',
  'sim-kms',
  'kms.simulated',
  'dev/kms',
  'assay/simulator',
  'must name the root of the simulated hardware',
  'parseEmulatedNitro(evidence)',
];
/** The ground knows the word, in its error catalogue and its statements; it has no platform code. */
const SIMULATOR_INPUT = /^host\/|^(?:enclave|native|images|verifier)\/.*(?:simulat|emulat)/;

/** `entry` relative to `root`, the folder that paths in the output are relative to. Throws BUNDLE_FAILED. */
export async function bundleEnclave(root: string, entry: string): Promise<Bundle> {
  try {
    const { metafile, outputFiles } = await build({
      absWorkingDir: root,
      entryPoints: [entry],
      bundle: true,
      write: false,
      metafile: true,
      outdir: 'bundle',
      outExtension: { '.js': '.mjs' },
      platform: 'node',
      target: 'node24',
      format: 'esm',
      charset: 'utf8',
      legalComments: 'none',
      sourcemap: false,
      minify: false,
      // A condition or a tsconfig of the machine must not choose other files.
      conditions: [],
      tsconfigRaw: {},
      logLevel: 'silent',
    });
    const [output] = outputFiles;
    if (output === undefined || outputFiles.length !== 1)
      return fail('BUNDLE_FAILED', `${entry}: not one file`);
    const record = Object.values(metafile.outputs)[0];
    const inputs = Object.entries(record?.inputs ?? {}).flatMap(([path, { bytesInOutput }]) =>
      bytesInOutput > 0 ? [path] : [],
    );
    return Object.freeze({ code: output.contents, inputs: Object.freeze(inputs.sort()), metafile });
  } catch (cause) {
    if (cause instanceof AssayError) throw cause;
    throw new AssayError('BUNDLE_FAILED', `${entry}: ${(cause as Error).message}`, { cause });
  }
}

/** Throws BUNDLE_SIMULATOR_INSIDE. */
export function refuseSimulator(bundle: Bundle): void {
  const input = bundle.inputs.find((path) => SIMULATOR_INPUT.test(path));
  if (input !== undefined) fail('BUNDLE_SIMULATOR_INSIDE', `${input} is in the bundle`);
  const text = new TextDecoder().decode(bundle.code);
  const mark = SIMULATOR_MARKS.find((word) => text.includes(word));
  if (mark !== undefined) fail('BUNDLE_SIMULATOR_INSIDE', `the bundle says ${mark}`);
}
