/** Answers changed on the way: each is refused with one code, or is still what was asked for. */
import { describe, expect, it } from 'vitest';
import { amdResources } from '../../host/collateral/kds.ts';
import type { AmdNeed, IntelNeed } from '../../host/collateral/needs.ts';
import { intelResources, pcsAddresses } from '../../host/collateral/pcs.ts';
import { readResource, type Resource } from '../../host/collateral/resource.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { formatPem } from '../../src/codec/pem.ts';
import type { CollateralItem } from '../../src/collateral/index.ts';
import { madeKds } from '../support/kds-server.ts';
import { vcek } from '../support/made-collateral.ts';
import { MUTATIONS, mutations, SEED } from '../support/mutate.ts';
import { FMSPC, madeBodies } from '../support/pcs-server.ts';

const T = Date.UTC(2026, 2, 1);
const INTEL: IntelNeed = { vendor: 'intel', tee: 'tdx', fmspc: FMSPC, ca: 'platform' };
const TCB = { fmc: null, bootloader: 4, tee: 0, snp: 24, microcode: 219 };
const HWID = new Uint8Array(64).fill(7);
const AMD: AmdNeed = { vendor: 'amd', product: 'Milan', key: 'vcek', chip: { hwid: HWID, tcb: TCB } };

const bodies = madeBodies(T);
const milan = madeKds('Milan', T);
const bytes = (body: Uint8Array | string): Uint8Array => (typeof body === 'string' ? utf8(body) : body);
const [info, identity, pckCrl, rootCrl, numbers] = intelResources(
  INTEL,
  pcsAddresses(null, null),
  'standard',
) as [Resource, Resource, Resource, Resource, Resource];
const [authorities, crl, chip] = amdResources(AMD, null) as [Resource, Resource, Resource];
const signing = encodeURIComponent(bodies.signingChain);
const pck = encodeURIComponent(bodies.pckChain);
const pem = ['SEV-Milan', 'ARK-Milan'].map((name) =>
  formatPem('CERTIFICATE', milan.authorities.get(name) as Uint8Array),
);

const ANSWERS: readonly (readonly [Resource, Uint8Array, string, CollateralItem['kind']])[] = [
  [info, bytes(bodies.tcbInfo), signing, 'tcb-info'],
  [identity, bytes(bodies.qeIdentity), signing, 'qe-identity'],
  [numbers, bytes(bodies.numbers ?? ''), signing, 'tcb-evaluation-numbers'],
  [pckCrl, bodies.pckCrl, pck, 'crl'],
  [pckCrl, utf8(toHex(bodies.pckCrl)), pck, 'crl'],
  [rootCrl, utf8(`${toHex(bodies.rootCrl).toUpperCase()}\n`), '', 'crl'],
  [rootCrl, utf8(formatPem('X509 CRL', bodies.rootCrl)), '', 'crl'],
  [authorities, utf8(pem.join('')), '', 'certificate'],
  [authorities, utf8(pem.toReversed().join('')), '', 'certificate'],
  [crl, milan.crl, '', 'crl'],
  [chip, vcek('Milan', HWID, TCB), '', 'certificate'],
];
const chainOf = (text: string): readonly string[] => (text === '' ? [] : [text]);

describe('an answer', () => {
  it.each(ANSWERS)('$name is read when nothing was changed', (resource, body, chain, kind) => {
    const items = readResource(resource, body, chainOf(chain));
    expect(items[0]?.kind).toBe(kind);
    expect(items.slice(1).every((item) => item.kind === 'certificate')).toBe(true);
  });

  it(`${MUTATIONS} mutations of bodies and chains, seed ${SEED}`, () => {
    let [refused, read] = [0, 0];
    const attempt = (how: string, resource: Resource, body: Uint8Array, chain: readonly string[]): void => {
      try {
        const items = readResource(resource, body, chain);
        expect(resource.mismatch(items.slice(0, resource === authorities ? 2 : 1)), how).toBe(null);
        read++;
      } catch (error) {
        if (!(error instanceof AssayError)) throw new Error(`${resource.name}: ${how}`, { cause: error });
        expect(error.code, how).toBe('COLLATERAL_ANSWER_INVALID');
        refused++;
      }
    };
    const share = Math.ceil(MUTATIONS / ANSWERS.length / 2);
    for (const [i, [resource, body, chain]] of ANSWERS.entries()) {
      for (const mutation of mutations([body], { count: share, seed: SEED + i }))
        attempt(mutation.how, resource, mutation.bytes, chainOf(chain));
      if (chain === '') continue;
      for (const mutation of mutations([utf8(chain)], { count: share, seed: SEED - i }))
        attempt(mutation.how, resource, body, [new TextDecoder('latin1').decode(mutation.bytes)]);
    }
    expect(refused).toBeGreaterThan(0);
    expect(read).toBeGreaterThan(0);
  });
});
