import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { writeCpio } from '../../images/cpio.ts';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import { parseCpio } from '../../src/image/cpio.ts';
import malformed from '../vectors/cpio-malformed.json' with { type: 'json' };

const sample = writeCpio(new Map([['etc/host', { data: utf8('abc') }]]));
/** The same file without its folder: header at 0, path at 110, contents at 120. */
const single = writeCpio(new Map([['etc-host', { data: utf8('abc') }]]));

interface Edit {
  readonly at?: number;
  readonly text?: string;
  readonly byte?: number;
  readonly truncate?: number;
}

function apply(edit: Edit): Uint8Array {
  if (edit.truncate !== undefined) return single.slice(0, edit.truncate);
  const bytes = single.slice();
  bytes.set(edit.text === undefined ? Uint8Array.of(edit.byte as number) : utf8(edit.text), edit.at);
  return bytes;
}

describe('cpio archives', () => {
  it('are written as the format says, byte for byte', () => {
    const header = (numbers: readonly string[]): string => `070701${numbers.join('')}`;
    const zero = '00000000';
    const folder = header([
      '00000001',
      '00004140',
      zero,
      zero,
      '00000002',
      '00000001',
      zero,
      zero,
      zero,
      zero,
      zero,
      '00000004',
      zero,
    ]);
    expect(new TextDecoder().decode(sample.subarray(0, 116))).toBe(`${folder}etc\0\0\0`);
    expect(sample.length % 512).toBe(0);
  });

  it('are the same whatever the order of the files, with folders before their contents', () => {
    const a = { data: utf8('a') };
    const b = { data: utf8('b'), executable: true };
    const one = writeCpio(
      new Map([
        ['x/a', a],
        ['x.b', b],
        ['x/y/c', a],
      ]),
    );
    const other = writeCpio(
      new Map([
        ['x/y/c', a],
        ['x.b', b],
        ['x/a', a],
      ]),
    );
    expect(one).toEqual(other);
    expect(parseCpio(one).map(({ path, mode }) => `${path} ${mode.toString(8)}`)).toEqual([
      'x 500',
      'x.b 500',
      'x/a 400',
      'x/y 500',
      'x/y/c 400',
    ]);
  });

  it('give back what was put in', () => {
    const path = fc
      .array(fc.stringMatching(/^[a-z0-9._ -]{1,12}$/), { minLength: 1, maxLength: 4 })
      .map((p) => p.join('/'));
    fc.assert(
      fc.property(fc.dictionary(path, fc.uint8Array({ maxLength: 600 })), (files) => {
        let archive: Uint8Array;
        try {
          archive = writeCpio(new Map(Object.entries(files).map(([name, data]) => [name, { data }])));
        } catch (error) {
          // A generated name may be a folder of another one, or `..`.
          expect(error).toBeInstanceOf(AssayError);
          return;
        }
        const read = parseCpio(archive).filter(({ kind }) => kind === 'file');
        expect(Object.fromEntries(read.map((entry) => [entry.path, entry.data]))).toEqual({ ...files });
      }),
    );
  });

  it('mean to a reader of another hand what they mean to ours', () => {
    const program = `
import sys
b=sys.stdin.buffer.read(); at=0; out=[]
while True:
    f=[int(b[at+6+8*i:at+14+8*i],16) for i in range(13)]
    name=b[at+110:at+110+f[11]-1].decode(); d=(at+110+f[11]+3)//4*4
    if name=='TRAILER!!!': break
    out.append('%s %o %s'%(name,f[1],b[d:d+f[6]].decode())); at=(d+f[6]+3)//4*4
print('|'.join(out))`;
    const said = execFileSync('python3', ['-c', program], { input: sample, encoding: 'utf8' });
    expect(said.trim()).toBe('etc 40500 |etc/host 100400 abc');
  });

  it('refuse files that cannot be written safely', () => {
    const data = utf8('x');
    for (const path of ['', '/etc/x', '../x', 'a/../b', 'a//b', 'a\\b', 'a\nb', 'TRAILER!!!'])
      expect(() => writeCpio(new Map([[path, { data }]])), path).toFailWith('CPIO_PATH_UNSAFE');
    expect(() =>
      writeCpio(
        new Map([
          ['a', { data }],
          ['a/b', { data }],
        ]),
      ),
    ).toFailWith('CPIO_INVALID');
  });

  it.each(malformed)('are refused with $name', ({ edit, code }) => {
    expect(() => parseCpio(apply(edit))).toFailWith(code as Code);
  });

  it('are refused when a path comes twice', () => {
    const entry = single.subarray(0, 124);
    expect(parseCpio(single)).toHaveLength(1);
    expect(() => parseCpio(concat(entry, single))).toFailWith('CPIO_INVALID');
  });

  it('throw nothing but typed errors on any edit', () => {
    fc.assert(
      fc.property(fc.nat(sample.length - 1), fc.integer({ min: 0, max: 255 }), (at, byte) => {
        const bytes = sample.slice();
        bytes[at] = byte;
        try {
          parseCpio(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(AssayError);
        }
      }),
      { numRuns: 2_000 },
    );
    for (let cut = 0; cut < sample.length - 511; cut++)
      expect(() => parseCpio(sample.subarray(0, cut))).toThrow(AssayError);
  });
});
