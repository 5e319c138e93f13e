/**
 * Mutated collateral: each is refused with a typed error, or no longer what its issuer signed, or says exactly what
 * its original said. What is accepted, other readers read alike. `ASSAY_MUTATIONS` is how many, the seed is printed.
 */
import 'reflect-metadata';
import type { KeyObject } from 'node:crypto';
import { X509Crl } from '@peculiar/x509';
import { afterAll, describe, expect, it } from 'vitest';
import { concat, equalBytes, utf8 } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { type Crl, parseCrl } from '../../src/codec/x509-crl.ts';
import {
  type CollateralItem,
  parseBundle,
  readCollateral,
  recogniseCollateral,
  statementItem,
  writeBundle,
} from '../../src/collateral/index.ts';
import {
  amdTable,
  authoritiesInQuotes,
  certificateNamed,
  collateralFiles,
  collateralFolders,
  CRL,
  keyOf,
  listSigned,
  ofKind,
  QE_IDENTITY,
  SAMPLES,
  statementSigned,
  TCB_INFO,
} from '../support/collateral.ts';
import { corpusBytes, CORPUS } from '../support/corpus.ts';
import { derSpans, MUTATIONS, mutate, SEED, type Span } from '../support/mutate.ts';

const counts: string[] = [];
afterAll(() => console.log(`mutations, ASSAY_SEED=${SEED}: ${counts.join(', ')}`));

/** The value, or null when it was refused with a typed error that is no defect of ours. */
function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof AssayError) || error.code === 'INTERNAL') throw error;
    return null;
  }
}

/** Nobody has signed what stands in for a corpus. */
interface Signed<T> {
  readonly bytes: Uint8Array;
  readonly value: T;
  readonly key: KeyObject | null;
}

const sets = collateralFolders()
  .slice(0, 4)
  .map((folder) => readCollateral(collateralFiles('tdx', folder)).items);

type Statement = Extract<CollateralItem, { readonly kind: 'tcb-info' | 'qe-identity' }>;

function statements(kind: Statement['kind'], made: Uint8Array): readonly Signed<Statement>[] {
  const recorded = sets.flatMap((items) => {
    const key = keyOf(certificateNamed(items, 'Intel SGX TCB Signing'));
    return ofKind(items, kind).map((value) => ({ bytes: value.bytes, value, key }));
  });
  if (recorded.length > 0) return recorded;
  return [{ bytes: made, value: statementItem(made) as Statement, key: null }];
}

/** Texts, numbers, and objects and lists without others in them. */
function jsonSpans(bytes: Uint8Array): readonly Span[] {
  const text = new TextDecoder('latin1').decode(bytes);
  return [...text.matchAll(/"[^"]*"(?::"[^"]*")?|\d+|\{[^{}]*\}|\[[^[\]]*\]/g)].map(
    ({ index, 0: found }) => ({
      from: index,
      to: index + found.length,
    }),
  );
}

describe.each([
  ['tcb-info', 'tcbInfo', TCB_INFO],
  ['qe-identity', 'enclaveIdentity', QE_IDENTITY],
] as const)('mutated %s', (kind, member, made) => {
  it(`${MUTATIONS} mutations, seed ${SEED}`, () => {
    const samples = statements(kind, made);
    let [refused, unsigned, same] = [0, 0, 0];
    for (const { bytes: original, value, key } of samples)
      mutate(
        kind,
        [original],
        ({ bytes }) => {
          const item = attempt(() => statementItem(bytes));
          if (item === null) return void refused++;
          const { signed } = item.document;
          // Another reader sees the same object in the body as in the slice of it.
          const [whole, slice] = [bytes, signed].map(
            (part) => JSON.parse(new TextDecoder().decode(part)) as object,
          );
          expect(slice).toEqual((whole as Record<string, unknown>)[member]);
          expect(item.kind).toBe(kind);
          if (key === null || !statementSigned(item.document, key)) return void unsigned++;
          same++;
          expect(toHex(signed)).toBe(toHex(value.document.signed));
          expect(item.document.value).toEqual(value.document.value);
        },
        { spans: jsonSpans, count: Math.ceil(MUTATIONS / samples.length) },
      );
    counts.push(`${kind}: refused ${refused}, signature no longer holds ${unsigned}, unchanged ${same}`);
    expect(refused).toBeGreaterThan(0);
  });
});

function lists(): readonly Signed<Crl>[] {
  if (CORPUS === null) return [{ bytes: CRL, value: parseCrl(CRL), key: null }];
  const authorities = authoritiesInQuotes();
  const intel = sets.flatMap((items) =>
    ofKind(items, 'crl').map(({ bytes, crl }) => ({
      bytes,
      value: crl,
      key: keyOf(certificateNamed([...items, ...authorities], crl.issuer.commonName as string)),
    })),
  );
  const name = 'crl/genoa-vcek.crl.pem';
  const amd = ofKind(recogniseCollateral({ name, bytes: corpusBytes('snp', name) }), 'crl');
  const key = keyOf(corpusBytes('snp', 'roots/genoa-ark.der'));
  return [...intel, ...amd.map(({ bytes, crl }) => ({ bytes, value: crl, key }))];
}

/** What is compared of a list: times, entries and extensions. */
const said = (crl: Crl): unknown => ({
  times: [crl.thisUpdate, crl.nextUpdate],
  entries: crl.revoked.map(({ serial, date }) => [BigInt(`0x${toHex(serial)}`), date]),
  extensions: crl.extensions.map(({ oid, critical }) => [oid, critical]),
});

/** The same by another reader, which reads extensions that we keep as they are; null when it refuses something. */
function secondOpinion(bytes: Uint8Array): unknown {
  try {
    const other = new X509Crl(bytes);
    return {
      times: [other.thisUpdate.getTime(), other.nextUpdate?.getTime()],
      entries: other.entries.map((entry) => [
        BigInt(`0x${entry.serialNumber}`),
        entry.revocationDate.getTime(),
      ]),
      extensions: other.extensions.map(({ type, critical }) => [type, critical]),
    };
  } catch {
    return null;
  }
}

describe('mutated lists', () => {
  it(`${MUTATIONS} mutations, seed ${SEED}`, () => {
    const samples = lists();
    let [refused, unsigned, same, compared] = [0, 0, 0, 0];
    for (const { bytes: original, value, key } of samples)
      mutate(
        'crl',
        [original],
        ({ bytes }) => {
          const crl = attempt(() => parseCrl(bytes));
          if (crl === null) return void refused++;
          expect(equalBytes(crl.raw, bytes)).toBe(true);
          const other = secondOpinion(bytes);
          if (other !== null) {
            compared++;
            expect(other).toEqual(said(crl));
          }
          const known = ['1.2.840.10045.4.3.2', '1.2.840.113549.1.1.10'].includes(crl.signatureAlgorithm.oid);
          if (key === null || !known || !listSigned(crl, key)) return void unsigned++;
          same++;
          expect({ ...crl, raw: null, signature: null }).toEqual({ ...value, raw: null, signature: null });
        },
        { spans: derSpans, count: Math.ceil(MUTATIONS / samples.length) },
      );
    counts.push(
      `crl: refused ${refused}, signature no longer holds ${unsigned} (${compared} read alike), unchanged ${same}`,
    );
    expect(Math.min(refused, compared)).toBeGreaterThan(0);
  });
});

describe('mutated containers', () => {
  it('bundles: what is accepted is what would be written of it', () => {
    const items = SAMPLES.flatMap(({ bytes }) => recogniseCollateral({ name: '', bytes }));
    const samples = [...sets.slice(0, 2), items].map((set) => writeBundle(set));
    let accepted = 0;
    const number = mutate(
      'bundle',
      samples,
      ({ bytes }) => {
        const bundle = attempt(() => parseBundle(bytes));
        if (bundle === null) return;
        accepted++;
        expect(toHex(writeBundle(bundle.items))).toBe(toHex(bytes));
      },
      { spans: jsonSpans },
    );
    counts.push(`bundle: ${number} (${accepted} accepted)`);
  });

  it("AMD's tables, dcap-qvl's bundles and chains: typed errors alone", () => {
    const table = amdTable(
      ['63da758de6644564adc5f4b93be8accd', '4ab7b379bbac4fe4a02f05aef327c782'].map((guid) => [
        guid,
        (SAMPLES[0] as (typeof SAMPLES)[number]).bytes,
      ]),
    );
    const flat = JSON.stringify({
      tcb_info: '{}',
      tcb_info_signature: '00'.repeat(64),
      pck_crl: toHex(CRL),
    });
    const recorded =
      CORPUS === null
        ? []
        : [
            corpusBytes('tdx', 'bundles/phala_tdx_quote_collateral.json'),
            corpusBytes('tdx', `${collateralFolders()[0]}/tcb_signing_chain.pem`),
          ];
    const samples = [table, concat(table, new Uint8Array(100)), utf8(flat), ...recorded];
    let taken = 0;
    const number = mutate('container', samples, ({ bytes }) => {
      if (attempt(() => recogniseCollateral({ name: '', bytes })) !== null) taken++;
    });
    counts.push(`containers: ${number} (${taken} taken or passed over)`);
  });
});
