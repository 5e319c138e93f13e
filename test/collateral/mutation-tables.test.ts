/** The tables of changes to recorded collateral: what must be rejected is not read, is of another kind, or is not what was signed. */
import type { KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { codeOf } from '../../src/base/errors.ts';
import { fromHex } from '../../src/base/hex.ts';
import {
  type CollateralItem,
  type CrlItem,
  readCollateral,
  recogniseCollateral,
} from '../../src/collateral/index.ts';
import { corpusBytes, corpusText, manifest, missing } from '../support/corpus.ts';
import {
  authoritiesInQuotes,
  certificateNamed,
  collateralFiles,
  keyOf,
  listSigned,
  statementSigned,
} from '../support/collateral.ts';

type Op = { readonly target: string } & (
  | { readonly op: 'replace_text'; readonly find: string; readonly with: string }
  | { readonly op: 'json_reserialize'; readonly indent: number }
  | { readonly op: 'data_expr' }
  | { readonly op: 'data'; readonly hex: string }
  | { readonly op: 'xor'; readonly offset: number; readonly hex: string }
  | { readonly op: 'file'; readonly file: string }
);

interface Case {
  readonly id: string;
  readonly ops: readonly Op[];
  readonly must: 'accept' | 'reject' | 'either';
}

interface Table {
  readonly base: { readonly collateral: string };
  readonly cases: readonly Case[];
}

const FILES: Readonly<Record<string, string>> = {
  tcb_info: 'tcb_info.json',
  qe_identity: 'qe_identity.json',
  pck_crl: 'pck_crl.der',
  root_crl: 'root_ca_crl.der',
  tcb_signing_chain: 'tcb_signing_chain.pem',
};

/** What a case must come to here; the others are of the verifier: another platform, another time, another issuer. */
const OUTCOMES: Readonly<Record<string, string>> = {
  'tcb-sig-flip': 'unsigned',
  'tcb-sig-upper': 'signed',
  'tcb-sig-swap-rs': 'unsigned',
  'tcb-sig-short': 'COLLATERAL_INVALID',
  'tcb-status-edit': 'unsigned',
  'tcb-issue-date-edit': 'unsigned',
  'tcb-next-update-edit': 'unsigned',
  'tcb-whitespace': 'unsigned',
  'tcb-reserialized-pretty': 'unsigned',
  'tcb-dup-key': 'JSON_DUPLICATE_KEY',
  'tcb-dup-outer': 'JSON_DUPLICATE_KEY',
  'tcb-extra-outer': 'signed',
  'tcb-deep-json': 'JSON_DEPTH',
  'tcb-is-qeidentity': 'qe-identity',
  'qe-sig-flip': 'unsigned',
  'qe-mrsigner-edit': 'unsigned',
  'crl-pck-empty': 'nothing',
  'crl-pck-garbage': 'nothing',
  'crl-pck-tampered': 'unsigned',
  'crl-root-empty': 'nothing',
  'crl-root-tampered': 'unsigned',
  'chain-empty': 'nothing',
};

const tables = manifest('tdx').filter(({ kind }) => kind === 'mutation-table');

describe('recorded tables of changes', () => {
  if (tables.length === 0) it.skip(missing('changes to collateral', 66), () => {});

  it.each(tables)('$file', ({ file }) => {
    const { base, cases } = JSON.parse(corpusText('tdx', file)) as Table;
    const original = readCollateral(collateralFiles('tdx', base.collateral)).items;
    const signer = keyOf(certificateNamed(original, 'Intel SGX TCB Signing'));
    const authorities = [...original, ...authoritiesInQuotes()];
    const issuerOf = ({ crl }: CrlItem): KeyObject =>
      keyOf(certificateNamed(authorities, crl.issuer.commonName ?? ''));
    const outcome = (item: CollateralItem | undefined, wanted: string): string => {
      if (item === undefined) return 'nothing';
      if (item.kind === 'crl') return listSigned(item.crl, issuerOf(item)) ? 'signed' : 'unsigned';
      if (item.kind === 'certificate') return 'signed';
      if (item.kind !== wanted) return item.kind;
      return statementSigned(item.document, signer) ? 'signed' : 'unsigned';
    };
    let judged = 0;
    for (const { id, ops, must } of cases) {
      const wanted = OUTCOMES[id];
      const [op] = ops;
      if (wanted === undefined || op === undefined) continue;
      judged++;
      expect(wanted === 'signed', `${id} must ${must}`).toBe(
        must !== 'reject' && id !== 'tcb-reserialized-pretty',
      );
      const bytes = changed(base.collateral, ops);
      const kind = op.target === 'qe_identity' ? 'qe-identity' : 'tcb-info';
      expect(
        attempt(() => outcome(recogniseCollateral({ name: id, bytes })[0], kind)),
        id,
      ).toBe(wanted);
    }
    // Every case of a statement's form, and none of a kind that is not known here.
    expect(judged).toBe(Object.keys(OUTCOMES).length);
    const targets = new Set(cases.flatMap(({ ops }) => ops.map(({ target }) => target)));
    expect([...targets].filter((target) => FILES[target] === undefined).sort()).toEqual(['quote', 'time']);
  });
});

function attempt(run: () => string): string {
  try {
    return run();
  } catch (error) {
    return codeOf(error);
  }
}

function changed(folder: string, ops: readonly Op[]): Uint8Array {
  return ops.reduce(
    (bytes, op) => apply(bytes, op),
    corpusBytes('tdx', `${folder}/${FILES[ops[0]?.target ?? '']}`),
  );
}

function apply(bytes: Uint8Array, op: Op): Uint8Array {
  const text = (): string => new TextDecoder().decode(bytes);
  switch (op.op) {
    case 'replace_text':
      expect(text()).toContain(op.find);
      return utf8(text().replace(op.find, () => op.with));
    case 'json_reserialize':
      return utf8(JSON.stringify(JSON.parse(text()), null, op.indent));
    case 'data_expr':
      return utf8(`{"tcbInfo":${'['.repeat(20_000)}${']'.repeat(20_000)},"signature":"${'00'.repeat(64)}"}`);
    case 'data':
      return fromHex(op.hex);
    case 'xor':
      return bytes.map((byte, i) => (i === op.offset ? byte ^ Number.parseInt(op.hex, 16) : byte));
    case 'file':
      return corpusBytes('tdx', op.file);
  }
}
