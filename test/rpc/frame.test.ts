/** ttrpc frames: any chunking gives the same frames, and every fault of a header is named. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat } from '../../src/base/bytes.ts';
import type { Code } from '../../src/base/errors.ts';
import {
  type Frame,
  FrameDecoder,
  FrameError,
  HEADER_BYTES,
  MAX_FRAME_BYTES,
  writeHeader,
} from '../../src/rpc/frame.ts';
import { frame } from '../support/frames.ts';

interface Seen {
  readonly streamId: number;
  readonly type: number;
  readonly payload: readonly number[];
}

const seen = ({ streamId, type, payload }: Frame): Seen => ({ streamId, type, payload: [...payload] });

/** Decodes in chunks that end at `cuts`. */
function decode(bytes: Uint8Array, cuts: readonly number[], max = 4_096): Seen[] {
  const out: Seen[] = [];
  const decoder = new FrameDecoder(max, (one) => out.push(seen(one)));
  let at = 0;
  for (const cut of [...new Set(cuts)].filter((c) => c < bytes.length).sort((a, b) => a - b)) {
    decoder.push(Buffer.from(bytes.subarray(at, cut)));
    at = cut;
  }
  decoder.push(Buffer.from(bytes.subarray(at)));
  expect(decoder.partial).toBe(false);
  return out;
}

const frames = fc.array(
  fc.record({
    streamId: fc.nat(0xffff_ffff),
    type: fc.constantFrom(1, 2),
    payload: fc.oneof(fc.uint8Array({ maxLength: 40 }), fc.uint8Array({ minLength: 600, maxLength: 900 })),
  }),
  { maxLength: 8 },
);

describe('frames', () => {
  it('are the same in any chunking', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(4_000), { maxLength: 20 }), (list, cuts) => {
        const bytes = concat(
          ...list.map(({ streamId, type, payload }) => frame(streamId, payload, { type })),
        );
        const expected = list.map((one) => ({ ...one, payload: [...one.payload] }));
        expect(decode(bytes, cuts)).toEqual(expected);
        expect(decode(bytes, [...bytes.keys()])).toEqual(expected);
      }),
      { numRuns: 200 },
    );
  });

  it('take a payload of exactly the limit, in one piece and byte by byte', () => {
    const payload = new Uint8Array(4_096).fill(7);
    const bytes = frame(3, payload);
    expect(decode(bytes, [])).toEqual([{ streamId: 3, type: 1, payload: [...payload] }]);
    expect(decode(bytes, [...bytes.keys()])).toHaveLength(1);
  });

  it('do not alias the reader’s memory of an earlier frame', () => {
    const payloads: Uint8Array[] = [];
    const decoder = new FrameDecoder(64, ({ payload }) => payloads.push(payload));
    const two = concat(frame(1, Uint8Array.of(1, 2, 3)), frame(3, Uint8Array.of(4, 5, 6)));
    for (const byte of two) decoder.push(Uint8Array.of(byte));
    expect(payloads.map((payload) => [...payload])).toEqual([
      [1, 2, 3],
      [4, 5, 6],
    ]);
    expect(payloads.every((payload) => !Buffer.isBuffer(payload))).toBe(true);
  });

  it('keep memory in step with what has arrived, not with what is claimed', () => {
    const before = process.memoryUsage().arrayBuffers;
    const decoders = Array.from({ length: 256 }, () => new FrameDecoder(MAX_FRAME_BYTES, () => undefined));
    const start = frame(1, new Uint8Array(1), { length: MAX_FRAME_BYTES });
    for (const decoder of decoders) decoder.push(start);
    expect(decoders.every((decoder) => decoder.partial)).toBe(true);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 << 20);
  });

  const faults: readonly (readonly [string, Parameters<typeof frame>[2], Code])[] = [
    ['a payload one byte over the limit', { length: 4_097 }, 'FRAME_TOO_LARGE'],
    ['the largest length', { length: 0xffff_ffff }, 'FRAME_TOO_LARGE'],
    ['type 0', { type: 0 }, 'FRAME_TYPE_UNKNOWN'],
    ['data of a streaming call', { type: 3 }, 'FRAME_TYPE_UNKNOWN'],
    ['type 255', { type: 255 }, 'FRAME_TYPE_UNKNOWN'],
    ['flag remote closed', { flags: 1 }, 'FRAME_FLAGS_UNSUPPORTED'],
    ['flag remote open', { flags: 2 }, 'FRAME_FLAGS_UNSUPPORTED'],
    ['flag no data', { flags: 4 }, 'FRAME_FLAGS_UNSUPPORTED'],
    ['an unknown flag', { flags: 128 }, 'FRAME_FLAGS_UNSUPPORTED'],
  ];
  for (const [what, over, code] of faults) {
    it(`refuse ${what}, as soon as the header is there`, () => {
      const bytes = concat(frame(1, Uint8Array.of(9)), frame(5, new Uint8Array(0), over));
      for (const cut of [0, 3, 11, 15, bytes.length - 1]) {
        const got: Frame[] = [];
        const decoder = new FrameDecoder(4_096, (one) => got.push(one));
        let error: unknown;
        try {
          decoder.push(bytes.subarray(0, cut));
          decoder.push(bytes.subarray(cut));
        } catch (caught) {
          error = caught;
        }
        expect(error).toBeInstanceOf(FrameError);
        expect(error).toMatchObject({ code, streamId: 5, offset: HEADER_BYTES + 1 });
        expect(got).toHaveLength(1);
      }
    });
  }

  it('have the header of ttrpc', () => {
    const header = new Uint8Array(HEADER_BYTES);
    writeHeader(header, 0, 0x01020304, 0xf0a0b0c1, 2);
    expect([...header]).toEqual([1, 2, 3, 4, 0xf0, 0xa0, 0xb0, 0xc1, 2, 0]);
  });
});
