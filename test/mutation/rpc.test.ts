/**
 * Mutations of messages and of whole conversations. A message that is still accepted means to us what it means to
 * protobufjs; a session never throws anything but typed errors, and never answers a stream twice.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import protobuf from 'protobufjs';
import { afterAll, describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import { AssayError } from '../../src/base/errors.ts';
import { ClientSession } from '../../src/rpc/client-session.ts';
import { encodeRefusal, encodeRequest, encodeResponse } from '../../src/rpc/envelope.ts';
import { FrameDecoder } from '../../src/rpc/frame.ts';
import { type MessageName, messageCodec } from '../../src/rpc/messages.ts';
import { handler, handlerTable, ServerSession } from '../../src/rpc/server-session.ts';
import { Enclave, Store } from '../../src/rpc/service.ts';
import { MUTATIONS, mutate, mutateAsync, parsed, SEED } from '../support/mutate.ts';

const counts: string[] = [];
afterAll(() => console.log(`mutations of the wire, ASSAY_SEED=${SEED}: ${counts.join(', ')}`));

const text = (file: string): string => readFileSync(join(import.meta.dirname, '../../src/rpc', file), 'utf8');
const reflection = protobuf.parse(text('schema.proto'), new protobuf.Root(), {}).root;
const filled = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

const receipt = {
  leaf: filled(120, 1),
  index: 2 ** 40,
  proof: [filled(32, 2), filled(32, 3)],
  checkpoint: 'sim.o\n7\n',
};
const attestation = {
  platform: 'nitro',
  evidence: filled(90, 4),
  identity: filled(60, 5),
  challengeIndex: 3,
  challengeCount: 300,
  challengePath: [filled(32, 6)],
  keys: [{ name: 'log', key: filled(32, 7) }],
  endorsements: filled(40, 8),
};
const decide = {
  interventionPoint: 'pre_tool_call',
  snapshot: filled(80, 0x20),
  audience: 'zähler',
  nonce: filled(16, 8),
  requiredLevel: 2,
  validForMs: 60_000,
  session: filled(8, 9),
  parent: 70_000,
  labels: ['a', 'b'],
};
const answer = {
  decision: 'allow',
  reason: '',
  rule: 'r1',
  message: '',
  target: filled(5, 1),
  inputIdentity: 'x',
  enforcedIdentity: 'y',
  receipt,
};
const SAMPLES: readonly (readonly [MessageName, unknown])[] = [
  ['DecideRequest', decide],
  ['DecideResponse', answer],
  ['AttestResponse', { attestation, session: filled(40, 2), sessionSignature: filled(64, 3) }],
  [
    'StageRequest',
    { session: 9_007_199_254_740_991, firstIndex: 5, count: 2, note: filled(70, 1), entries: filled(90, 2) },
  ],
];

const SETTINGS = { longs: Number, bytes: Array, defaults: true } as const;

/** What proto3 sends of a value: no defaults, no absent optionals. */
function significant(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(significant);
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value)
    .filter(([key, item]) => item !== null && !key.startsWith('_'))
    .map(([key, item]) => [key, significant(item)] as const)
    .filter(
      ([, item]) =>
        item !== 0 && item !== '' && item !== false && !(Array.isArray(item) && item.length === 0),
    );
  return Object.fromEntries(kept);
}

describe('messages', () => {
  for (const [name, value] of SAMPLES) {
    it(name, () => {
      const codec = messageCodec(name);
      const type = reflection.lookupType(`assay.v1.${name}`);
      let accepted = 0;
      const made = mutate(name, [codec.encode(value as never)], ({ bytes }) => {
        const read = parsed(() => codec.decode(bytes));
        if (read === null) return;
        accepted++;
        expect(codec.decode(codec.encode(read as never))).toEqual(read);
        expect(significant(read)).toEqual(significant(type.toObject(type.decode(bytes), SETTINGS)));
      });
      counts.push(`${name} ${made} (${accepted} still valid)`);
    });
  }
});

const max = 65_536;

/** A few calls and their answers, as each side sends them. */
const requests = concat(
  encodeRequest(1, Enclave.Decide, decide, 0, max),
  encodeRequest(3, Enclave.Status, {}, 1_000, max),
  encodeRequest(5, Store.Open, {}, 0, max),
  encodeRequest(7, Enclave.GetReceipt, { index: 4 }, 0, max),
);
const responses = concat(
  encodeResponse(3, Enclave.GetReceipt.response, receipt, max),
  encodeRefusal(1, { code: 3, message: 'USAGE: no', details: [] }),
  encodeResponse(5, Enclave.GetReceipt.response, receipt, max),
);

describe('conversations', () => {
  it('a server with a mutated client', async () => {
    let broken = 0;
    const handlers = handlerTable([
      handler(Enclave.Decide, async (_request, _context: null) => answer),
      handler(Enclave.GetReceipt, async (_request, _context: null) => receipt),
    ]);
    const made = await mutateAsync('requests', [requests], async ({ bytes }) => {
      const sent: Uint8Array[] = [];
      const session = new ServerSession({
        handlers,
        context: null,
        maxFrameBytes: max,
        maxStreams: 8,
        send: (frame) => void sent.push(frame),
        broken: (error) => {
          broken++;
          expect(error.code).toMatch(/^(FRAME|STREAM)_/);
        },
      });
      session.receive(bytes);
      await new Promise((resolve) => setImmediate(resolve));
      const streams: number[] = [];
      new FrameDecoder(max, ({ streamId }) => void streams.push(streamId)).push(concat(...sent));
      expect(new Set(streams).size).toBe(streams.length);
      expect(session.inFlight).toBe(0);
    });
    counts.push(`requests ${made} (${broken} broke the protocol)`);
  });

  it('a client with a mutated server', async () => {
    let broken = 0;
    const made = await mutateAsync('responses', [responses], async ({ bytes }) => {
      const session = new ClientSession({ maxFrameBytes: max, maxStreams: 8, send: () => undefined });
      const calls = [1, 2, 3].map((index) =>
        session.call(Enclave.GetReceipt, { index }, 0, Number.POSITIVE_INFINITY),
      );
      const settled = Promise.allSettled(calls);
      try {
        session.receive(bytes);
      } catch (error) {
        broken++;
        expect(error).toBeInstanceOf(AssayError);
      }
      session.end(new AssayError('CONNECTION_LOST', 'over'));
      for (const call of await settled)
        if (call.status === 'rejected') expect(call.reason).toBeInstanceOf(AssayError);
    });
    counts.push(`responses ${made} (${broken} broke the protocol)`);
    expect(made).toBeGreaterThanOrEqual(Math.min(MUTATIONS, 100));
  });
});
