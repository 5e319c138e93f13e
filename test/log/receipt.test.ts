import { describe, expect, it } from 'vitest';
import {
  formatReceipt,
  formatReceiptFile,
  formatSealFile,
  formatTlogProof,
  parseReceipt,
  parseReceiptFile,
  parseSealFile,
  parseTlogProof,
} from '../../src/log/index.ts';
import { CORPUS, corpusText, missing } from '../support/corpus.ts';
import { TestLog } from '../support/log.ts';

describe('recorded proof bundles', () => {
  if (CORPUS === null) it.skip(missing('notes/tlog-proof-parse.json', 5));
  else {
    const cases = JSON.parse(corpusText('tlog', 'notes/tlog-proof-parse.json')) as {
      desc: string;
      text: string;
      expected: 'ok' | 'err';
    }[];
    it.each(cases)('$desc', ({ text, expected }) => {
      if (expected === 'ok') expect(formatTlogProof(parseTlogProof(text))).toBe(text);
      else expect(() => parseTlogProof(text)).toFailWith('TLOG_PROOF_INVALID');
    });
  }
});

const log = new TestLog();
log.startEpoch();
log.loadPolicy();
for (let i = 0; i < 5; i++) log.decide();
log.seal();
const receipt = log.receipt(3);
const text = formatReceipt(receipt);

describe('a receipt', () => {
  it('is a proof bundle whose extra line is the leaf', () => {
    expect(parseReceipt(text)).toEqual(receipt);
    expect(parseTlogProof(text)).toMatchObject({
      index: 3,
      extra: receipt.leaf,
      checkpoint: receipt.checkpoint,
    });
  });

  it('carries its leaf', () => {
    const bare = text.replace(/^extra .*\n/m, '');
    expect(() => parseReceipt(bare)).toFailWith('RECEIPT_INVALID');
  });

  const blank = text.indexOf('\n\n');
  it.each([
    ['nothing', ''],
    ['another version', text.replace('@v1', '@v2')],
    ['a carriage return', text.replace('\n', '\r\n')],
    ['no index', text.replace(/^index .*\n/m, '')],
    ['two indexes', text.replace('index 3\n', 'index 3\nindex 3\n')],
    ['a leading zero', text.replace('index 3', 'index 03')],
    ['a negative index', text.replace('index 3', 'index -3')],
    ['a hexadecimal index', text.replace('index 3', 'index 0x3')],
    ['an unsafe index', text.replace('index 3', 'index 9007199254740992')],
    ['extra after index', text.replace(/^(extra .*)\n(index .*)$/m, '$2\n$1')],
    ['a short hash', `${text.slice(0, blank)}\nAAAA${text.slice(blank)}`],
    ['an empty hash line', `${text.slice(0, blank)}\n ${text.slice(blank)}`],
    ['107 hashes', `${text.slice(0, blank)}${`\n${'A'.repeat(43)}=`.repeat(107)}${text.slice(blank)}`],
    ['no checkpoint', text.slice(0, blank + 2)],
    ['no blank line', text.replace('\n\n', '\n')],
    ['too much', `${text}${'x'.repeat(1_500_000)}`],
  ])('cannot have %s', (_what, bad) => {
    expect(() => parseReceipt(bad)).toFailWith('TLOG_PROOF_INVALID');
  });

  it('is not written with an index that is none', () => {
    expect(() => formatReceipt({ ...receipt, index: -1 })).toFailWith('TLOG_PROOF_INVALID');
  });
});

describe('receipt and seal files', () => {
  const { attestation } = log.current;
  const seal = log.seals[0]!.file;

  it('are read back', () => {
    for (const file of [
      { receipt, attestation, seal: null },
      { receipt, attestation, seal },
      { receipt, attestation, seal: { ...seal, evidence: null } },
    ])
      expect(parseReceiptFile(formatReceiptFile(file))).toEqual(file);
    expect(parseSealFile(formatSealFile(seal))).toEqual(seal);
  });

  it('have exactly their members', () => {
    const file = JSON.parse(formatReceiptFile({ receipt, attestation, seal })) as Record<string, unknown>;
    for (const bad of [
      { ...file, type: 'assay/receipt/v2' },
      { ...file, extra: 1 },
      { ...file, receipt: 5 },
      { ...file, attestation: null },
      { ...file, seal: null },
      { ...file, seal: { ...(file['seal'] as object), type: 'x' } },
      { ...file, seal: { ...(file['seal'] as object), evidence: '' } },
      [],
      null,
    ])
      expect(() => parseReceiptFile(JSON.stringify(bad))).toFailWith('JSON_SHAPE');
    expect(() => parseReceiptFile('{')).toFailWith('JSON_SYNTAX');
    expect(() =>
      parseSealFile(JSON.stringify({ type: 'assay/seal/v1', statement: 'AA', evidence: null })),
    ).toFailWith('BASE64_INVALID');
  });
});
