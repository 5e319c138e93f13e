/**
 * The processors of QEMU's names (target/i386/cpu.c, builtin_x86_defs). All versions of a model (`-v1` and so on) have
 * the family, model and stepping of the first.
 */
import { fail } from '../../base/errors.ts';

const MODELS: Readonly<Record<string, readonly [family: number, model: number, stepping: number]>> = {
  EPYC: [23, 1, 2],
  'EPYC-IBPB': [23, 1, 2],
  'EPYC-Rome': [23, 49, 0],
  'EPYC-Milan': [25, 1, 1],
  'EPYC-Genoa': [25, 17, 0],
  'EPYC-Turin': [26, 0, 0],
};

/** The names, without versions. */
export const CPU_NAMES: readonly string[] = Object.freeze(Object.keys(MODELS));

/** CPUID Fn0000_0001_EAX of `EPYC-Milan`, `EPYC-v4` and so on. Throws SNP_LAUNCH_INVALID for a name that QEMU does not have. */
export function cpuSignature(name: string): number {
  const base = name.replace(/-v[1-9]$/, '');
  const known = Object.hasOwn(MODELS, base) ? MODELS[base] : undefined;
  if (known === undefined)
    return fail(
      'SNP_LAUNCH_INVALID',
      `no processor ${JSON.stringify(name)}: ${CPU_NAMES.join(', ')} are known`,
    );
  const [family, model, stepping] = known;
  // Above 15 the family is 15 and the rest of it (AMD64 APM volume 3, appendix E.3.1).
  return ((family - 15) << 20) | ((model >> 4) << 16) | (15 << 8) | ((model & 15) << 4) | stepping;
}
