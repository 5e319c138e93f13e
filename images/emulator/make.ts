/** `make emulator`: builds the emulator into the cache, or says that it is there. */
import { resolve } from 'node:path';
import { readDebianLock } from '../debian/index.ts';
import { buildEmulator } from './build.ts';

const root: string = resolve(import.meta.dirname, '../../..');
const { qemu } = await buildEmulator(readDebianLock(root), (text) => process.stderr.write(`${text} …\n`));
process.stdout.write(`${qemu}\n`);
