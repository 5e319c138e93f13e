/**
 * Intel's Provisioning Certification Service, API v4, and the caches of it that people run (PCCS, cloud mirrors): the
 * same paths, with two differences. The list of revoked authorities lies on another host at Intel's, and behind
 * `rootcacrl` in a PCCS; and a PCCS writes lists as hexadecimal text.
 */
import { fail } from '../../src/base/errors.ts';
import type { Channel } from './memory.ts';
import type { IntelNeed } from './needs.ts';
import { DAY_MS, only, otherIssuer, type Resource } from './resource.ts';

export const INTEL_PCS = 'https://api.trustedservices.intel.com';
export const INTEL_ROOT_CRL = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der';

export interface PcsAddresses {
  /** Base address: what stands before `/sgx/certification/v4`. */
  readonly pcs: string;
  readonly rootCrl: string;
}

const API = /\/(sgx|tdx)\/certification\/v[0-9]+\/?$/;
const CA_NAMES = { platform: 'Intel SGX PCK Platform CA', processor: 'Intel SGX PCK Processor CA' } as const;
const ROOT_NAME = 'Intel SGX Root CA';

/** `pcs`, `rootCrl`: as the user gave them, the former also with the path that Intel's own settings end in; null for Intel. */
export function pcsAddresses(pcs: string | null, rootCrl: string | null): PcsAddresses {
  const base = (pcs ?? INTEL_PCS).replace(API, '').replace(/\/$/, '');
  const version = API.exec(pcs ?? '')?.[0] ?? '/v4';
  if (!/v4\/?$/.test(version)) fail('USAGE', `--pcs: ${pcs}: version 4 of the interface is needed`);
  return {
    pcs: base,
    rootCrl: rootCrl ?? (pcs === null ? INTEL_ROOT_CRL : `${base}/sgx/certification/v4/rootcacrl`),
  };
}

/** What a quote of this platform is judged with. */
export function intelResources(
  need: IntelNeed,
  addresses: PcsAddresses,
  channel: Channel,
): readonly Resource[] {
  const { tee, fmspc, ca } = need;
  const api = (of: 'sgx' | 'tdx', path: string): string => `${addresses.pcs}/${of}/certification/v4/${path}`;
  const common = { maxAgeMs: DAY_MS, channel, optional: false, paced: false } as const;
  return [
    {
      ...common,
      name: 'TCB info',
      url: api(tee, `tcb?${parameters(channel, `fmspc=${fmspc}`)}`),
      chainHeaders: ['TCB-Info-Issuer-Chain', 'SGX-TCB-Info-Issuer-Chain'],
      mismatch: (items) => {
        const value = only(items, 'tcb-info')?.document.value;
        if (value === undefined) return 'it is no TCB info';
        if (value.tee !== tee || value.fmspc !== fmspc) return `it is of ${value.tee} ${value.fmspc}`;
        return otherNumber(value, channel);
      },
    },
    {
      ...common,
      name: 'QE identity',
      url: api(tee, `qe/identity?${parameters(channel)}`.replace(/\?$/, '')),
      chainHeaders: ['SGX-Enclave-Identity-Issuer-Chain'],
      mismatch: (items) => {
        const value = only(items, 'qe-identity')?.document.value;
        if (value === undefined) return 'it is no identity of an enclave';
        if (value.id !== (tee === 'tdx' ? 'TD_QE' : 'QE')) return `it is of ${value.id}`;
        return otherNumber(value, channel);
      },
    },
    {
      ...common,
      name: 'PCK CRL',
      url: api('sgx', `pckcrl?ca=${ca}&encoding=der`),
      chainHeaders: ['SGX-PCK-CRL-Issuer-Chain'],
      mismatch: (items) => otherIssuer(items, CA_NAMES[ca]),
    },
    {
      ...common,
      name: 'root CRL',
      url: addresses.rootCrl,
      chainHeaders: [],
      mismatch: (items) => otherIssuer(items, ROOT_NAME),
    },
    {
      ...common,
      name: 'evaluation numbers',
      url: api(tee, 'tcbevaluationdatanumbers'),
      chainHeaders: ['TCB-Evaluation-Data-Numbers-Issuer-Chain'],
      // Says what else could be asked for; no quote is judged with it, and older caches do not have it.
      optional: true,
      mismatch: (items) => {
        const value = only(items, 'tcb-evaluation-numbers')?.document.value;
        if (value === undefined) return 'it is no list of evaluation numbers';
        return value.id === tee.toUpperCase() ? null : `it is of ${value.id}`;
      },
    },
  ];
}

/** `standard` is what is served when nothing is said, and older caches know no word for it. */
function parameters(channel: Channel, ...others: readonly string[]): string {
  const which = typeof channel === 'number' ? `tcbEvaluationDataNumber=${channel}` : `update=${channel}`;
  return [...others, ...(channel === 'standard' ? [] : [which])].join('&');
}

function otherNumber(value: { readonly tcbEvaluationDataNumber: number }, channel: Channel): string | null {
  const number = value.tcbEvaluationDataNumber;
  return typeof channel !== 'number' || number === channel ? null : `it has evaluation number ${number}`;
}
