/** The client's end without a stream under it: what waits, what is refused, what is never answered. */
import { describe, expect, it } from 'vitest';
import { AssayError } from '../../src/base/errors.ts';
import { ClientSession } from '../../src/rpc/client-session.ts';
import { encodeRefusal, encodeResponse } from '../../src/rpc/envelope.ts';
import { Enclave, Store } from '../../src/rpc/service.ts';
import { frame } from '../support/frames.ts';

const MAX = 4_096;

function bench(maxStreams: number): { session: ClientSession; sent: number[] } {
  const sent: number[] = [];
  const send = (bytes: Uint8Array): void =>
    void sent.push(new DataView(bytes.buffer, bytes.byteOffset).getUint32(4));
  return { session: new ClientSession({ maxFrameBytes: MAX, maxStreams, send }), sent };
}

const put = (session: ClientSession, bytes: number, deadline = Number.POSITIVE_INFINITY): Promise<unknown> =>
  session.call(
    Store.Put,
    { session: 1, path: 'keyring', data: new Uint8Array(bytes) },
    Number.isFinite(deadline) ? deadline : 0,
    deadline,
  );
const answer = (streamId: number): Uint8Array => encodeResponse(streamId, Store.Put.response, {}, MAX);

describe('the end of a client', () => {
  it('sends the next call that waits when the one before it cannot be sent', async () => {
    const { session, sent } = bench(1);
    const first = put(session, 1);
    const large = put(session, MAX);
    const larger = put(session, 2 * MAX);
    const last = put(session, 2);
    const behind = put(session, 3);
    session.receive(answer(1));
    await first;
    await expect(large).toRejectWith('FRAME_TOO_LARGE');
    await expect(larger).toRejectWith('FRAME_TOO_LARGE');
    expect(sent).toEqual([1, 3]);
    session.receive(answer(3));
    expect(await last).toEqual({});
    expect(sent).toEqual([1, 3, 5]);
    session.receive(answer(5));
    expect(await behind).toEqual({});
    expect(session.inFlight).toBe(0);
  });

  it('rejects what is in flight, what waits and what comes later', async () => {
    const { session, sent } = bench(1);
    const calls = [put(session, 1), put(session, 1)];
    session.end(new AssayError('CONNECTION_LOST', 'gone'));
    session.end(new AssayError('INTERNAL', 'said too late'));
    for (const call of [...calls, put(session, 1)]) await expect(call).toRejectWith('CONNECTION_LOST');
    expect(sent).toEqual([1]);
    expect(session.inFlight).toBe(0);
    // What arrives afterwards is not read.
    session.receive(answer(99));
  });

  it('tells each call whose time is over, also one that was never sent, and keeps the place of the first', async () => {
    const { session, sent } = bench(1);
    const first = put(session, 1, 10);
    const second = put(session, 1, 10);
    const third = put(session, 1, 30);
    expect(session.expire(9)).toBe(10);
    expect(session.expire(10)).toBe(30);
    await expect(first).toRejectWith('RPC_TIMEOUT');
    await expect(second).toRejectWith('RPC_TIMEOUT');
    expect(sent).toEqual([1]);
    session.receive(answer(1));
    expect(sent).toEqual([1, 3]);
    session.receive(answer(3));
    expect(await third).toEqual({});
  });

  it.each([
    ['another answer to a call that was given up', answer(1), 'STREAM_ID_INVALID'],
    ['an answer to no call', answer(7), 'STREAM_ID_INVALID'],
    ['a request', frame(3, new Uint8Array(0)), 'FRAME_TYPE_UNKNOWN'],
  ] as const)('does not take %s', async (_, bytes, code) => {
    const { session } = bench(2);
    const given = put(session, 1, 10);
    session.expire(10);
    await expect(given).toRejectWith('RPC_TIMEOUT');
    session.receive(answer(1));
    expect(() => session.receive(bytes)).toFailWith(code);
  });

  it('gives a refusal as an error, and what is no message too', async () => {
    const { session } = bench(3);
    const refused = put(session, 1);
    const garbled = put(session, 1);
    const wrong = session.call(Enclave.GetReceipt, { index: 1 }, 0, Number.POSITIVE_INFINITY);
    session.receive(encodeRefusal(1, { code: 9, message: 'LOG_BUSY: wait', details: [] }));
    session.receive(frame(3, Uint8Array.of(0xff), { type: 2 }));
    session.receive(encodeResponse(5, Store.Publish.response, { size: 3 }, MAX));
    await expect(refused).toRejectWith('LOG_BUSY');
    await expect(garbled).rejects.toBeInstanceOf(AssayError);
    await expect(wrong).rejects.toBeInstanceOf(AssayError);
  });
});
