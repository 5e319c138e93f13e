/** What a memory may keep: only what a pinned vendor has signed. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { toHex } from '../../src/base/hex.ts';
import { type CollateralFile, readCollateral } from '../../src/collateral/index.ts';
import { signedItems } from '../../verifier/index.ts';
import { type RootPin, simulatedRoot } from '../../verifier/roots.ts';
import { collateralFiles, SAMPLES } from '../support/collateral.ts';
import { CORPUS } from '../support/corpus.ts';
import { certificatesInQuote, simulatedCollateral } from '../support/signed-items.ts';

async function kinds(files: readonly CollateralFile[], pins?: readonly RootPin[]): Promise<string[]> {
  const items = await signedItems(readCollateral(files), nodeCrypto, pins);
  return items.map(({ kind }) => kind).sort();
}

const ALL_OF_INTEL = ['crl', 'crl', 'qe-identity', 'tcb-evaluation-numbers', 'tcb-info'];

describe('signed items', () => {
  it.each(['tdx', 'sgx'] as const)('are the lists and statements of a named vendor: %s', async (tee) => {
    const { files, pin } = await simulatedCollateral(tee);
    expect(await kinds(files, [pin])).toEqual(ALL_OF_INTEL);
    expect(await kinds(files)).toEqual([]);
  });

  it('are the list of a named root of AMD', async () => {
    const { files, pin } = await simulatedCollateral('snp');
    expect(await kinds(files, [pin])).toEqual(['crl']);
    expect(await kinds(files)).toEqual([]);
  });

  it.each([
    ['tampered-tcb-info', ['crl', 'crl', 'qe-identity', 'tcb-evaluation-numbers']],
    ['tampered-crl', ['crl', 'qe-identity', 'tcb-evaluation-numbers', 'tcb-info']],
    ['same-name-root', []],
    ['stale-collateral', ALL_OF_INTEL],
  ])('under the fault %s are %j', async (fault, expected) => {
    const { files, pin } = await simulatedCollateral('tdx', [fault]);
    const named =
      fault === 'same-name-root' ? simulatedRoot('tdx', pin.name, toHex(new Uint8Array(32))) : pin;
    expect(await kinds(files, [named])).toEqual(expected);
  });

  it('are none of what nobody has signed', async () => {
    const files = SAMPLES.map(({ kind, bytes }) => ({ name: kind, bytes }));
    expect(await kinds(files)).toEqual([]);
  });

  it.skipIf(CORPUS === null)('are those of Intel and AMD, as recorded', async () => {
    const set = collateralFiles('tdx', 'collateral/ars-90c06f-2026-03');
    const chain = certificatesInQuote('quotes/tdx_v4_90c06f_dstack.bin');
    expect(await kinds([...set, ...chain])).toEqual(['crl', 'crl', 'qe-identity', 'tcb-info']);
    // Without the PCK CA nobody can say whose its list is.
    expect(await kinds(set)).toEqual(['crl', 'qe-identity', 'tcb-info']);
    expect(await kinds([...collateralFiles('snp', 'roots'), ...collateralFiles('snp', 'crl')])).toEqual([
      'crl',
    ]);
    expect(await kinds(collateralFiles('tdx', 'intel_qvl_sample_tdx'))).toEqual([]);
  });
});
