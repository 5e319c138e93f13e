/**
 * The openssl command as a second opinion. It is not among what a fresh machine must have: without it these cases
 * are skipped, counted as skipped, and said aloud. `.ci/run` installs it.
 */
import { spawnSync } from 'node:child_process';
import { it } from 'vitest';

export const opensslPresent: boolean = spawnSync('openssl', ['version']).status === 0;
if (!opensslPresent)
  console.warn('no openssl command: its second opinions did not run. Install openssl to run them.');

export const itWithOpenssl: typeof it = opensslPresent ? it : (it.skip as typeof it);
