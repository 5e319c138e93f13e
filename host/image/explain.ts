/**
 * Which input moved which register. A register is said to move only where it does: bytes that went from one section
 * to the next change both sections and may change no register (src/image/pcr.ts), and that is what must be seen.
 */
import { equalBytes } from '../../src/base/bytes.ts';
import type { Hashing } from '../../src/base/crypto.ts';
import { parseEifSignature } from '../../src/evidence/eif-signature.ts';
import { type EifImage, measureImage, parseEif } from '../../src/image/index.ts';
import { isProgram, readProgram } from '../../images/program.ts';
import { metadataChanges } from './metadata.ts';
import { type RamdiskFile, readRamdisk } from './ramdisk.ts';

export type Register = 'PCR0' | 'PCR1' | 'PCR2' | 'PCR8';

export interface Difference {
  /** `kernel`, `command line`, `ramdisk 1`, `ramdisk 1: enclave/main.mjs`, `metadata`, `signature`, `header`. */
  readonly input: string;
  readonly change: 'changed' | 'added' | 'removed';
  readonly detail: string;
  readonly moves: readonly Register[];
  /** Why no register moved; null where one did. */
  readonly unmoved: 'not measured' | 'the same bytes, divided at another place' | null;
}

export interface Explanation {
  /** Registers that differ. */
  readonly moved: readonly Register[];
  readonly differences: readonly Difference[];
}

type Section = Uint8Array | null;

/** Throws EIF_ codes, PROGRAM_INVALID and RAMDISK_TOO_LARGE. */
export function explainImages(hashing: Hashing, before: Uint8Array, after: Uint8Array): Explanation {
  const [a, b] = [readImage(before), readImage(after)];
  const moved = movedRegisters(hashing, a, b);
  const differences: Difference[] = [];
  const note = (
    input: string,
    change: Difference['change'],
    detail: string,
    measuredIn: readonly Register[],
  ): void => {
    const moves = measuredIn.filter((register) => moved.includes(register));
    let unmoved: Difference['unmoved'] = null;
    if (measuredIn.length === 0) unmoved = 'not measured';
    else if (moves.length === 0) unmoved = 'the same bytes, divided at another place';
    differences.push({ input, change, detail, moves, unmoved });
  };
  if (a.architecture !== b.architecture)
    note('header', 'changed', `architecture ${a.architecture}, now ${b.architecture}`, []);
  if (!equalBytes(a.kernel, b.kernel)) note('kernel', 'changed', sizes(a.kernel, b.kernel), ['PCR0', 'PCR1']);
  if (!equalBytes(a.cmdline, b.cmdline))
    note('command line', 'changed', words(a.cmdline, b.cmdline), ['PCR0', 'PCR1']);
  for (let index = 0; index < Math.max(a.ramdisks.length, b.ramdisks.length); index++) {
    const registers: readonly Register[] = index === 0 ? ['PCR0', 'PCR1'] : ['PCR0', 'PCR2'];
    for (const one of ramdiskDifferences(a.ramdisks[index] ?? null, b.ramdisks[index] ?? null))
      note(
        one.path === null ? `ramdisk ${index}` : `ramdisk ${index}: ${one.path}`,
        one.change,
        one.detail,
        registers,
      );
  }
  if (!equalBytes(a.metadata, b.metadata))
    note('metadata', 'changed', metadataChanges(a.metadata, b.metadata) ?? sizes(a.metadata, b.metadata), []);
  const signature = changeOf(a.signature, b.signature);
  if (signature !== null) {
    const signer = !sameSection(certificateOf(a), certificateOf(b));
    if (signer) note('signature', signature, signerDetail(signature), ['PCR8']);
    else note('signature', signature, 'by the same certificate', []);
  }
  // Memory and CPU counts, which the hypervisor does not use, and the order of the sections.
  if (differences.length === 0 && !equalBytes(before, after))
    note('header', 'changed', 'defaults in the header, or the order of the sections', []);
  return { moved, differences };
}

/** A program of the simulated platform must be one whole: then the line that names Node stands for the kernel. */
function readImage(file: Uint8Array): EifImage {
  const image = parseEif(file);
  return isProgram(image) ? readProgram(file).image : image;
}

function movedRegisters(hashing: Hashing, a: EifImage, b: EifImage): readonly Register[] {
  const [x, y] = [measureImage(hashing, a), measureImage(hashing, b)];
  const rows: readonly (readonly [Register, boolean])[] = [
    ['PCR0', equalBytes(x.pcr0, y.pcr0)],
    ['PCR1', equalBytes(x.pcr1, y.pcr1)],
    ['PCR2', equalBytes(x.pcr2, y.pcr2)],
    ['PCR8', sameSection(certificateOf(a), certificateOf(b))],
  ];
  return rows.flatMap(([register, same]) => (same ? [] : [register]));
}

const certificateOf = ({ signature }: EifImage): Section =>
  signature === null ? null : parseEifSignature(signature).certificate;

const sameSection = (a: Section, b: Section): boolean =>
  a === null || b === null ? a === b : equalBytes(a, b);

function signerDetail(change: Difference['change']): string {
  if (change === 'added') return 'signed';
  return change === 'removed' ? 'no longer signed: PCR8 is zero' : 'by another certificate';
}

function changeOf(a: Section, b: Section): Difference['change'] | null {
  if (sameSection(a, b)) return null;
  if (a === null) return 'added';
  return b === null ? 'removed' : 'changed';
}

interface RamdiskDifference {
  /** Null for the ramdisk itself. */
  readonly path: string | null;
  readonly change: Difference['change'];
  readonly detail: string;
}

/** The ramdisk first, then its files in the order of their paths. */
function ramdiskDifferences(a: Section, b: Section): readonly RamdiskDifference[] {
  const change = changeOf(a, b);
  if (change === null) return [];
  const [x, y] = [a, b].map((section) => readRamdisk(section ?? new Uint8Array(0)));
  if (x === undefined || y === undefined) return [];
  const files: RamdiskDifference[] = [];
  for (const path of [...new Set([...x.files.keys(), ...y.files.keys()])].sort()) {
    const [before, after] = [x.files.get(path), y.files.get(path)];
    if (before === undefined) files.push({ path, change: 'added', detail: bytes(after?.data ?? null) });
    else if (after === undefined) files.push({ path, change: 'removed', detail: bytes(before.data) });
    else {
      const detail = fileChanges(before, after);
      if (detail !== null) files.push({ path, change: 'changed', detail });
    }
  }
  const unread = x.unread ?? y.unread;
  let detail = sizes(a, b);
  if (unread !== null) detail += `; files not all compared: ${unread}`;
  else if (files.length === 0) detail += '; the same files: their order, padding or compression differs';
  return [{ path: null, change, detail }, ...files];
}

function fileChanges(before: RamdiskFile, after: RamdiskFile): string | null {
  const changes = equalBytes(before.data, after.data) ? [] : [`contents, ${sizes(before.data, after.data)}`];
  for (const [name, value] of Object.entries(before.header)) {
    const other = after.header[name] as number;
    const shown = (number: number): string => (name === 'mode' ? `0${number.toString(8)}` : `${number}`);
    if (value !== other) changes.push(`${name} ${shown(value)}, now ${shown(other)}`);
  }
  return changes.length === 0 ? null : changes.join('; ');
}

const bytes = (section: Section): string => (section === null ? 'none' : `${section.length} bytes`);

function sizes(a: Section, b: Section): string {
  return a?.length === b?.length ? `${bytes(a)}, other ones` : `${bytes(a)}, now ${bytes(b)}`;
}

/** A command line is words: which came and which went. */
function words(a: Uint8Array, b: Uint8Array): string {
  const [x, y] = [a, b].map((line) => new TextDecoder('latin1').decode(line).split(' '));
  if (x === undefined || y === undefined) return '';
  const gone = x.filter((word) => !y.includes(word)).map((word) => `-${word}`);
  const come = y.filter((word) => !x.includes(word)).map((word) => `+${word}`);
  return [...gone, ...come].join(' ') || 'the same words in another order or number';
}
