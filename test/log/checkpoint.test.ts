import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import type { Code } from '../../src/base/errors.ts';
import { codeOf } from '../../src/base/errors.ts';
import {
  decodeEntries,
  decodeTile,
  entriesPath,
  epochKeyName,
  epochOfKeyName,
  formatCheckpoint,
  isOrigin,
  leafHash,
  noteSigner,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  parseVkey,
  rootOf,
  signCheckpoint,
  signNote,
  tilePath,
  verifyCheckpoint,
  verifyNote,
} from '../../src/log/index.ts';
import { toHex } from '../../src/base/hex.ts';
import { CORPUS, corpusBytes, corpusText, manifest, missing } from '../support/corpus.ts';
import { TestLog, testKey } from '../support/log.ts';

describe('recorded checkpoints', () => {
  if (CORPUS === null) it.skip(missing('checkpoints and the Tessera log', 44));
  else {
    const cases = JSON.parse(corpusText('tlog', 'notes/checkpoint-parse.json')) as {
      desc: string;
      text: string;
      expected: 'ok' | 'err';
    }[];
    // The source takes roots of any length and its good cases have none of 32 bytes: ours reads them as far as
    // the root and refuses them for its length alone.
    it.each(cases)('$desc', ({ text, expected }) => {
      let code: Code | null = null;
      try {
        parseCheckpoint(text);
      } catch (error) {
        code = codeOf(error);
      }
      expect(code).toBe(expected === 'ok' ? 'CHECKPOINT_ROOT_LENGTH' : 'CHECKPOINT_INVALID');
      if (expected === 'ok') {
        const lines = text.split('\n');
        lines[2] = toBase64(new Uint8Array(32));
        expect(parseCheckpoint(lines.join('\n')).origin).toBe(lines[0]);
      }
    });

    it('the whole Tessera log: entries, tiles, roots and signatures of every recorded size', async () => {
      const fields = manifest('tlog').find(({ file }) => file === 'tessera-log/checkpoint.15')!.expected
        .fields;
      const key = parseVkey(nodeCrypto, String(fields['vkey']));
      const all = decodeEntries(corpusBytes('tlog', `tessera-log/${entriesPath(0, 15)}`), 15);
      expect(all.map((entry) => new TextDecoder().decode(entry))).toEqual(fields['entries_utf8']);
      const hashes = all.map((entry) => leafHash(nodeCrypto, entry));
      let checked = 0;
      for (const { file } of manifest('tlog')) {
        const [, what, width] =
          /^tessera-log\/(checkpoint|tile\/(?:0|entries)\/000\.p)[./]?(\d*)$/.exec(file) ?? [];
        if (what === undefined) continue;
        checked++;
        if (what === 'checkpoint') {
          const note = parseNote(corpusText('tlog', file));
          const { signatures } = await verifyNote(note, [key], nodeCrypto);
          expect(signatures).toHaveLength(1);
          const { origin, size, root } = parseCheckpoint(note.text);
          expect(origin).toBe('example.com/log/testdata');
          expect(size).toBe(width === '' ? 15 : Number(width));
          expect(toHex(root)).toBe(toHex(rootOf(nodeCrypto, hashes.slice(0, size))));
        } else if (what.startsWith('tile/0')) {
          expect(file).toBe(`tessera-log/${tilePath(0, 0, Number(width))}`);
          const tile = decodeTile(corpusBytes('tlog', file), Number(width));
          expect(tile.map(toHex)).toEqual(hashes.slice(0, Number(width)).map(toHex));
        } else expect(decodeEntries(corpusBytes('tlog', file), Number(width))).toHaveLength(Number(width));
      }
      expect(checked).toBe(35);
    });
  }
});

describe('a checkpoint text', () => {
  const root = toBase64(new Uint8Array(32).fill(1));

  it('is read back', () => {
    const head = { origin: 'example.org/log', size: 2 ** 53 - 1, root: new Uint8Array(32).fill(7) };
    expect(parseCheckpoint(formatCheckpoint(head))).toEqual({ ...head, extensions: [] });
    const extended = parseCheckpoint(`${formatCheckpoint(head)}one\ntwo\n`);
    expect(extended.extensions).toEqual(['one', 'two']);
  });

  it.each([
    '01',
    '00',
    '-1',
    '+1',
    '0x10',
    '1e3',
    '1.0',
    ' 1',
    '1 ',
    '',
    '١',
    '9007199254740992',
    '18446744073709551615',
    '1n',
    '1_000',
    'Infinity',
  ])('has no size %j', (size) => {
    expect(() => parseCheckpoint(`o\n${size}\n${root}\n`)).toFailWith('CHECKPOINT_INVALID');
  });

  it.each([
    ['no line feed', `o\n1\n${root}`],
    ['no line feed after an extension', `o\n1\n${root}\nextension`],
    ['url-safe base64', `o\n1\n${root.replace('A', '_')}\n`],
    ['unpadded base64', `o\n1\n${root.slice(0, -1)}\n`],
    ['base64 with unused bits', `o\n1\n${root.slice(0, -2)}F=\n`],
    ['base64 with a space', `o\n1\n ${root}\n`],
    ['an empty extension line', `o\n1\n${root}\n\nx\n`],
    ['an empty origin', `\n1\n${root}\n`],
    ['two lines', 'o\n1\n'],
    ['nothing', ''],
    ['a line feed', '\n'],
  ])('cannot have %s', (_what, text) => {
    expect(() => parseCheckpoint(text)).toFailWith('CHECKPOINT_INVALID');
  });

  it('cannot have a root of another hash', () => {
    expect(() => parseCheckpoint(`o\n1\n${toBase64(new Uint8Array(48))}\n`)).toFailWith(
      'CHECKPOINT_ROOT_LENGTH',
    );
  });

  it('is not written for what could not be read back', () => {
    const head = { origin: 'example.org/log', size: 1, root: new Uint8Array(32) };
    for (const bad of [
      { origin: 'a b' },
      { origin: '' },
      { origin: 'a\nb' },
      { size: -1 },
      { size: 1.5 },
      { root: utf8('x') },
    ])
      expect(() => formatCheckpoint({ ...head, ...bad })).toFailWith('CHECKPOINT_INVALID');
    expect(isOrigin('x'.repeat(256))).toBe(false);
  });
});

describe('our checkpoints', () => {
  it('carry the signatures of the log and of the epoch', async () => {
    const log = new TestLog();
    log.startEpoch({ epoch: 7 });
    const opened = openCheckpoint(log.checkpoint());
    expect(opened).toMatchObject({ origin: log.origin, size: 1, epochs: [7] });
    const { service } = log.current;
    const keys = { origin: log.origin, logKey: log.log.raw, epoch: 7, epochKey: service.epochKey };
    expect(await verifyCheckpoint(opened, keys, nodeCrypto)).toMatchObject({ epoch: 7, size: 1 });
    await expect(verifyCheckpoint(opened, { ...keys, epoch: 8 }, nodeCrypto)).toRejectWith(
      'NOT_HARDWARE_BOUND',
    );
    const other = testKey().raw;
    // Another key has another key ID, so its signature is one of an unknown key.
    await expect(verifyCheckpoint(opened, { ...keys, epochKey: other }, nodeCrypto)).toRejectWith(
      'NOT_HARDWARE_BOUND',
    );
    await expect(verifyCheckpoint(opened, { ...keys, logKey: other }, nodeCrypto)).toRejectWith(
      'LOG_SIGNATURE_MISSING',
    );
    await expect(
      verifyCheckpoint(opened, { ...keys, logKey: other, epochKey: other }, nodeCrypto),
    ).toRejectWith('NOTE_UNSIGNED');
    await expect(verifyCheckpoint(opened, { ...keys, origin: 'sim.else' }, nodeCrypto)).toRejectWith(
      'CHECKPOINT_ORIGIN_MISMATCH',
    );
  });

  it('are signed by keys of the right names only, and have no extension lines', () => {
    const log = new TestLog();
    log.startEpoch();
    const { log: logSigner, epoch } = log.signers();
    expect(() => signCheckpoint(log.head(), { log: epoch, epoch: logSigner })).toFailWith(
      'CHECKPOINT_INVALID',
    );
    const foreign = noteSigner(nodeCrypto, `${log.origin}/epoch/01`, testKey().signer);
    expect(() => signCheckpoint(log.head(), { log: logSigner, epoch: foreign })).toFailWith(
      'CHECKPOINT_INVALID',
    );
    const stranger = noteSigner(nodeCrypto, 'other.example.org', testKey().signer);
    expect(() => signCheckpoint(log.head(), { log: stranger, epoch })).toFailWith('CHECKPOINT_INVALID');
    const extended = signNote(`${formatCheckpoint(log.head())}extension\n`, [logSigner, epoch]);
    expect(() => openCheckpoint(extended)).toFailWith('CHECKPOINT_INVALID');
  });

  it('name epochs in one way', () => {
    expect(epochOfKeyName('o', epochKeyName('o', 12))).toBe(12);
    for (const name of [
      'o',
      'o/epoch/',
      'o/epoch/012',
      'o/epoch/-1',
      'p/epoch/1',
      'o/epoch/1/epoch/2',
      'o/epoch/9007199254740993',
    ])
      expect(epochOfKeyName('o', name)).toBe(null);
  });
});
