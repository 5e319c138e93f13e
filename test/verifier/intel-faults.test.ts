/** The simulated vendor of Intel's platforms: sound, and with each of its faults. */
import { describe, expect, it } from 'vitest';
import { INTEL_FAULTS, type IntelFault } from '../../host/simulator/intel/index.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import type { Code } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { readCollateral } from '../../src/collateral/index.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { requireBinding } from '../../verifier/appraise.ts';
import { INTEL_ROOTS } from '../../verifier/intel/roots.ts';
import { tdxJudge } from '../../verifier/intel/judge.ts';
import { CheckLog, type Verdict } from '../../verifier/verdict.ts';
import { intelTrust, judge, type TrustChanges, verify } from '../support/intel-verify.ts';
import { list, madeIntel, resigned } from '../support/made-intel.ts';
import { enclaveQuote, INTEL_TIME, MRTD, simulatedIntel, tdQuote } from '../support/simulated-intel.ts';

/** What a careful user would write. */
const STRICT_TDX: JsonObject = {
  mrtd: [toHex(MRTD)],
  debug: 'reject',
  service_td: 'none',
  sept_ve_disable: 'required',
  attributes: ['PKS'],
};
const STRICT_SGX: JsonObject = { mrenclave: ['01'.repeat(32)], mrsigner: ['02'.repeat(32)], debug: 'reject' };
const STRICT: TrustChanges = {
  tcb: { statuses: ['UpToDate'], advisories: 'none', min_evaluation_number: 20 },
  tdx: STRICT_TDX,
  sgx: STRICT_SGX,
};

type Outcome = readonly [word: Verdict['verdict'], code: Code | null];
const TRUSTED: Outcome = ['trusted', null];
const rejected = (code: Code): Outcome => ['rejected', code];
const open = (code: Code): Outcome => ['undetermined', code];

/** Of a TD, and of an enclave, which has neither module nor attributes of a TD. */
const OUTCOMES: Readonly<Record<IntelFault, readonly [tdx: Outcome, sgx: Outcome]>> = {
  'out-of-date': [rejected('TDX_TCB_OUT_OF_DATE'), rejected('SGX_TCB_OUT_OF_DATE')],
  'tcb-revoked': [rejected('TDX_TCB_REVOKED'), rejected('SGX_TCB_REVOKED')],
  'unsupported-tcb': [rejected('TDX_TCB_NOT_SUPPORTED'), rejected('SGX_TCB_NOT_SUPPORTED')],
  revoked: [rejected('CERTIFICATE_REVOKED'), rejected('CERTIFICATE_REVOKED')],
  'revoked-ca': [rejected('CERTIFICATE_REVOKED'), rejected('CERTIFICATE_REVOKED')],
  'future-pck': [rejected('CHAIN_NOT_YET_VALID'), rejected('CHAIN_NOT_YET_VALID')],
  'relaunch-advised': [rejected('TDX_TCB_REFUSED'), TRUSTED],
  debug: [rejected('TDX_DEBUG_MODE'), rejected('SGX_DEBUG_MODE')],
  'body-type-4': [TRUSTED, TRUSTED],
  'service-td': [rejected('TDX_SERVICE_TD_BOUND'), TRUSTED],
  migratable: [rejected('TDX_ATTRIBUTES_REFUSED'), TRUSTED],
  'no-sept-ve-disable': [rejected('TDX_SEPT_VE_ENABLED'), TRUSTED],
  'wrong-module-signer': [rejected('TDX_MODULE_MISMATCH'), TRUSTED],
  'foreign-qe': [rejected('QUOTE_QE_MISMATCH'), rejected('QUOTE_QE_MISMATCH')],
  // What the quote binds is compared by who knows it.
  'wrong-binding': [TRUSTED, TRUSTED],
  'rolled-back-tcb': [rejected('TCB_EVALUATION_TOO_OLD'), rejected('TCB_EVALUATION_TOO_OLD')],
  'stale-collateral': [open('COLLATERAL_STALE'), open('COLLATERAL_STALE')],
  'tampered-crl': [rejected('COLLATERAL_SIGNATURE_INVALID'), rejected('COLLATERAL_SIGNATURE_INVALID')],
  'tampered-tcb-info': [rejected('COLLATERAL_SIGNATURE_INVALID'), rejected('COLLATERAL_SIGNATURE_INVALID')],
  // No list is of the PCK CA then; what is signed by whom comes after what is there.
  'swapped-roles': [open('COLLATERAL_MISSING'), open('COLLATERAL_MISSING')],
  // The policy names this very key.
  'same-name-root': [TRUSTED, TRUSTED],
};

async function outcome(
  tee: 'tdx' | 'sgx',
  faults: readonly string[],
  changes: TrustChanges = STRICT,
  named = true,
): Promise<Verdict> {
  const vendor = await simulatedIntel(faults);
  const files = [...vendor.collateral(tee)].map(([name, bytes]) => ({ name, bytes }));
  const quote = tee === 'tdx' ? tdQuote(vendor) : enclaveQuote(vendor);
  const root = [vendor.rootName, toHex(vendor.rootSpkiSha256)] as const;
  const trust = intelTrust({ ...changes, ...(named ? { root } : {}) });
  return (await judge({ quote, files, at: INTEL_TIME }, { trust })).verdict;
}

const told = ({ verdict, code }: Verdict): Outcome => [verdict, code];

describe.each(['tdx', 'sgx'] as const)('%s', (tee) => {
  it('is trusted when sound, and shown as simulated', async () => {
    const verdict = await outcome(tee, []);
    expect(verdict).toMatchObject({ verdict: 'trusted', code: null, simulated: true, platform: tee });
    expect(verdict.unverified).toEqual([]);
    expect(verdict.claims).toMatchObject({
      tcb_status: 'UpToDate',
      advisories: [],
      tcb_evaluation_data_number: 20,
    });
  });

  it.each(Object.entries(OUTCOMES))('%s', async (fault, outcomes) => {
    expect(told(await outcome(tee, [fault]))).toEqual(outcomes[tee === 'tdx' ? 0 : 1]);
  });

  it('is nothing to who does not name its root', async () => {
    expect(told(await outcome(tee, [], STRICT, false))).toEqual(rejected('CHAIN_ROOT_UNTRUSTED'));
    expect(told(await outcome(tee, ['same-name-root'], STRICT, false))).toEqual(
      rejected('CHAIN_ROOT_UNTRUSTED'),
    );
    const vendor = await simulatedIntel();
    const other = await simulatedIntel([], { seed: 2 });
    const quote = tee === 'tdx' ? tdQuote(vendor) : enclaveQuote(vendor);
    const files = [...vendor.collateral(tee)].map(([name, bytes]) => ({ name, bytes }));
    const judged = async (root: readonly [string, string]): Promise<Outcome> =>
      told(
        (await judge({ quote, files, at: INTEL_TIME }, { trust: intelTrust({ ...STRICT, root }) })).verdict,
      );
    const spki = toHex(vendor.rootSpkiSha256);
    expect(await judged([vendor.rootName, spki])).toEqual(TRUSTED);
    // Neither the name alone nor the key alone.
    for (const root of [
      [vendor.rootName, toHex(other.rootSpkiSha256)],
      [other.rootName, spki],
      ['Intel SGX Root CA', INTEL_ROOTS[0]?.spkiSha256 as string],
    ] as const)
      expect(await judged(root)).toEqual(rejected('CHAIN_ROOT_UNTRUSTED'));
  });
});

it('has an outcome for every fault', () => {
  expect(Object.keys(OUTCOMES).sort()).toEqual(Object.keys(INTEL_FAULTS).sort());
});

it('names a root for one of the two platforms only', async () => {
  const vendor = await simulatedIntel();
  const files = [...vendor.collateral('tdx')].map(([name, bytes]) => ({ name, bytes }));
  const root = [vendor.rootName, toHex(vendor.rootSpkiSha256)] as const;
  const both = intelTrust({ ...STRICT, root });
  const { simulated } = both;
  if (simulated === 'reject') throw new Error('no roots');
  for (const [platform, expected] of [
    ['tdx', TRUSTED],
    ['sgx', rejected('CHAIN_ROOT_UNTRUSTED')],
    ['snp', rejected('CHAIN_ROOT_UNTRUSTED')],
  ] as const) {
    const roots = simulated.roots.slice(0, 1).map((one) => ({ ...one, platform }));
    const trust = { ...both, simulated: { roots } };
    expect(told((await judge({ quote: tdQuote(vendor), files, at: INTEL_TIME }, { trust })).verdict)).toEqual(
      expected,
    );
  }
});

describe('faults in detail', () => {
  it('binds what was asked for, and tells when it did not', async () => {
    const statement = utf8('{"a":1}');
    const asked = bind(nodeCrypto, DOMAINS.identity, statement);
    for (const [faults, holds] of [
      [[], true],
      [['wrong-binding'], false],
    ] as const) {
      const vendor = await simulatedIntel(faults);
      const quote = vendor.launchTd({ mrtd: MRTD }).quote(asked);
      const files = [...vendor.collateral('tdx')].map(([name, bytes]) => ({ name, bytes }));
      const trust = intelTrust({ root: [vendor.rootName, toHex(vendor.rootSpkiSha256)] });
      const proven = await tdxJudge.open(quote).verify({
        at: INTEL_TIME,
        crypto: nodeCrypto,
        trust,
        collateral: readCollateral(files),
        log: new CheckLog(tdxJudge.verifyChecks),
      });
      const check = (): void => requireBinding(proven, DOMAINS.identity, statement, nodeCrypto);
      if (holds) check();
      else expect(check).toFailWith('STATEMENT_NOT_BOUND');
      expect([proven.time, proven.challenge, proven.recipient]).toEqual([null, null, null]);
    }
  });

  it('shows launch and current of a TD that outlived an update', async () => {
    const verdict = await outcome('tdx', ['relaunch-advised'], {});
    expect(verdict.verdict).toBe('trusted');
    expect(verdict.claims).toMatchObject({
      tcb_status: 'TDRelaunchAdvised',
      launch: {
        tcb_status: 'OutOfDate',
        parts: { platform: 'UpToDate', module: 'OutOfDate', qe: 'UpToDate' },
      },
      current: {
        tcb_status: 'UpToDate',
        parts: { platform: 'UpToDate', module: 'UpToDate', qe: 'UpToDate' },
      },
      shortfall: [{ part: 'module', component: null, has: 6, needs: 11, short_by: 5 }],
    });
  });

  it('shows the members of the largest body', async () => {
    const { claims } = await outcome('tdx', ['body-type-4', 'service-td'], {});
    expect(claims).toMatchObject({ body_type: 4, vm_id: 0, init_fmspc: '999999000000000000000000' });
    expect(claims['mrservicetd']).toBe(claims['init_servtd_hash']);
    expect(claims['mrservicetd']).toBe(claims['cur_servtd_hash']);
  });

  it('takes neither half of swapped roles', async () => {
    const made = await madeIntel();
    const { pki } = made;
    const files = made.files('tdx');
    const given = { quote: made.td(), files, at: INTEL_TIME };
    const bytesOf = (name: string): Uint8Array => files.find((one) => one.name === name)?.bytes as Uint8Array;
    const changed = (name: string, bytes: Uint8Array) => ({
      ...given,
      files: files.map((one) => (one.name === name ? { name, bytes } : one)),
    });
    const how = { roots: made.pins };
    await expect(verify(given, how)).resolves.toBeDefined();
    const unsigned = (): void => {};
    // Each role in the place of each other one, correctly signed.
    for (const by of [pki.pck, pki.pckCa, pki.root])
      for (const name of ['tcb_info.json', 'qe_identity.json'])
        await expect(verify(changed(name, resigned(bytesOf(name), by.key, unsigned)), how)).toRejectWith(
          'COLLATERAL_SIGNATURE_INVALID',
        );
    for (const by of [pki.pck, pki.root, pki.tcbSigner]) {
      const named = { ...pki.pckCa, key: by.key };
      // Under its own name it is not the list that is asked for; under the CA's it is signed by another key.
      await expect(verify(changed('pck_crl.der', list(by)), how)).toRejectWith('COLLATERAL_MISSING');
      await expect(verify(changed('pck_crl.der', list(named)), how)).toRejectWith('CRL_ISSUER_MISMATCH');
    }
    for (const by of [pki.pck, pki.pckCa, pki.tcbSigner]) {
      await expect(verify(changed('root_ca_crl.der', list(by)), how)).toRejectWith('COLLATERAL_MISSING');
      await expect(verify(changed('root_ca_crl.der', list({ ...pki.root, key: by.key })), how)).toRejectWith(
        'CRL_ISSUER_MISMATCH',
      );
    }
  });
});
