/**
 * Mutated OVMF firmware: each is refused with a typed error, or its sections are whole pages apart from each other and
 * below the firmware, so that the time to measure it is bounded. `ASSAY_MUTATIONS` is how many, the seed is printed.
 */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { measureSnpLaunch, parseOvmf } from '../../src/image/snp/index.ts';
import { CORPUS, corpusBytes, missing } from '../support/corpus.ts';
import { mutate, MUTATIONS, parsed, SEED } from '../support/mutate.ts';
import { AMD_SEV, makeOvmf } from '../support/ovmf.ts';

const PAGE = 4_096;
/** Both tables, and a third of what stands before them. */
const TABLES = 1_536;

/** Mutations fall on the tables: they are cut from the end of whole firmware, and put back there. */
const firmware = [makeOvmf({ ...AMD_SEV, pages: 1 })];
if (CORPUS === null) missing('snp/launch-measurement (mutation)', 2);
else
  for (const name of ['AmdSev', 'OvmfX64'])
    firmware.push(corpusBytes('snp', `launch-measurement/ovmf_${name}_suffix.bin`));

function whole(tables: Uint8Array): Uint8Array {
  const file = new Uint8Array(Math.ceil((tables.length || 1) / PAGE) * PAGE);
  file.set(tables, file.length - tables.length);
  return file;
}

describe('mutated firmware', () => {
  it(`${MUTATIONS} mutations of its tables, seed ${SEED}`, () => {
    let accepted = 0;
    const samples = firmware.map((file) => file.subarray(file.length - TABLES));
    const made = mutate('ovmf', samples, ({ bytes }) => {
      const image = parsed(() => parseOvmf(whole(bytes)));
      if (image === null) return;
      accepted++;
      const sorted = image.sections.toSorted((a, b) => a.address - b.address);
      let [end, pages] = [0, 0];
      for (const { address, size } of sorted) {
        expect([address % PAGE, size % PAGE, address >= end, size > 0]).toEqual([0, 0, true, true]);
        end = address + size;
        pages += size / PAGE;
      }
      expect([end <= image.address, pages <= 65_536]).toEqual([true, true]);
      const boot = image.hashTable === null ? null : { kernel: bytes, initrd: bytes, cmdline: '' };
      const vcpus = image.resetAddress === null ? 1 : 2;
      if (pages > 1_000) return;
      const measured = measureSnpLaunch(nodeCrypto, {
        firmware: image,
        vcpus,
        vmm: { kind: 'ec2' },
        features: 1n,
        boot,
      });
      expect(measured).toHaveLength(48);
    });
    console.log(`mutations of ovmf, ASSAY_SEED=${SEED}: ${made} (${accepted} still valid)`);
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(made);
  });

  it(`truncated anywhere: a typed error alone`, () => {
    for (const file of firmware)
      for (let length = 0; length < file.length; length += 7)
        expect(() => parseOvmf(file.subarray(0, length))).toFailWith('OVMF_INVALID');
  });
});
