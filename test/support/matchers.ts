/** `expect(fn).toFailWith('CODE')` and `await expect(promise).toRejectWith('CODE')`: errors are told apart by code alone. */
import { expect } from 'vitest';
import { AssayError, type Code } from '../../src/base/errors.ts';

function judge(caught: unknown, code: Code): { pass: boolean; message: () => string } {
  const got = caught instanceof AssayError ? caught.code : caught === undefined ? 'no error' : String(caught);
  return {
    pass: got === code,
    message: () => `expected ${code}, got ${got}${caught instanceof Error ? `: ${caught.message}` : ''}`,
  };
}

expect.extend({
  toFailWith(received: () => unknown, code: Code) {
    try {
      received();
    } catch (error) {
      return judge(error, code);
    }
    return judge(undefined, code);
  },
  async toRejectWith(received: Promise<unknown> | (() => Promise<unknown>), code: Code) {
    try {
      await (typeof received === 'function' ? received() : received);
    } catch (error) {
      return judge(error, code);
    }
    return judge(undefined, code);
  },
});

declare module 'vitest' {
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> {
    toFailWith(code: Code): R;
    toRejectWith(code: Code): Promise<void>;
  }
}
