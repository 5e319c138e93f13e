/** What throws in a stream's callback is an uncaught exception, as with Node's own sockets; nothing is swallowed. */
import { spawnSync } from 'node:child_process';
import { resolve } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { demandAddon, removeSockets, socketPath } from './support.ts';

beforeAll(demandAddon);
afterAll(removeSockets);

it('an exception in a handler is not lost, and the process may go on', () => {
  const native = resolve(import.meta.dirname, '../../native/index.ts');
  const program = `
    import { AsyncLocalStorage } from 'node:async_hooks';
    const { listen, connect } = await import(${JSON.stringify(native)});
    const seen = [];
    process.on('uncaughtException', (error) => seen.push(error.message));
    const address = { family: 'unix', path: ${JSON.stringify(socketPath())}, via: 'addon' };
    const listener = await listen(address, {}, (socket) => {
      socket.on('data', (data) => { if (String(data) === 'throw') throw new Error('from data'); socket.end(data); });
      if (seen.length === 0) { seen.push('accepted'); throw new Error('from accept'); }
    });
    const storage = new AsyncLocalStorage();
    const talk = async (text) => {
      const socket = await connect(address);
      socket.on('error', () => {});
      socket.write(text);
      setTimeout(() => socket.destroy(), 50);
      let answer = '';
      try { for await (const part of socket) answer += part; } catch {}
      return answer + (storage.getStore() ?? '');
    };
    await talk('hello');
    await talk('throw');
    seen.push(await storage.run('-context', () => talk('still here')));
    await listener.close();
    console.log(JSON.stringify(seen));`;
  const child = spawnSync(process.execPath, ['--no-warnings', '--input-type=module', '-e', program], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect(child.stderr).toBe('');
  expect(JSON.parse(child.stdout)).toEqual(['accepted', 'from accept', 'from data', 'still here-context']);
});
