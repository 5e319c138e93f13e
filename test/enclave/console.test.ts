import { describe, expect, it } from 'vitest';
import { createConsole, problemLine } from '../../enclave/console.ts';
import { AssayError, codeOf } from '../../src/base/errors.ts';

describe('the console', () => {
  it('writes one JSON object a line', () => {
    const written: string[] = [];
    createConsole((text) => written.push(text))({ event: 'sealed', number: 3 });
    expect(written).toEqual(['{"event":"sealed","number":3}\n']);
  });

  it('shows our own errors, and of a foreign one only its kind', () => {
    expect(problemLine('refused', new AssayError('KEYRING_MISSING', 'locked'))).toEqual({
      event: 'refused',
      code: 'KEYRING_MISSING',
      detail: 'locked',
    });
    const foreign = new TypeError('the card 4111 1111 1111 1111 is not a function');
    expect(problemLine('problem', foreign)).toEqual({
      event: 'problem',
      code: 'INTERNAL',
      detail: 'TypeError',
    });
    expect(problemLine('problem', 'secret')).toEqual({
      event: 'problem',
      code: 'INTERNAL',
      detail: 'unknown',
    });
    expect(codeOf(foreign)).toBe('INTERNAL');
  });
});
