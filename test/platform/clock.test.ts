import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createClock, type EnclaveClock, UNBOUNDED_ERROR_MS } from '../../enclave/platform/clock.ts';
import { MAX_TIME } from '../../src/base/clock.ts';

const START = Date.UTC(2026, 10, 20);

interface Bench {
  readonly clock: EnclaveClock;
  pass(ms: number): void;
}

function bench(roundTripMs = 10): Bench {
  let ns = 5_000_000_000n;
  const clock = createClock('test', () => ns, START, roundTripMs);
  return { clock, pass: (ms) => (ns += BigInt(Math.round(ms * 1e6))) };
}

describe('the clock of the enclave', () => {
  it('counts at the rate of the counter, from the signed time', () => {
    const { clock, pass } = bench();
    expect(clock.now()).toBe(START);
    pass(1_500.9);
    expect(clock.now()).toBe(START + 1_500);
    expect(clock.source).toBe('test');
  });

  it('bounds its error by the round trip and the drift since', () => {
    const { clock, pass } = bench(10);
    expect(clock.errorMs()).toBe(10);
    pass(1_000_000);
    expect(clock.errorMs()).toBe(10 + 200);
    clock.anchor(clock.now() + 3, 4);
    expect(clock.errorMs()).toBe(4);
  });

  it('follows an anchor ahead, and goes on from what it said past one behind, with the distance in its error', () => {
    const { clock, pass } = bench();
    pass(1_000);
    clock.anchor(START + 60_000, 7);
    expect(clock.now()).toBe(START + 60_000);
    clock.anchor(START + 10_000, 7);
    expect(clock.now()).toBe(START + 60_000);
    expect(clock.errorMs()).toBe(50_000 + 7);
    pass(500);
    expect(clock.now()).toBe(START + 60_500);
    clock.anchor(START + 70_000, 2);
    expect([clock.now(), clock.errorMs()]).toEqual([START + 70_000, 2]);
  });

  it('that nothing anchors has an error as large as a time can be, and still never runs backwards', () => {
    const { clock, pass } = bench(UNBOUNDED_ERROR_MS);
    expect(clock.errorMs()).toBe(MAX_TIME);
    pass(86_400_000);
    clock.requireAtLeast(clock.now() + 1_000);
    expect(clock.errorMs()).toBeGreaterThan(MAX_TIME);
    expect(Number.isSafeInteger(clock.errorMs())).toBe(true);
    expect(() => clock.requireAtLeast(clock.now() + 5_001)).toFailWith('CLOCK_BEFORE_LOG');
  });

  it('does not run before the log: CLOCK_BEFORE_LOG', () => {
    const { clock, pass } = bench();
    expect(() => clock.requireAtLeast(START + 5_001)).toFailWith('CLOCK_BEFORE_LOG');
    pass(2);
    clock.requireAtLeast(START + 5_001);
    expect(clock.now()).toBe(START + 5_001);
    expect(clock.errorMs()).toBeGreaterThanOrEqual(4_999 + 10);
    clock.requireAtLeast(START);
    expect(clock.now()).toBe(START + 5_001);
  });

  it('never says less than before, and is never further off than it says', () => {
    const step = fc.oneof(
      fc.record({ pass: fc.integer({ min: 0, max: 100_000 }) }),
      fc.record({ off: fc.integer({ min: -90_000, max: 90_000 }) }),
      fc.record({ floor: fc.integer({ min: -5_000, max: 4_000 }) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const { clock, pass } = bench(0);
        let hardware = START;
        let said = 0;
        for (const one of steps) {
          if ('pass' in one) {
            pass(one.pass);
            hardware += one.pass;
          } else if ('off' in one) clock.anchor((hardware += one.off), 0);
          else clock.requireAtLeast(hardware + one.floor);
          const now = clock.now();
          expect(now).toBeGreaterThanOrEqual(said);
          expect(Math.abs(now - hardware)).toBeLessThanOrEqual(clock.errorMs() + 1);
          said = now;
        }
      }),
      { numRuns: 300 },
    );
  });
});
