/**
 * The addon under valgrind: streams, a listener, device requests and a worker terminated in the middle leave nothing
 * behind and touch nothing that is not theirs. Ten seconds; says so where there is no valgrind.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'assay-memory-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const root = resolve(import.meta.dirname, '../..');
const available = spawnSync('valgrind', ['--version']).status === 0;
if (!available) console.warn('no valgrind: 1 test of the memory of the addon did not run');

const program = `
  import { isMainThread, parentPort, Worker } from 'node:worker_threads';
  import { fileURLToPath } from 'node:url';
  import { connect, listen, openNsm } from ${JSON.stringify(join(root, 'native/index.ts'))};
  const address = { family: 'unix', path: ${JSON.stringify(join(folder, 's'))}, via: 'addon' };
  const quiet = (socket) => socket.on('error', () => {});
  if (isMainThread) {
    const listener = await listen(address, {}, (socket) => quiet(socket).pipe(socket));
    for (let i = 0; i < 40; i++) {
      const socket = quiet(await connect(address));
      if (i % 4 === 0) { socket.write('lost'); socket.destroy(); continue; }
      socket.end(Buffer.alloc(100000, i));
      let bytes = 0;
      for await (const part of socket) bytes += part.length;
      if (bytes !== 100000) throw new Error('lost bytes');
    }
    await connect({ ...address, path: address.path + '.none' }).catch(() => {});
    const device = openNsm('/dev/null');
    for (let i = 0; i < 5; i++) await device.request(Uint8Array.of(1)).catch(() => {});
    await device.close();
    const worker = new Worker(fileURLToPath(import.meta.url));
    await new Promise((up) => worker.once('message', up));
    await worker.terminate();
    await listener.close();
    console.log('done');
  } else {
    await listen({ ...address, path: address.path + '.w' }, {}, quiet);
    const socket = quiet(await connect(address));
    socket.resume();
    const pump = () => { while (socket.write(Buffer.alloc(65536))); socket.once('drain', pump); };
    pump();
    parentPort.postMessage('up');
  }`;

describe.runIf(available)('the addon under valgrind', () => {
  it('loses no memory and makes no invalid access', () => {
    const [source, bundle, log] = ['main.ts', 'main.mjs', 'log'].map((name) => join(folder, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(source, program);
    // As in a program archive: one bundle, the addon beside it. Without a JIT, because valgrind would follow its code.
    const flags = ['--bundle', '--platform=node', '--format=esm', '--log-level=error', `--outfile=${bundle}`];
    execFileSync(join(root, 'node_modules/.bin/esbuild'), [source, ...flags]);
    copyFileSync(join(root, 'native/addon/build/Release/assay.node'), join(folder, 'assay.node'));
    const watch = [
      '--leak-check=full',
      '--show-leak-kinds=definite,indirect',
      '--smc-check=all-non-file',
      `--log-file=${log}`,
    ];
    const child = spawnSync('valgrind', [...watch, process.execPath, '--no-warnings', '--jitless', bundle], {
      encoding: 'utf8',
    });
    expect(child.stdout).toBe('done\n');
    const report = readFileSync(log, 'utf8');
    // Node itself loses a few bytes of OpenSSL's at exit; only what passed through the addon counts.
    const blocks = report.split(/^==\d+== ?\n/m);
    expect(blocks.filter((block) => block.includes('assay.node'))).toEqual([]);
    expect(report).not.toMatch(/Invalid (read|write|free)|uninitialised/);
  });
});
