/** Reads command lines with node:util parseArgs; every fault is USAGE and names the command. */
import { parseArgs, type ParseArgsConfig } from 'node:util';
import { AssayError, fail } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import type { Millis } from '../../src/base/clock.ts';

export interface CommandLine {
  readonly positionals: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
}

/** The options of a command, as parseArgs takes them. */
export type Options = NonNullable<ParseArgsConfig['options']>;

/** `positionals`: how many there must be, at least and at most. */
export function readCommandLine(
  command: string,
  args: readonly string[],
  options: Options,
  positionals: readonly [min: number, max: number],
): CommandLine {
  let parsed: { values: Record<string, unknown>; positionals: string[] };
  try {
    // A lone dash is standard input, which parseArgs takes as a positional.
    parsed = parseArgs({ args: [...args], options, allowPositionals: true, strict: true });
  } catch (cause) {
    throw new AssayError('USAGE', `assay ${command}: ${(cause as Error).message.split('\n')[0]}`, { cause });
  }
  const { values } = parsed;
  const [min, max] = positionals;
  if (parsed.positionals.length < min) fail('USAGE', `assay ${command}: an argument is missing`);
  if (parsed.positionals.length > max)
    fail('USAGE', `assay ${command}: unexpected ${parsed.positionals[max]}`);
  return {
    positionals: parsed.positionals,
    flag: (name) => values[name] === true,
    text: (name) => values[name] as string | undefined,
    texts: (name) => (values[name] as readonly string[] | undefined) ?? [],
  };
}

/** RFC 3339 with seconds: `2026-11-20T00:00:00Z`, fractions and offsets allowed. */
export function readTime(option: string, text: string): Millis {
  const fits = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,3})?(Z|[+-]\d{2}:\d{2})$/.test(text);
  const at = fits ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(at))
    return fail('USAGE', `${option}: ${JSON.stringify(text)} is no RFC 3339 time like 2026-11-20T00:00:00Z`);
  // Date.parse takes 31 February for 3 March.
  const day = Number(text.slice(8, 10));
  const days = new Date(Date.UTC(Number(text.slice(0, 4)), Number(text.slice(5, 7)), 0)).getUTCDate();
  return day <= days ? at : fail('USAGE', `${option}: ${text.slice(0, 10)} is no day of the calendar`);
}

export function readHex(option: string, text: string, min: number, max: number): Uint8Array {
  const wanted = `${min === max ? min : `${min}..${max}`} bytes in hexadecimal`;
  if (!/^([0-9a-fA-F]{2})*$/.test(text)) fail('USAGE', `${option}: must be ${wanted}`);
  const bytes = fromHex(text);
  return bytes.length >= min && bytes.length <= max ? bytes : fail('USAGE', `${option}: must be ${wanted}`);
}

/** An option that is one of fixed words; undefined when it is left out. */
export function readWord<const Word extends string>(
  line: CommandLine,
  name: string,
  words: readonly Word[],
): Word | undefined {
  const text = line.text(name);
  if (text === undefined) return undefined;
  return words.find((word) => word === text) ?? fail('USAGE', `--${name}: one of ${words.join(', ')}`);
}
