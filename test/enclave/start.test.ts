/** The flags that an enclave runs with are the ones that its image measures. */
import { describe, expect, it } from 'vitest';
import { requireMeasuredFlags } from '../../enclave/start.ts';

describe('measured flags', () => {
  it('takes exactly the measured flags', () => {
    requireMeasuredFlags(['--secure-heap=65536', '--no-warnings'], '--secure-heap=65536 --no-warnings');
    requireMeasuredFlags([], '');
  });

  for (const started of [
    [],
    ['--no-warnings'],
    ['--secure-heap=65536', '--no-warnings', '--inspect'],
    ['--no-warnings', '--secure-heap=65536'],
  ]) {
    it(`refuses ${started.join(' ') || 'none'}`, () => {
      expect(() => requireMeasuredFlags(started, '--secure-heap=65536 --no-warnings')).toFailWith(
        'FLAGS_NOT_MEASURED',
      );
    });
  }
});
