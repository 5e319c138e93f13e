/**
 * Mutations of enclave images, archives, module messages and key envelopes. Nothing but typed errors may come out,
 * and what is still accepted is written the one way that its writer has, or means what another reader says it does.
 */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { decode as cborgDecode } from 'cborg';
import { parseEnvelopedData } from '../../enclave/keys/cms.ts';
import { sealEnvelope } from '../../host/simulator/cms.ts';
import { writeCpio } from '../../images/cpio.ts';
import { withChecksum, writeEif } from '../../images/eif.ts';
import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import {
  decodeNsmRequest,
  decodeNsmResponse,
  encodeNsmRequest,
  encodeNsmResponse,
  type NsmRequest,
  type NsmResponse,
} from '../../src/evidence/nsm.ts';
import { parseCpio } from '../../src/image/cpio.ts';
import { parseEif } from '../../src/image/eif.ts';
import { cborSpans, derSpans, mutate, parsed, SEED } from '../support/mutate.ts';

const counts: string[] = [];
afterAll(() => console.log(`mutations, ASSAY_SEED=${SEED}: ${counts.join(', ')}`));

function note(format: string, made: number, accepted: number): void {
  counts.push(`${format} ${made} (${accepted} still valid)`);
  expect(made).toBeGreaterThan(0);
}

const archive = writeCpio(
  new Map([
    ['enclave.mjs', { data: utf8('console.log(1)') }],
    ['etc/init', { data: utf8('#!/bin/sh\n'), executable: true }],
  ]),
);
const eif = writeEif({
  architecture: 'x86_64',
  kernel: utf8('kernel'),
  cmdline: 'reboot=k panic=30',
  ramdisks: [archive, utf8('second')],
  metadata: utf8('{}'),
});

const REQUESTS: readonly NsmRequest[] = [
  { kind: 'GetRandom' },
  { kind: 'ExtendPCR', index: 16, data: new Uint8Array(48).fill(1) },
  { kind: 'Attestation', userData: new Uint8Array(64).fill(2), nonce: null, publicKey: null },
];
const RESPONSES: readonly NsmResponse[] = [
  { kind: 'Error', code: 'InvalidIndex' },
  { kind: 'DescribePCR', lock: true, data: new Uint8Array(48).fill(3) },
  {
    kind: 'DescribeNSM',
    versionMajor: 1,
    versionMinor: 0,
    versionPatch: 0,
    moduleId: 'i-0-enc0',
    maxPcrs: 32,
    lockedPcrs: [0, 1, 2],
    digest: 'SHA384',
  },
];

describe('mutations', () => {
  it('EIF: what is accepted with its checksum repaired has sections that fill the file exactly', () => {
    let accepted = 0;
    const made = mutate('eif', [eif], ({ bytes }) => {
      const file = bytes.length < 548 ? bytes : withChecksum(bytes);
      const image = parsed(() => parseEif(file));
      if (image === null) return;
      accepted++;
      const { kernel, cmdline, metadata, ramdisks, signature } = image;
      const sections = [kernel, cmdline, metadata, ...ramdisks, ...(signature === null ? [] : [signature])];
      expect(sections.reduce((sum, { length }) => sum + 12 + length, 548)).toBe(file.length);
    });
    note('eif', made, accepted);
  });

  it('cpio: what is accepted has safe paths, each once, and contents inside the archive', () => {
    let accepted = 0;
    const made = mutate('cpio', [archive], ({ bytes }) => {
      const entries = parsed(() => parseCpio(bytes));
      if (entries === null) return;
      accepted++;
      expect(new Set(entries.map(({ path }) => path)).size).toBe(entries.length);
      for (const { path, data } of entries) {
        expect(path.startsWith('/') || path.split('/').includes('..')).toBe(false);
        expect(data.byteOffset + data.length).toBeLessThanOrEqual(bytes.byteOffset + bytes.length);
      }
    });
    note('cpio', made, accepted);
  });

  it('NSM messages: what is accepted is what another reader sees, and encodes again to the same meaning', () => {
    const counted = { requests: 0, responses: 0 };
    const spans = { spans: cborSpans };
    const requests = mutate(
      'nsm request',
      REQUESTS.map(encodeNsmRequest),
      ({ bytes }) => {
        const request = parsed(() => decodeNsmRequest(bytes));
        if (request === null) return;
        counted.requests++;
        expect(decodeNsmRequest(encodeNsmRequest(request))).toEqual(request);
        expect(cborgDecode(encodeNsmRequest(request))).toEqual(cborgDecode(bytes));
      },
      spans,
    );
    const responses = mutate(
      'nsm response',
      RESPONSES.map(encodeNsmResponse),
      ({ bytes }) => {
        const response = parsed(() => decodeNsmResponse(bytes));
        if (response === null) return;
        counted.responses++;
        expect(decodeNsmResponse(encodeNsmResponse(response))).toEqual(response);
        expect(cborgDecode(encodeNsmResponse(response))).toEqual(cborgDecode(bytes));
      },
      spans,
    );
    note('nsm requests', requests, counted.requests);
    note('nsm responses', responses, counted.responses);
  });

  it('key envelopes: what is accepted has parts of the right size that lie in the input', () => {
    const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const spki = new Uint8Array(publicKey.export({ type: 'spki', format: 'der' }));
    const envelope = sealEnvelope(new Uint8Array(32), spki);
    let accepted = 0;
    const made = mutate(
      'cms',
      [envelope],
      ({ bytes }) => {
        const found = parsed(() => parseEnvelopedData(bytes));
        if (found === null) return;
        accepted++;
        expect([found.recipientId.length, found.iv.length, found.ciphertext.length % 16]).toEqual([
          32, 16, 0,
        ]);
        expect(found.ciphertext.length + found.encryptedKey.length).toBeLessThan(bytes.length);
        if (equalBytes(bytes, envelope)) expect(found.encryptedKey.length).toBe(256);
      },
      { spans: derSpans },
    );
    note('cms', made, accepted);
  });
});
