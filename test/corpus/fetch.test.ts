/** The fetcher against a real local HTTP server: good files, encoded files, wrong bytes, missing files. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CORPUS, type CorpusEntry, corpusBytes, missing } from '../support/corpus.ts';
import { deriveFrom } from './derive.ts';
import { fetchCorpus } from './fetch.ts';
import { FAMILIES, readLock } from './lock.ts';
import { parseSource, sha256 } from './source.ts';

const commit = '0123456789abcdef0123456789abcdef01234567';
const raw = new TextEncoder().encode('recorded evidence, forty bytes or more of it');
const cose = Buffer.concat([
  Buffer.from('8444a1013822a0590003', 'hex'),
  Buffer.from('abc'),
  Buffer.from('5860', 'hex'),
  Buffer.alloc(96, 7),
]);
const served: Record<string, Uint8Array | string> = {
  [`/a/b/${commit}/raw.bin`]: raw,
  [`/a/b/${commit}/base64.txt`]: Buffer.from(raw)
    .toString('base64')
    .replace(/(.{20})/g, '$1\n'),
  [`/a/b/${commit}/source.ts`]: `export const proof = "${Buffer.from(raw).toString('hex')}";`,
  [`/a/b/${commit}/bundle.bin`]: Buffer.concat([Buffer.from('junk'), cose, Buffer.from('more')]),
  [`/a/b/${commit}/evil.bin`]: 'other bytes',
};

const entry = (file: string, source: string, bytes: Uint8Array): CorpusEntry => ({
  file,
  sha256: sha256(bytes),
  kind: 'test',
  description: '',
  source,
  verify_at: null,
  expected: { verdict: 'valid', why: '', fields: {} },
});

describe('make corpus', () => {
  let server: Server;
  let mirror = '';
  let requests = 0;
  beforeAll(async () => {
    server = createServer((request, response) => {
      requests++;
      const body = served[request.url ?? ''];
      response.writeHead(body === undefined ? 404 : 200).end(body);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    mirror = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => server.close());

  it('takes each file by its hash, whatever its encoding, and says what it could not get', async () => {
    const into = mkdtempSync(join(tmpdir(), 'assay-corpus-'));
    const lock = {
      nitro: [
        entry('raw.bin', `a/b@${commit}:raw.bin`, raw),
        entry('docs/decoded.bin', `a/b@${commit}:base64.txt (base64-decoded)`, raw),
        entry('literal.bin', `a/b@${commit}:source.ts proof`, raw),
        entry('embedded.cbor', `a/b@${commit}:bundle.bin (COSE document embedded at the scan offset)`, cose),
        entry('evil.bin', `a/b@${commit}:evil.bin`, raw),
        entry('gone.bin', `a/b@${commit}:gone.bin`, raw),
        entry('made.bin', 'made for this corpus', raw),
      ],
    };
    const first = await fetchCorpus(lock, into, mirror, () => {});
    expect(first).toMatchObject({ fetched: 4, present: 0, unavailable: ['nitro/made.bin'] });
    expect(first.failed.map((line) => line.split(':')[0])).toEqual(['nitro/evil.bin', 'nitro/gone.bin']);
    expect(new Uint8Array(readFileSync(join(into, 'nitro/docs/decoded.bin')))).toEqual(raw);
    const before = requests;
    expect(await fetchCorpus({ nitro: lock.nitro.slice(0, 4) }, into, mirror, () => {})).toMatchObject({
      fetched: 0,
      present: 4,
    });
    expect(requests).toBe(before);
  });

  it('locks every family with a hash for each file', () => {
    const lock = readLock();
    expect(Object.keys(lock)).toEqual([...FAMILIES]);
    for (const entries of Object.values(lock))
      for (const { sha256: hash } of entries) expect(hash).toMatch(/^[0-9a-f]{64}$/);
    const open = Object.values(lock)
      .flat()
      .filter(({ source }) => parseSource(source) === null);
    console.log(
      `${Object.values(lock).flat().length} files locked; ${open.length} were generated and have no public file`,
    );
  });

  it('makes the derived documents again from their base', () => {
    if (CORPUS === null) return void missing('nitro derived documents', 4);
    for (const { file, sha256: hash } of readLock()['nitro'] ?? []) {
      if (!file.startsWith('derived/')) continue;
      const made = deriveFrom(file, (base) => corpusBytes('nitro', base));
      expect(made === null ? null : sha256(made), file).toBe(hash);
    }
  });
});
