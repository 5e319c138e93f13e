import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { concat, equalBytes, u64be, utf8 } from '../../src/base/bytes.ts';
import { fromBase64, toBase64 } from '../../src/codec/base64.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { codeOf } from '../../src/base/errors.ts';
import {
  decodeNote,
  formatNote,
  formatVkey,
  isKeyName,
  NOTE_COSIGNATURE,
  NOTE_ED25519,
  NOTE_MLDSA44,
  noteKey,
  noteSigner,
  parseCheckpoint,
  parseNote,
  parseVkey,
  signNote,
  verifyNote,
} from '../../src/log/index.ts';
import { CORPUS, corpusText, manifest, missing } from '../support/corpus.ts';
import { testKey } from '../support/log.ts';

const field = (file: string, name: string): string =>
  String(manifest('tlog').find((entry) => entry.file === file)?.expected.fields[name]);

describe('recorded notes', () => {
  if (CORPUS === null) it.skip(missing('notes', 16));
  else {
    it.each(['notes/c2sp-signed-note-example.txt', 'notes/sumdb-checkpoint-20852163.txt'])(
      '%s verifies',
      async (file) => {
        const key = parseVkey(nodeCrypto, field(file, 'vkey'));
        expect(formatVkey(key)).toBe(field(file, 'vkey'));
        const note = parseNote(corpusText('tlog', file));
        expect(formatNote(note)).toBe(corpusText('tlog', file));
        expect((await verifyNote(note, [key], nodeCrypto)).signatures).toHaveLength(1);
      },
    );

    // The checkpoint that c2sp.org/tlog-checkpoint prints is this head with another origin and key name put in.
    it('the example of the specification does not verify under its printed origin', async () => {
      const file = 'notes/sumdb-checkpoint-20852163.txt';
      const key = parseVkey(nodeCrypto, field(file, 'vkey'));
      const genuine = corpusText('tlog', file);
      const printed = genuine.replace('go.sum database tree', 'example.com/behind-the-sofa');
      await expect(verifyNote(parseNote(printed), [key], nodeCrypto)).toRejectWith('NOTE_SIGNATURE_INVALID');
      const renamed = printed.replace('— sum.golang.org', '— example.com/behind-the-sofa');
      await expect(verifyNote(parseNote(renamed), [key], nodeCrypto)).toRejectWith('NOTE_UNSIGNED');
    });

    const cases = JSON.parse(corpusText('tlog', 'notes/go-note-open.json')) as {
      desc: string;
      note_b64: string;
      vkeys: string[];
      expected: string;
    }[];
    it.each(cases)('golang.org/x/mod/sumdb/note: $desc', async ({ note_b64, vkeys, expected }) => {
      const open = async () => {
        const keys = vkeys.map((vkey) => parseVkey(nodeCrypto, vkey));
        return verifyNote(parseNote(decodeNote(fromBase64(note_b64))), keys, nodeCrypto);
      };
      if (expected === 'valid') expect((await open()).signatures).toHaveLength(vkeys.length);
      else await expect(open()).rejects.toThrow();
    });

    it('a cosigned checkpoint: the witness and the time it saw it', async () => {
      const file = 'cosigned/witness.checkpoint';
      const note = parseNote(corpusText('tlog', file));
      const witness = parseVkey(nodeCrypto, field(file, 'witness_vkey'));
      expect(witness.type).toBe(NOTE_COSIGNATURE);
      const { signatures } = await verifyNote(note, [witness], nodeCrypto);
      expect(signatures).toMatchObject([{ time: Number(field(file, 'cosignature_time')) }]);
      expect(parseCheckpoint(note.text)).toMatchObject({
        origin: field(file, 'origin'),
        size: Number(field(file, 'size')),
      });
    });

    it('the witness request bodies hold signed checkpoints, and the forged one does not verify', async () => {
      const recorded = JSON.parse(corpusText('tlog', 'witness/add-checkpoint-steps-1.json')) as {
        log_public_key_hex: string;
        steps: { body: string }[];
      };
      const raw = Uint8Array.from(Buffer.from(recorded.log_public_key_hex, 'hex'));
      const outcomes = await Promise.all(
        recorded.steps.map(async ({ body }) => {
          try {
            const note = parseNote(body.slice(body.indexOf('\n\n') + 2));
            const key = noteKey(nodeCrypto, parseCheckpoint(note.text).origin, NOTE_ED25519, raw);
            return (await verifyNote(note, [key], nodeCrypto)).signatures.length;
          } catch (error) {
            return codeOf(error);
          }
        }),
      );
      // Step 1 spoils the signature in bits that base64 leaves unused; step 2 puts in another log's name.
      expect(outcomes).toEqual([1, 'NOTE_INVALID', 'NOTE_UNSIGNED', 1, 1, 1]);
    });
  }
});

describe('signing', () => {
  it('is read back and verifies; other text, key or name does not', async () => {
    const key = testKey();
    const signer = noteSigner(nodeCrypto, 'example.org/log', key.signer);
    const known = noteKey(nodeCrypto, 'example.org/log', NOTE_ED25519, key.raw);
    const note = parseNote(signNote('one\n\ntwo\n', [signer]));
    expect(note.text).toBe('one\n\ntwo\n');
    expect((await verifyNote(note, [known], nodeCrypto)).text).toBe(note.text);
    await expect(verifyNote({ ...note, text: 'one\n' }, [known], nodeCrypto)).toRejectWith(
      'NOTE_SIGNATURE_INVALID',
    );
    const renamed = noteKey(nodeCrypto, 'example.org/other', NOTE_ED25519, key.raw);
    await expect(verifyNote(note, [renamed], nodeCrypto)).toRejectWith('NOTE_UNSIGNED');
  });

  it('refuses text that would not be read back', () => {
    const signer = noteSigner(nodeCrypto, 'example.org/log', testKey().signer);
    for (const text of ['no line feed', 'tab\there\n', 'half \ud800\n'])
      expect(() => signNote(text, [signer])).toFailWith('NOTE_INVALID');
  });

  it('takes Ed25519 keys and proper names only', () => {
    const { signer } = testKey();
    for (const name of ['', 'a b', 'a+b', 'a\u00a0b', 'a\u2003b', 'a\u0085b'])
      expect(() => noteSigner(nodeCrypto, name, signer)).toFailWith('NOTE_KEY_INVALID');
    for (const size of [0, 31, 33, 64])
      expect(() => noteKey(nodeCrypto, 'name', NOTE_ED25519, new Uint8Array(size))).toFailWith(
        'NOTE_KEY_INVALID',
      );
    const es384 = { ...signer, algorithm: 'ES384' as const };
    expect(() => noteSigner(nodeCrypto, 'name', es384)).toFailWith('NOTE_KEY_INVALID');
    expect(isKeyName('example.org/log')).toBe(true);
  });
});

describe('verifying', () => {
  const key = testKey();
  const signer = noteSigner(nodeCrypto, 'log', key.signer);
  const known = noteKey(nodeCrypto, 'log', NOTE_ED25519, key.raw);
  const text = 'text\n';

  it('condemns the note for one bad signature of a known key, beside a good one of it or another', async () => {
    const good = parseNote(signNote(text, [signer]));
    const bad = { ...good.signatures[0]!, signature: new Uint8Array(64) };
    for (const signatures of [[bad], [good.signatures[0]!, bad], [bad, good.signatures[0]!]])
      await expect(verifyNote({ text, signatures }, [known], nodeCrypto)).toRejectWith(
        'NOTE_SIGNATURE_INVALID',
      );
    const witness = testKey();
    const other = noteKey(nodeCrypto, 'witness', NOTE_ED25519, witness.raw);
    const both = parseNote(signNote(text, [signer, noteSigner(nodeCrypto, 'witness', witness.signer)]));
    const spoiled = {
      text,
      signatures: [both.signatures[0]!, { ...both.signatures[1]!, signature: bad.signature }],
    };
    await expect(verifyNote(spoiled, [known, other], nodeCrypto)).toRejectWith('NOTE_SIGNATURE_INVALID');
    expect((await verifyNote(spoiled, [known], nodeCrypto)).signatures).toHaveLength(1);
  });

  it('does not go by the name or the key ID alone', async () => {
    const good = parseNote(signNote(text, [signer]));
    const hinted = { ...good.signatures[0]!, keyId: new Uint8Array(4) };
    await expect(verifyNote({ text, signatures: [hinted] }, [known], nodeCrypto)).toRejectWith(
      'NOTE_UNSIGNED',
    );
  });

  it('refuses two known keys that no one can tell apart', async () => {
    const note = parseNote(signNote(text, [signer]));
    await expect(verifyNote(note, [known, { ...known }], nodeCrypto)).toRejectWith('NOTE_KEY_AMBIGUOUS');
  });

  it('reads the shape of cosignatures strictly', async () => {
    const cosigner = noteKey(nodeCrypto, 'w', NOTE_COSIGNATURE, key.raw);
    const time = 1_800_000_000;
    const signature = concat(u64be(time), key.signer.sign(utf8(`cosignature/v1\ntime ${time}\n${text}`)));
    const line = { name: 'w', keyId: cosigner.keyId, signature };
    const verified = await verifyNote({ text, signatures: [line] }, [cosigner], nodeCrypto);
    expect(verified.signatures).toMatchObject([{ time }]);
    const late = concat(u64be(time + 1), signature.slice(8));
    // Signed for what a number makes of a time that it cannot hold.
    const huge = concat(
      new Uint8Array(8).fill(0xff),
      key.signer.sign(utf8(`cosignature/v1\ntime ${2 ** 64}\n${text}`)),
    );
    for (const bad of [
      late,
      huge,
      signature.slice(1),
      concat(signature, Uint8Array.of(0)),
      signature.slice(8),
    ])
      await expect(
        verifyNote({ text, signatures: [{ ...line, signature: bad }] }, [cosigner], nodeCrypto),
      ).toRejectWith('NOTE_SIGNATURE_INVALID');
    // The key of a plain signature has another ID, so one cannot pass for the other.
    expect(equalBytes(cosigner.keyId, noteKey(nodeCrypto, 'w', NOTE_ED25519, key.raw).keyId)).toBe(false);
  });

  it('reads ML-DSA-44 keys, and says that it cannot verify with them', async () => {
    const pq = noteKey(nodeCrypto, 'pq', NOTE_MLDSA44, new Uint8Array(1_312).fill(7));
    expect(parseVkey(nodeCrypto, formatVkey(pq))).toEqual(pq);
    const line = { name: 'pq', keyId: pq.keyId, signature: new Uint8Array(2_428) };
    await expect(verifyNote({ text, signatures: [line] }, [pq], nodeCrypto)).toRejectWith(
      'NOTE_ALGORITHM_UNSUPPORTED',
    );
  });
});

describe('malformed notes', () => {
  const signer = noteSigner(nodeCrypto, 'log', testKey().signer);
  const good = signNote('text\n', [signer]);
  const line = good.slice(good.indexOf('—'));
  const urlSafe = good.replace(/[A-Za-z0-9+/]{20}=*\n$/, `____${'A'.repeat(16)}\n`);
  const encoded = line.split(' ')[2]!.trimEnd();

  it.each([
    ['empty', ''],
    ['no signatures', 'text\n'],
    ['a blank line and nothing', 'text\n\n'],
    ['no line feed at the end', good.slice(0, -1)],
    ['trailing text', `${good}more\n`],
    ['trailing blank line', `${good}\n`],
    ['carriage returns', good.replaceAll('\n', '\r\n')],
    ['a hyphen for the dash', good.replace('—', '-')],
    ['no space after the dash', good.replace('— ', '—')],
    ['an empty name', good.replace('— log ', '—  ')],
    ['a plus in the name', good.replace('— log ', '— l+g ')],
    ['url-safe base64', urlSafe],
    ['unpadded base64', `text\n\n— log ${encoded.replace(/=+$/, '')}\n`],
    ['a signature of four bytes', `text\n\n— log ${toBase64(new Uint8Array(4))}\n`],
    ['two spaces', good.replace('— log ', '— log  ')],
    ['101 signatures', `text\n\n${line.repeat(101)}`],
    ['a NUL', good.replace('text', 'te\0t')],
    ['half a surrogate pair', good.replace('text', 'te\udc00t')],
    ['non-canonical base64', `text\n\n— log ${encoded.slice(0, -2)}${nextDigit(encoded.at(-2)!)}=\n`],
    ['a million characters', `${'x'.repeat(1_000_000)}\n\n${line}`],
  ])('%s', (_what, note) => {
    expect(() => parseNote(note)).toFailWith('NOTE_INVALID');
  });

  it('are not split at the first blank line', () => {
    const forged = `text\n\n${line}more text\n\n${line}`;
    expect(parseNote(forged).text).toBe(`text\n\n${line}more text\n`);
  });

  it('bytes that are not UTF-8, or too many', () => {
    expect(() => decodeNote(Uint8Array.of(0xff))).toFailWith('NOTE_INVALID');
    expect(() => decodeNote(new Uint8Array(1_000_001))).toFailWith('NOTE_INVALID');
    expect(() => parseNote(decodeNote(utf8(`\ufeff${good}`)))).not.toThrow();
    expect(decodeNote(utf8(`\ufeff${good}`)).startsWith('\ufeff')).toBe(true);
  });

  const vkey = formatVkey(noteKey(nodeCrypto, 'log', NOTE_ED25519, ed25519Raw(testKey().signer.spki)));
  it.each([
    ['', ''],
    ['no key', 'log+00000000'],
    ['no name', vkey.slice(3)],
    ['another key ID', vkey.replace(/\+[0-9a-f]{8}\+/, '+00000000+')],
    ['another name', `x${vkey}`],
    ['an upper-case key ID', vkey.replace(/\+[0-9a-f]{8}\+/, (id) => `${id.slice(0, -1).toUpperCase()}A+`)],
    ['a type of no algorithm', `log+00000000+${toBase64(Uint8Array.of(9, ...new Uint8Array(32)))}`],
    ['a key that is too short', `log+00000000+${toBase64(Uint8Array.of(1, 2, 3))}`],
    ['no key bytes', 'log+00000000+'],
    ['not base64', 'log+00000000+!!!!'],
  ])('verification key: %s', (_what, text) => {
    expect(() => parseVkey(nodeCrypto, text)).toFailWith('NOTE_KEY_INVALID');
  });
});

/** The next character of the alphabet: it sets bits that padding leaves unused. */
function nextDigit(character: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  return alphabet[alphabet.indexOf(character) + 1]!;
}
