import { describe, expect, it } from 'vitest';
import { createQuoter } from '../../enclave/attest/index.ts';
import type { Platform, Quote, QuoteRequest } from '../../enclave/platform/index.ts';
import { AssayError } from '../../src/base/errors.ts';

/** A device whose answers come when the test says so. */
function slowDevice(): { platform: Platform; asked: QuoteRequest[]; answer(error?: unknown): Promise<void> } {
  const asked: QuoteRequest[] = [];
  const open: { resolve: (quote: Quote) => void; reject: (error: unknown) => void }[] = [];
  const platform = {
    quote: (request: QuoteRequest) =>
      new Promise<Quote>((resolve, reject) => {
        asked.push(request);
        open.push({ resolve, reject });
      }),
  } as Platform;
  return {
    platform,
    asked,
    async answer(error) {
      const next = open.shift();
      if (error === undefined)
        next?.resolve({ evidence: Uint8Array.of(asked.length), time: 1_000, endorsements: null });
      else next?.reject(error);
      await new Promise((resolve) => setImmediate(resolve));
    },
  };
}

const request = (name: number): QuoteRequest => ({
  binding: Uint8Array.of(name),
  challenge: null,
  recipient: null,
});
const names = (asked: readonly QuoteRequest[]): number[] => asked.map(({ binding }) => binding[0] as number);

describe('the quoter', () => {
  it('asks for one at a time, seals before identities, each in order', async () => {
    const { platform, asked, answer } = slowDevice();
    const quoter = createQuoter(
      platform,
      () => 0n,
      () => undefined,
    );
    const all = [
      quoter.quote('identity', request(1)),
      quoter.quote('identity', request(2)),
      quoter.quote('seal', request(3)),
      quoter.quote('seal', request(4)),
    ];
    expect(names(asked)).toEqual([1]);
    for (let i = 0; i < 4; i++) await answer();
    expect(names(asked)).toEqual([1, 3, 4, 2]);
    expect((await Promise.all(all)).map(({ evidence }) => evidence[0])).toEqual([1, 4, 2, 3]);
  });

  it('holds a bounded number in each queue: QUOTE_UNAVAILABLE', async () => {
    const { platform } = slowDevice();
    const quoter = createQuoter(
      platform,
      () => 0n,
      () => undefined,
      50,
    );
    const waiting = Array.from({ length: 65 }, (_, i) => quoter.quote('identity', request(i)));
    await expect(quoter.quote('identity', request(99))).toRejectWith('QUOTE_UNAVAILABLE');
    // The other queue is still open.
    waiting.push(quoter.quote('seal', request(100)));
    for (const one of waiting) await expect(one).toRejectWith('QUOTE_UNAVAILABLE');
  });

  it('passes our errors on, calls foreign ones QUOTE_UNAVAILABLE, and goes on', async () => {
    const { platform, answer } = slowDevice();
    const seen: Quote[] = [];
    const quoter = createQuoter(
      platform,
      () => 0n,
      (quote) => seen.push(quote),
    );
    const all = [1, 2, 3].map((name) => quoter.quote('seal', request(name)));
    const settled = Promise.allSettled(all);
    await answer(new AssayError('NSM_REFUSED', 'no'));
    await answer(new Error('ioctl'));
    await answer();
    const outcomes = await settled;
    expect(
      outcomes.map((one) => (one.status === 'rejected' ? (one.reason as AssayError).code : 'quote')),
    ).toEqual(['NSM_REFUSED', 'QUOTE_UNAVAILABLE', 'quote']);
    expect(seen).toHaveLength(1);
  });

  it('tells who waits too long, does not ask a device that hangs again, and uses it when it answers', async () => {
    const { platform, asked, answer } = slowDevice();
    const quoter = createQuoter(
      platform,
      () => 0n,
      () => undefined,
      30,
    );
    const late = [quoter.quote('seal', request(1)), quoter.quote('identity', request(2))];
    for (const one of late) await expect(one).toRejectWith('QUOTE_UNAVAILABLE');
    const next = quoter.quote('seal', request(3));
    expect(names(asked)).toEqual([1]);
    await answer();
    expect(names(asked)).toEqual([1, 3]);
    await answer();
    expect((await next).time).toBe(1_000);
  });

  it('tells the round trip with each quote', async () => {
    const { platform, answer } = slowDevice();
    let now = 0n;
    const trips: number[] = [];
    const quoter = createQuoter(
      platform,
      () => now,
      (_, roundTripMs) => trips.push(roundTripMs),
    );
    const one = quoter.quote('seal', request(1));
    now = 2_500_000n;
    await answer();
    await one;
    expect(trips).toEqual([2.5]);
  });
});
