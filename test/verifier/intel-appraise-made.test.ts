/** Expectations of TDs and enclaves that no recorded quote can show met and not met: by a simulated platform. */
import { beforeAll, describe, expect, it } from 'vitest';
import { pckExtension } from '../../host/simulator/intel/pck.ts';
import { deriveFrom } from '../../host/simulator/state.ts';
import { concat } from '../../src/base/bytes.ts';
import type { Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { readTrustPolicy } from '../../verifier/trust-policy.ts';
import type { Verdict } from '../../verifier/verdict.ts';
import { collateralFiles } from '../support/collateral.ts';
import { CORPUS } from '../support/corpus.ts';
import {
  type Given,
  intelTrust,
  intelTrustJson,
  judge,
  type TrustChanges,
  withFiles,
} from '../support/intel-verify.ts';
import {
  certifiedBy,
  type EnclaveBody,
  type MadeIntel,
  madeIntel,
  pemChain,
  reissued,
  resigned,
  type Statement,
  type TdBody,
} from '../support/made-intel.ts';
import { INTEL_TIME } from '../support/simulated-intel.ts';

const ONE = '01'.repeat(48);

describe('what no recorded quote shows', () => {
  let made: MadeIntel;
  beforeAll(async () => void (made = await madeIntel()));

  const td = async (body: TdBody, changes: TrustChanges, type: 2 | 3 | 4 = 2): Promise<Verdict> => {
    const given = { quote: made.td(body, type), files: made.files('tdx'), at: INTEL_TIME };
    return (await judge(given, { trust: intelTrust({ ...changes, root: made.root }) })).verdict;
  };
  const enclave = async (body: EnclaveBody, changes: TrustChanges): Promise<Verdict> => {
    const given = { quote: made.enclave(body), files: made.files('sgx'), at: INTEL_TIME };
    return (await judge(given, { trust: intelTrust({ ...changes, root: made.root }) })).verdict;
  };
  /** SEPT_VE_DISABLE and these bits. */
  const bits = (...set: readonly number[]): TdBody => {
    const tdAttributes = new Uint8Array(8);
    for (const bit of [28, ...set])
      tdAttributes[bit >> 3] = (tdAttributes[bit >> 3] as number) | (1 << (bit & 7));
    return { tdAttributes };
  };

  it('attributes, each by its name', async () => {
    for (const [bit, name] of [
      [29, 'MIGRATABLE'],
      [30, 'PKS'],
      [31, 'KL'],
      [63, 'PERFMON'],
    ] as const) {
      const others = ['MIGRATABLE', 'PKS', 'KL', 'PERFMON'].filter((one) => one !== name);
      expect((await td(bits(bit), { tdx: { attributes: [name] } })).code).toBe(null);
      expect((await td(bits(bit), { tdx: { attributes: others } })).code).toBe('TDX_ATTRIBUTES_REFUSED');
    }
  });

  it('attributes without a name, which nobody can allow', async () => {
    for (let bit = 0; bit < 64; bit++)
      if (![0, 28, 29, 30, 31, 63].includes(bit))
        expect([bit, (await td(bits(bit), {})).code]).toEqual([bit, 'TDX_ATTRIBUTES_REFUSED']);
    expect((await td(bits(0), {})).code).toBe(null);
    expect((await td(bits(0), { tdx: { debug: 'reject' } })).code).toBe('TDX_DEBUG_MODE');
  });

  it('extended features that a TD must have, or cannot have', async () => {
    const number = (value: bigint): TdBody => {
      const xfam = new Uint8Array(8);
      new DataView(xfam.buffer).setBigUint64(0, value, true);
      return { xfam };
    };
    for (const xfam of [0n, 1n, 2n, 0x8n | 3n, (1n << 63n) | 3n, 0x10000n | 3n]) {
      expect((await td(number(xfam), { tdx: { xfam: '0300000000000000' } })).code).toBe('TDX_XFAM_REFUSED');
      expect((await td(number(xfam), {})).code).toBe(null);
    }
    const architecture = async (xfam: bigint): Promise<Code | null> => {
      const json = intelTrustJson({ root: made.root });
      const platforms = json['platforms'] as JsonObject;
      const { xfam: _, ...tdx } = platforms['tdx'] as JsonObject;
      const given = { quote: made.td(number(xfam)), files: made.files('tdx'), at: INTEL_TIME };
      const trust = readTrustPolicy({ ...json, platforms: { ...platforms, tdx } });
      return (await judge(given, { trust })).verdict.code;
    };
    for (const xfam of [3n, 7n, 0x6dbe7n]) expect(await architecture(xfam)).toBe(null);
    for (const xfam of [0n, 0x6dbe6n, 0x6dbffn, 0x100003n])
      expect(await architecture(xfam)).toBe('TDX_XFAM_REFUSED');
  });

  it('a service TD where the form of quote cannot say so', async () => {
    const none = { tdx: { service_td: 'none' } };
    const [one, other] = [new Uint8Array(48).fill(1), new Uint8Array(48).fill(2)];
    expect((await td(bits(29), none, 2)).code).toBe('TDX_SERVICE_TD_BOUND');
    expect((await td(bits(29), { tdx: { service_td: [ONE] } }, 2)).code).toBe('TDX_SERVICE_TD_BOUND');
    expect((await td(bits(29), {}, 2)).code).toBe(null);
    // The longer forms do say it.
    expect((await td(bits(29), none, 3)).code).toBe(null);
    expect((await td({ mrservicetd: one }, none, 3)).code).toBe('TDX_SERVICE_TD_BOUND');
    expect((await td({ mrservicetd: one }, { tdx: { service_td: [ONE] } }, 3)).code).toBe(null);
    // When it was made, now, or both.
    for (const body of [
      { initServtdHash: other },
      { curServtdHash: other },
      { mrservicetd: one, curServtdHash: other },
    ]) {
      expect((await td(body, none, 4)).code).toBe('TDX_SERVICE_TD_BOUND');
      expect((await td(body, { tdx: { service_td: [ONE] } }, 4)).code).toBe('TDX_SERVICE_TD_BOUND');
      expect((await td(body, { tdx: { service_td: [ONE, toHex(other)] } }, 4)).code).toBe(null);
    }
  });

  it('the module that runs now, beside the one that started the TD', async () => {
    const svn = (...values: readonly number[]): Uint8Array =>
      concat(Uint8Array.from(values), new Uint8Array(16 - values.length));
    const body = { teeTcbSvn: svn(11, 1, 4), teeTcbSvn2: svn(12, 1, 4) };
    const least = (value: number): TrustChanges => ({ tdx: { min_module_isvsvn: { '1': value } } });
    expect((await td(body, least(11), 3)).code).toBe(null);
    expect((await td(body, least(12), 3)).code).toBe('TDX_MODULE_TOO_OLD');
    const reversed = { teeTcbSvn: svn(12, 1, 4), teeTcbSvn2: svn(11, 1, 4) };
    expect((await td(reversed, least(12), 3)).code).toBe('TDX_MODULE_TOO_OLD');
    // A module that runs now and is out of date is not made up for by the one at launch.
    const worse = { teeTcbSvn: svn(11, 1, 4), teeTcbSvn2: svn(6, 1, 4) };
    expect((await td(worse, { tcb: { statuses: ['UpToDate'] } }, 3)).code).toBe('TDX_TCB_OUT_OF_DATE');
    expect((await td(worse, { tcb: { min_tcb_date: '2025-08-01' } }, 3)).code).toBe('TCB_DATE_TOO_OLD');
    expect((await td({ ...worse, teeTcbSvn2: svn(1, 1, 4) }, {}, 3)).code).toBe('TDX_TCB_NOT_SUPPORTED');
    const started = { teeTcbSvn: svn(6, 1, 4), teeTcbSvn2: svn(11, 1, 4) };
    expect((await td(started, { tcb: { statuses: ['UpToDate', 'OutOfDate'] } }, 3)).code).toBe(
      'TDX_TCB_REFUSED',
    );
    expect((await td(started, { tcb: { statuses: ['TDRelaunchAdvised'], grace_days: 1 } }, 3)).code).toBe(
      null,
    );
    expect((await td(started, { tcb: { statuses: ['UpToDate'], grace_days: 3650 } }, 3)).code).toBe(
      'TDX_TCB_REFUSED',
    );
    expect((await td(started, { tcb: { advisories: 'none' } }, 3)).code).toBe('TCB_ADVISORY_OPEN');
  });

  it('an identity of an earlier evaluation than the TCB info', async () => {
    const files = made.files('tdx');
    const identity = files.find(({ name }) => name === 'qe_identity.json')?.bytes as Uint8Array;
    const earlier = resigned(
      identity,
      made.pki.tcbSigner.key,
      (inner) => (inner['tcbEvaluationDataNumber'] = 19),
    );
    const given = {
      quote: made.td(),
      files: withFiles(files, { 'qe_identity.json': earlier }),
      at: INTEL_TIME,
    };
    for (const [least, code] of [
      [19, null],
      [20, 'TCB_EVALUATION_TOO_OLD'],
    ] as const) {
      const trust = intelTrust({ root: made.root, tcb: { min_evaluation_number: least } });
      const { verdict } = await judge(given, { trust });
      expect(verdict.claims['eval_numbers']).toEqual({ tcbInfo: 20, qeIdentity: 19 });
      expect(verdict.code).toBe(code);
    }
  });

  it('a module that Intel revoked after the TD had started', async () => {
    const [tcb] = made.files('tdx').filter(({ name }) => name === 'tcb_info.json');
    const revoked = resigned(tcb?.bytes as Uint8Array, made.pki.tcbSigner.key, (inner) => {
      for (const identity of inner['tdxModuleIdentities'] as Statement[])
        for (const level of identity['tcbLevels'] as Statement[])
          if ((level['tcb'] as { isvsvn: number }).isvsvn === 6) level['tcbStatus'] = 'Revoked';
    });
    const files = withFiles(made.files('tdx'), { 'tcb_info.json': revoked });
    const svn = (value: number): Uint8Array => concat(Uint8Array.of(value, 1, 4), new Uint8Array(13));
    for (const [launch, current] of [
      [11, 6],
      [6, 11],
      [6, 6],
    ] as const) {
      const quote = made.td({ teeTcbSvn: svn(launch), teeTcbSvn2: svn(current) }, 3);
      const { verdict } = await judge(
        { quote, files, at: INTEL_TIME },
        { trust: intelTrust({ root: made.root }) },
      );
      expect(verdict).toMatchObject({
        verdict: 'rejected',
        code: 'TDX_TCB_REVOKED',
        claims: { tcb_status: 'Revoked' },
      });
    }
  });

  it('grace for the update, not for the configuration', async () => {
    const files = withFiles(made.files('tdx'), {});
    const statusOf = (status: string): readonly { name: string; bytes: Uint8Array }[] => {
      const tcb = files.find(({ name }) => name === 'tcb_info.json')?.bytes as Uint8Array;
      const bytes = resigned(tcb, made.pki.tcbSigner.key, (inner) => {
        const [own] = inner['tcbLevels'] as [Statement];
        const above = structuredClone(own);
        const { sgxtcbcomponents } = above['tcb'] as { sgxtcbcomponents: { svn: number }[] };
        (sgxtcbcomponents[0] as { svn: number }).svn++;
        above['tcbDate'] = '2026-11-01T00:00:00Z';
        own['tcbStatus'] = status;
        (inner['tcbLevels'] as Statement[]).unshift(above);
      });
      return withFiles(files, { 'tcb_info.json': bytes });
    };
    const codeWith = async (status: string, statuses: readonly string[]): Promise<Code | null> => {
      const given: Given = { quote: made.td(), files: statusOf(status), at: INTEL_TIME };
      const trust = intelTrust({ root: made.root, tcb: { statuses: [...statuses], grace_days: 30 } });
      return (await judge(given, { trust })).verdict.code;
    };
    expect(await codeWith('OutOfDate', ['UpToDate'])).toBe(null);
    expect(await codeWith('OutOfDateConfigurationNeeded', ['UpToDate'])).toBe('TDX_TCB_OUT_OF_DATE');
    expect(await codeWith('OutOfDateConfigurationNeeded', ['UpToDate', 'ConfigurationNeeded'])).toBe(null);
    expect(await codeWith('ConfigurationNeeded', ['UpToDate'])).toBe('TDX_TCB_REFUSED');
    expect(await codeWith('Revoked', ['UpToDate'])).toBe('TDX_TCB_REVOKED');
  });

  it('platforms without multithreading, other packages or cached keys', async () => {
    const { pki } = made;
    const says = (dynamic: boolean, cached: boolean, smt: boolean): Given => {
      const flags = [dynamic, cached, smt].map((value, i) => [`a864886f84d010d010107${i}`, value] as const);
      let hex = toHex(pckExtension(deriveFrom(new Uint8Array(32).fill(1))));
      // The three BOOLEANs stand last, each before the next.
      const marks = [...hex.matchAll(/0101ff/g)].map(({ index }) => index).slice(-3);
      flags.forEach(([, value], i) => {
        const at = marks[i] as number;
        if (!value) hex = `${hex.slice(0, at)}010100${hex.slice(at + 6)}`;
      });
      const pck = reissued(pki.pck, pki.pckCa, { more: [fromHex(hex)] });
      const quote = certifiedBy(made.td(), pemChain(pck, pki.pckCa, pki.root));
      return { quote, files: made.files('tdx'), at: INTEL_TIME };
    };
    const codeWith = async (given: Given, platform: JsonObject): Promise<Code | null> =>
      (await judge(given, { trust: intelTrust({ root: made.root, tdx: { platform } }) })).verdict.code;
    const all = { dynamic_platform: 'reject', cached_keys: 'reject', smt: 'reject' };
    expect(await codeWith(says(false, false, false), all)).toBe(null);
    expect(await codeWith(says(true, false, false), { dynamic_platform: 'reject' })).toBe(
      'PLATFORM_CONFIGURATION',
    );
    expect(await codeWith(says(true, false, false), { cached_keys: 'reject', smt: 'reject' })).toBe(null);
    expect(await codeWith(says(false, true, false), { cached_keys: 'reject' })).toBe(
      'PLATFORM_CONFIGURATION',
    );
    expect(await codeWith(says(false, false, true), { smt: 'reject' })).toBe('PLATFORM_CONFIGURATION');
    expect(await codeWith(says(false, true, true), { dynamic_platform: 'reject' })).toBe(null);
  });

  it('enclaves that run in debug mode, or with keys that they do not need', async () => {
    const flags = (low: string): EnclaveBody => ({ attributes: fromHex(`${low}00e700000000000000`) });
    const reject = { sgx: { debug: 'reject' } };
    const code = async (body: EnclaveBody, changes: TrustChanges = reject): Promise<Code | null> =>
      (await enclave(body, changes)).code;
    expect(await code(flags('05000000000000'))).toBe(null);
    expect(await code(flags('07000000000000'))).toBe('SGX_DEBUG_MODE');
    expect(await code(flags('07000000000000'), {})).toBe(null);
    expect(await code(flags('04000000000000'))).toBe('SGX_ATTRIBUTES_REFUSED');
    expect(await code(flags('15000000000000'))).toBe('SGX_ATTRIBUTES_REFUSED');
    expect(await code(flags('25000000000000'))).toBe('SGX_ATTRIBUTES_REFUSED');
    // Bit 3 is reserved, and so is all that has no name; CET, KSS and AEX-Notify have one.
    for (const low of ['0d000000000000', '05080000000000', '05000000000001'])
      expect(await code(flags(low))).toBe('SGX_ATTRIBUTES_REFUSED');
    for (const low of ['45000000000000', '85000000000000', '05040000000000'])
      expect(await code(flags(low))).toBe(null);
  });

  it.runIf(CORPUS !== null)('collateral of a recorded platform is none of a simulated one', async () => {
    const files = collateralFiles('tdx', 'collateral/phala-b0c06f-2025-06');
    const given = { quote: made.td(), files, at: Date.parse('2025-06-20T12:00:00Z') };
    const { verdict } = await judge(given, { trust: intelTrust({ root: made.root }) });
    expect(verdict.verdict).not.toBe('trusted');
  });
});
