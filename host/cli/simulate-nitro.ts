/** `assay simulate nitro`: one attestation document, of a machine that was just started or of an emulated module. */
import { createPublicKey } from 'node:crypto';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { NSM_MAX_FIELD } from '../../src/evidence/nsm.ts';
import { type NitroDocument, parseEmulatedNitro, parseNitro } from '../../src/evidence/nitro.ts';
import { type ImageMeasurements, measureText, PCR_SIZE } from '../../src/image/pcr.ts';
import { createNitroHardware, FAULT_NAMES, type NitroHardware, parseFaults } from '../simulator/index.ts';
import { deriveFrom } from '../simulator/state.ts';
import { readFile } from './input.ts';
import type { Io } from './io.ts';
import { type CommandLine, type Options, readHex } from './options.ts';
import { readSeed, write } from './simulate-files.ts';

export const NITRO_HELP: string = `nitro -o FILE
  -o FILE            the document
  --root FILE        writes the root certificate (PEM)
  --user-data HEX    what the enclave asked to be signed, at most ${NSM_MAX_FIELD} bytes each
  --nonce HEX
  --public-key FILE  a public key, PEM or DER
  --pcr N=HEX        a register, 48 bytes; 0 to 2 have made-up values when left out
  --countersign FILE signs the claims of this document of an emulated module (QEMU's), which nobody has
                     signed, at its own time: so that all but the signature can be judged
  --fault NAME       ${FAULT_NAMES.slice(0, 3).join(', ')},
                     ${FAULT_NAMES.slice(3).join(', ')}
`;

const TEXT = { type: 'string' } as const;

export const NITRO_OPTIONS: Options = {
  root: TEXT,
  'user-data': TEXT,
  nonce: TEXT,
  'public-key': TEXT,
  pcr: { type: 'string', multiple: true },
  countersign: TEXT,
};

export async function simulateNitro(line: CommandLine, io: Io): Promise<number> {
  const output = line.text('output') ?? fail('USAGE', 'assay simulate: -o FILE is missing');
  const emulated = readEmulated(line);
  const hardware = await createNitroHardware({
    derive: deriveFrom(readSeed(line.text('seed'))),
    faults: parseFaults(line.texts('fault')),
    now: emulated === null ? () => io.now() : () => emulated.timestamp,
  });
  const document = await (emulated === null ? attest(line, hardware) : hardware.countersign(emulated));
  const root = line.text('root');
  write(output, document);
  if (root !== undefined) write(root, utf8(formatPem('CERTIFICATE', hardware.rootCertificate)));
  const { moduleId } = parseNitro(document);
  const named = { platform: 'nitro', name: hardware.rootName, spki_sha256: toHex(hardware.rootSpkiSha256) };
  if (line.flag('json')) {
    io.out(`${JSON.stringify({ simulated: true, document: output, module_id: moduleId, root: named })}\n`);
  } else {
    io.out(`simulated document of ${moduleId}: ${output}\n`);
    io.out(`its root, for "simulated" in a trust policy: ${JSON.stringify(named)}\n`);
  }
  return 0;
}

/** A document of a machine that was just started, with the fields and registers of the command line. */
function attest(line: CommandLine, hardware: NitroHardware): Promise<Uint8Array> {
  const fields = {
    userData: optionalHex(line, 'user-data'),
    nonce: optionalHex(line, 'nonce'),
    publicKey: readPublicKey(line.text('public-key')),
  };
  const registers = readRegisters(line.texts('pcr'));
  const module = hardware.launch();
  const boot = module.bootRegisters(imageOf(registers));
  const all = Array.from({ length: 16 }, (_, index) => index);
  const locked = new Map(all.map((index) => [index, boot.get(index) ?? new Uint8Array(PCR_SIZE)]));
  for (const [index, value] of registers) if (index > 2) locked.set(index, value);
  return module.attest(locked, fields);
}

/** What an emulated module claimed; nothing of it can be another claim of the command line's. */
function readEmulated(line: CommandLine): NitroDocument | null {
  const path = line.text('countersign');
  if (path === undefined) return null;
  const other = (['user-data', 'nonce', 'public-key'] as const).find((name) => line.text(name) !== undefined);
  if (other !== undefined || line.texts('pcr').length > 0)
    fail('USAGE', `--countersign: the document has its own ${other ?? 'pcr'}`);
  return parseEmulatedNitro(readFile(path));
}

function imageOf(registers: ReadonlyMap<number, Uint8Array>): ImageMeasurements {
  const value = (index: number): Uint8Array =>
    registers.get(index) ?? measureText(nodeCrypto, `assay simulated image, register ${index}`);
  return { pcr0: value(0), pcr1: value(1), pcr2: value(2) };
}

function readRegisters(given: readonly string[]): ReadonlyMap<number, Uint8Array> {
  const registers = new Map<number, Uint8Array>();
  for (const text of given) {
    const match = /^(\d|[12]\d|3[01])=(.*)$/s.exec(text);
    const index = Number(match?.[1]);
    if (match === null || registers.has(index))
      return fail('USAGE', `--pcr: ${JSON.stringify(text)} is not N=HEX, once for each N`);
    registers.set(index, readHex('--pcr', match[2] as string, PCR_SIZE, PCR_SIZE));
  }
  return registers;
}

function optionalHex(line: CommandLine, name: string): Uint8Array | null {
  const text = line.text(name);
  return text === undefined ? null : readHex(`--${name}`, text, 0, NSM_MAX_FIELD);
}

/** As hardware would carry it: DER SubjectPublicKeyInfo. */
function readPublicKey(path: string | undefined): Uint8Array | null {
  if (path === undefined) return null;
  const file = readFile(path);
  try {
    const key = Buffer.from(file);
    const isPem = key.subarray(0, 5).toString('latin1') === '-----';
    const imported = isPem ? createPublicKey(key) : createPublicKey({ key, format: 'der', type: 'spki' });
    const spki = new Uint8Array(imported.export({ format: 'der', type: 'spki' }));
    if (spki.length <= NSM_MAX_FIELD) return spki;
  } catch (cause) {
    throw new AssayError('USAGE', `--public-key: ${path} is no public key`, { cause });
  }
  return fail('USAGE', `--public-key: ${path} is longer than ${NSM_MAX_FIELD} bytes`);
}
