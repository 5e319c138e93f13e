/** The newest ever seen: what is older is told from it, and the file says exactly what was written or is refused. */
import fc from 'fast-check';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Channel,
  checkAgainst,
  type Memory,
  memoryPath,
  readMemory,
  remember,
} from '../../host/collateral/memory.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { type CollateralItem, recogniseCollateral } from '../../src/collateral/index.ts';
import { CORPUS, corpusBytes, missing } from '../support/corpus.ts';
import { crl, DAY, evaluationNumbers, qeIdentity, tcbInfo } from '../support/made-collateral.ts';
import { MUTATIONS, mutations, SEED } from '../support/mutate.ts';
import { FMSPC } from '../support/pcs-server.ts';
import { vectors } from '../support/vectors.ts';

const T = Date.UTC(2026, 2, 1);
const ISSUER = 'Intel SGX Root CA';

let folder = '';
let path = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'assay-memory-'));
  path = memoryPath(folder);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const items = (...bodies: readonly (string | Uint8Array)[]): readonly CollateralItem[] =>
  bodies.flatMap((body) =>
    recogniseCollateral({ name: 'test', bytes: typeof body === 'string' ? utf8(body) : body }),
  );
const info = (issued: number, number: number, fmspc = FMSPC): string =>
  tcbInfo('tdx', fmspc, { issued, number });
const list = (from: number, number: number): Uint8Array =>
  crl({ issuer: ISSUER, from, to: from + 30 * DAY, number });

function older(shown: string | Uint8Array, channel: Channel = 'standard'): boolean {
  try {
    checkAgainst(readMemory(path), { items: items(shown) }, channel);
    return false;
  } catch (error) {
    if (error instanceof AssayError && error.code === 'COLLATERAL_ROLLED_BACK') return true;
    throw error;
  }
}

describe('what was seen', () => {
  it('is nothing at first, and anything goes', () => {
    expect(readMemory(path).size).toBe(0);
    expect(older(info(T, 1))).toBe(false);
  });

  it('tells an older statement of Intel by its number, and by its date where the number is the same', async () => {
    await remember(path, items(info(T, 18)));
    expect([info(T, 18), info(T + 1_000, 18), info(T - DAY, 19)].map((body) => older(body))).toEqual([
      false,
      false,
      false,
    ]);
    expect([info(T + DAY, 17), info(T - 1_000, 18)].map((body) => older(body))).toEqual([true, true]);
    expect(() => checkAgainst(readMemory(path), { items: items(info(T + DAY, 17)) })).toThrow(
      `TCB info of tdx ${FMSPC} (standard) of 2026-03-02T00:00:00Z, number 17, and one of 2026-03-01T00:00:00Z, number 18 was seen before`,
    );
  });

  it('is kept apart by platform, by what is stated, and by what was asked for', async () => {
    await remember(path, items(info(T, 20)), 'early');
    await remember(path, items(info(T, 18)), 'standard');
    expect(older(info(T, 19))).toBe(false);
    expect(older(info(T, 19), 'early')).toBe(true);
    expect(older(info(T - DAY, 17), 17)).toBe(false);
    expect(older(info(T - DAY, 1, '00806f050000'))).toBe(false);
    expect(older(tcbInfo('sgx', FMSPC, { issued: T - DAY, number: 1 }))).toBe(false);
    await remember(path, items(qeIdentity('tdx', { issued: T, number: 18 })));
    expect(older(qeIdentity('tdx', { issued: T, number: 17 }))).toBe(true);
    expect(older(qeIdentity('sgx', { issued: T, number: 17 }))).toBe(false);
    await remember(path, items(evaluationNumbers('tdx', [17, 19, 18], T)));
    expect(older(evaluationNumbers('tdx', [17, 18], T + DAY))).toBe(true);
    expect(older(evaluationNumbers('tdx', [19], T - DAY))).toBe(true);
    expect(older(evaluationNumbers('tdx', [20, 19], T))).toBe(false);
  });

  it('tells an older list by its date or by its number, for each issuer and key', async () => {
    await remember(path, items(list(T, 7)));
    expect([list(T, 7), list(T + DAY, 8), list(T + DAY, 7)].map((body) => older(body))).toEqual([
      false,
      false,
      false,
    ]);
    // Intel's lists have the number 1 for ever; and a higher number does not make an older date newer.
    expect([list(T - DAY, 7), list(T + DAY, 6), list(T - DAY, 8)].map((body) => older(body))).toEqual([
      true,
      true,
      true,
    ]);
    const other = { from: T - DAY, to: T + DAY };
    expect(older(crl({ issuer: 'another', ...other }))).toBe(false);
    expect(older(crl({ issuer: ISSUER, ...other, keyId: new Uint8Array(20).fill(1) }))).toBe(false);
  });

  it('only grows, in whatever order things are seen', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 5 }), fc.boolean()), {
          minLength: 1,
          maxLength: 6,
        }),
        async (seen) => {
          rmSync(path, { force: true });
          const bodies = seen.map(([day, number, isList]) =>
            isList ? list(T + day * DAY, number) : info(T + day * DAY, number),
          );
          for (const body of bodies) await remember(path, items(body));
          const one = readFileSync(path);
          rmSync(path);
          for (const body of bodies.toReversed()) await remember(path, items(body));
          await remember(path, items(...bodies));
          expect(readFileSync(path)).toEqual(one);
          // Of each kind the highest is never older than what is remembered.
          const [days, numbers] = [0, 1].map((part) =>
            Math.max(...seen.filter(([, , isList]) => isList).map((entry) => Number(entry[part]))),
          ) as [number, number];
          if (seen.some(([, , isList]) => isList)) expect(older(list(T + days * DAY, numbers))).toBe(false);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('survives processes that remember at the same time', async () => {
    const many = Array.from({ length: 8 }, (_, i) => items(info(T, 18, `0${i}0000000000`)));
    await Promise.all(many.map((one) => remember(path, one)));
    expect(readMemory(path).size).toBe(8);
    expect(readdirSync(folder)).toEqual(['highest.json']);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('holds the lists and statements that Intel has served', async () => {
    if (CORPUS === null) return void missing('tdx', 1);
    const of = (set: string, file: string): Uint8Array => corpusBytes('tdx', `collateral/${set}/${file}`);
    const [before, after] = ['automata-90c06f-2025-06', 'phala-90c06f-2026-02'];
    for (const file of ['tcb_info.json', 'qe_identity.json', 'pck_crl.der']) {
      await remember(path, items(of(after, file)));
      expect(older(of(before, file)), file).toBe(true);
      expect(older(of(after, file)), file).toBe(false);
    }
  });
});

describe('the file', () => {
  const { cases } = vectors<{ name: string; text: string }>('collateral-memory-malformed.json');

  it('is written in one way', async () => {
    await remember(path, items(info(T, 18)));
    expect(readFileSync(path, 'utf8')).toBe(
      `{"highest":{"tcb-info/tdx/${FMSPC}/standard":{"issued":"2026-03-01T00:00:00Z","number":"18"}},"type":"assay/collateral-memory/v1"}`,
    );
  });

  it.each(cases)('is refused, and not begun anew: $name', async ({ text }) => {
    writeFileSync(path, text);
    expect(() => readMemory(path)).toFailWith('COLLATERAL_MEMORY_INVALID');
    await expect(remember(path, items(info(T, 18)))).toRejectWith('COLLATERAL_MEMORY_INVALID');
    expect(readFileSync(path, 'utf8')).toBe(text);
  });

  it(`${MUTATIONS} mutations, seed ${SEED}: refused, or read as what they now say`, async () => {
    await remember(path, items(info(T, 18), list(T, 7)));
    let refused = 0;
    for (const { bytes, how } of mutations([new Uint8Array(readFileSync(path))])) {
      writeFileSync(path, bytes);
      let memory: Memory;
      try {
        memory = readMemory(path);
      } catch (error) {
        expect(error, how).toBeInstanceOf(AssayError);
        expect((error as AssayError).code, how).toBe('COLLATERAL_MEMORY_INVALID');
        refused++;
        continue;
      }
      // What is read is written again byte for byte.
      await remember(path, []);
      expect(new Uint8Array(readFileSync(path)), how).toEqual(bytes);
      expect(memory.size, how).toBeGreaterThanOrEqual(0);
    }
    expect(refused).toBeGreaterThan(MUTATIONS / 2);
  });

  it('has an end', async () => {
    const highest = Object.fromEntries(
      Array.from({ length: 10_000 }, (_, i) => [
        `k${String(i).padStart(5, '0')}`,
        { issued: '2026-01-01T00:00:00Z', number: null },
      ]),
    );
    writeFileSync(path, JSON.stringify({ highest, type: 'assay/collateral-memory/v1' }));
    expect(readMemory(path).size).toBe(10_000);
    await expect(remember(path, items(info(T, 18)))).toRejectWith('COLLATERAL_MEMORY_INVALID');
    writeFileSync(path, ' '.repeat(5_000_000));
    expect(() => readMemory(path)).toFailWith('FILE_UNREADABLE');
  });
});
