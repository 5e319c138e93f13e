/** Errors on the wire: codes survive, and nothing else of the server's inside does. */
import { describe, expect, it } from 'vitest';
import { CODES } from '../../src/base/codes/index.ts';
import { AssayError, type Code, ParseError } from '../../src/base/errors.ts';
import { messageCodec } from '../../src/rpc/messages.ts';
import { errorOf, statusOf } from '../../src/rpc/status.ts';

describe('status', () => {
  it('carries every catalogued code there and back', () => {
    for (const code of Object.keys(CODES) as Code[]) {
      const status = statusOf(new AssayError(code, 'why: it is so'));
      const back = errorOf(messageCodec('Status').decode(messageCodec('Status').encode(status)));
      expect(back.code).toBe(code);
      expect(back.message).toBe(code === 'INTERNAL' ? 'a defect in the service' : 'why: it is so');
      expect(status.code).toBeGreaterThan(0);
    }
  });

  it('says where a parse failed', () => {
    const error = errorOf(statusOf(new ParseError('MESSAGE_INVALID', 'bad', 7, 'a.b')));
    expect(error.message).toBe('a.b: bad (at byte 7)');
  });

  it('tells nothing of an unexpected error', () => {
    for (const defect of [
      new Error('secret'),
      'secret',
      null,
      new AssayError('INTERNAL', 'secret', { cause: new Error('secret') }),
    ])
      expect(statusOf(defect)).toEqual({
        code: 13,
        message: 'INTERNAL: a defect in the service',
        details: [],
      });
  });

  it('is well-formed and bounded whatever the text', () => {
    const status = statusOf(new AssayError('USAGE', `\ud800${'x'.repeat(5_000)}`));
    expect(status.message.isWellFormed()).toBe(true);
    expect(status.message.length).toBeLessThan(1_100);
    expect(() => messageCodec('Status').encode(status)).not.toThrow();
  });

  it('shows what a peer says without what a terminal would obey', () => {
    const said = (message: string): AssayError => errorOf({ code: 5, message, details: [] });
    expect(said('USAGE: \u001b[2Jgone\r\n\u202e\u2028').message).toBe('?[2Jgone????');
    expect(said('no such thing')).toMatchObject({
      code: 'RPC_REMOTE_ERROR',
      message: 'code 5: no such thing',
    });
    expect(said('toString: x').code).toBe('RPC_REMOTE_ERROR');
    expect(said('__proto__: x').code).toBe('RPC_REMOTE_ERROR');
    expect(said(': x').code).toBe('RPC_REMOTE_ERROR');
    expect(said('').code).toBe('RPC_REMOTE_ERROR');
    expect(said(`USAGE: ${'y'.repeat(9_999)}`).message.length).toBe(1_024);
  });
});
