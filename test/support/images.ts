/** Images to measure, compare and sign, and certificates for signing keys. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { writeCpio } from '../../images/cpio.ts';
import { type EifContent, writeEif } from '../../images/eif.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { certificate, type Parts } from './certificates.ts';

export type Texts = Readonly<Record<string, string>>;

export function archive(files: Texts): Uint8Array {
  return writeCpio(new Map(Object.entries(files).map(([path, text]) => [path, { data: utf8(text) }])));
}

export const gzip = (bytes: Uint8Array): Uint8Array => new Uint8Array(gzipSync(bytes));
export const zstd = (bytes: Uint8Array): Uint8Array => new Uint8Array(zstdCompressSync(bytes));

export const BOOT: Texts = { init: 'starts', 'init.conf': 'uid 1000' };
export const ROOT: Texts = {
  'enclave/main.mjs': 'decide()',
  'enclave/config.json': '{}',
  'lib/libc.so': 'c',
};

/** Canonical: two ramdisks, one of each compression that is unpacked. */
export const CONTENT: EifContent = {
  architecture: 'x86_64',
  kernel: utf8('bzImage, pretend'),
  cmdline: 'reboot=k panic=30 quiet',
  metadata: utf8('{"ImageName":"a","BuildMetadata":{"BuildTime":"1970-01-01T00:00:01Z"}}'),
  ramdisks: [gzip(archive(BOOT)), zstd(archive(ROOT))],
};

export const image = (changes: Partial<EifContent> = {}): Uint8Array => writeEif({ ...CONTENT, ...changes });

/** A folder for files, and a function that fills it and gives the path. */
export function scratch(name: string): {
  folder: string;
  file: (name: string, data: Uint8Array | string) => string;
} {
  const folder = mkdtempSync(join(tmpdir(), `assay-${name}-`));
  return {
    folder,
    file(path, data) {
      writeFileSync(join(folder, path), data);
      return join(folder, path);
    },
  };
}

export interface SigningFiles {
  readonly key: Uint8Array;
  readonly certificate: Uint8Array;
  readonly der: Uint8Array;
  readonly privateKey: KeyObject;
}

/** PEM of a new key on this curve, and of a certificate for it, valid from 2024 to 2051. */
export function signer(namedCurve: string, faults: Partial<Parts> = {}): SigningFiles {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
  const der = certificate({ spki, ...faults });
  return {
    key: utf8(privateKey.export({ type: 'pkcs8', format: 'pem' }) as string),
    certificate: utf8(formatPem('CERTIFICATE', der)),
    der,
    privateKey,
  };
}
