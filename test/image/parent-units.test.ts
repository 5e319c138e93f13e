/** The units of a parent, as systemd reads them; says so where there is no systemd. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseAddress } from '../../host/client/address.ts';
import { readSource, ROOT } from '../support/tree.ts';

const FOLDER = 'images/nitro/parent';
const UNITS = readdirSync(join(ROOT, FOLDER))
  .filter((name) => name.endsWith('.service'))
  .sort();
/** Out of 100, less is better; systemd calls everything under 20 safe. */
const EXPOSURE = 20;
const has = (tool: string): boolean => spawnSync(tool, ['--version']).status === 0;
const analyze = has('systemd-analyze');
if (!analyze) console.warn(`no systemd-analyze: ${UNITS.length + 1} checks of units did not run`);
const sysusers = has('systemd-sysusers');
if (!sysusers) console.warn('no systemd-sysusers: 1 check of users did not run');

const folder = mkdtempSync(join(tmpdir(), 'assay-units-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const at = (name: string): string => join(folder, name);

/** systemd wants every program to be there; what AWS brings is not here. */
beforeAll(() => {
  for (const name of ['nitro-cli', 'vsock-proxy']) {
    writeFileSync(at(name), '#!/bin/sh\n');
    chmodSync(at(name), 0o755);
  }
  for (const name of UNITS) {
    const text = readSource(`${FOLDER}/${name}`);
    writeFileSync(at(name), text.replaceAll('/opt/assay/', `${ROOT}/`).replaceAll('/usr/bin/', `${folder}/`));
  }
  for (const name of ['nitro-enclaves-allocator', 'nitro-enclaves-vsock-proxy'])
    writeFileSync(at(`${name}.service`), '[Service]\nType=oneshot\nExecStart=/bin/true\n');
});

const settings = (name: string, key: string): readonly string[] =>
  [...readSource(`${FOLDER}/${name}`).matchAll(new RegExp(`^${key}=(.*)$`, 'gm'))].map(
    (match) => match[1] as string,
  );

describe('units of a parent', () => {
  it.skipIf(!analyze)('verify', () => {
    const { status, stderr } = spawnSync('systemd-analyze', ['verify', '--man=no', ...UNITS.map(at)], {
      encoding: 'utf8',
    });
    expect([status, stderr]).toEqual([0, '']);
  });

  it.skipIf(!analyze).each(UNITS)('%s is confined', (name) => {
    const args = ['security', '--offline=true', `--threshold=${EXPOSURE}`, '--no-pager', at(name)];
    const { status, stdout } = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
    expect(status, stdout).toBe(0);
  });

  it.skipIf(!sysusers)('have the users that they run as', () => {
    mkdirSync(at('root/etc'), { recursive: true });
    writeFileSync(at('root/etc/group'), 'root:x:0:\nne:x:990:\n');
    writeFileSync(at('root/etc/passwd'), 'root:x:0:0::/root:/bin/sh\n');
    const done = spawnSync('systemd-sysusers', [
      `--root=${at('root')}`,
      join(ROOT, FOLDER, 'assay.sysusers'),
    ]);
    expect(done.status).toBe(0);
    const passwd = spawnSync('cat', [at('root/etc/passwd')], { encoding: 'utf8' }).stdout;
    for (const name of UNITS) expect(passwd).toContain(`\n${settings(name, 'User')[0]}:`);
  });

  it('run each service as a user of its own, and give none a new privilege', () => {
    const users = UNITS.flatMap((name) => settings(name, 'User'));
    expect(new Set(users).size).toBe(UNITS.length);
    for (const name of UNITS) {
      expect(settings(name, 'NoNewPrivileges')).toEqual(['yes']);
      expect(settings(name, 'ProtectSystem')).toEqual(['strict']);
      expect(settings(name, 'CapabilityBoundingSet')).toEqual(['']);
    }
  });

  it('start the enclave at a fixed context id, and never in debug mode', () => {
    const [start] = settings('assay-enclave.service', 'ExecStart');
    expect(start).toContain(' --enclave-cid ${ENCLAVE_CID}');
    expect(start).not.toContain('debug');
    expect(settings('assay-enclave.service', 'ExecStop')[0]).toContain(
      'terminate-enclave --enclave-name assay',
    );
  });

  it('give store and relay addresses that they read', () => {
    const fill = (text: string): string =>
      text.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => (name === 'LISTEN' ? '0.0.0.0:7470' : '5001'));
    const address = (unit: string, flag: string): unknown =>
      parseAddress(
        fill(new RegExp(`${flag} (\\S+)`).exec(settings(unit, 'ExecStart')[0] as string)?.[1] as string),
      );
    expect(address('assay-store.service', '--listen')).toEqual({
      family: 'vsock',
      cid: 0xffff_ffff,
      port: 5001,
    });
    expect(address('assay-relay.service', '--listen')).toMatchObject({ family: 'tcp', port: 7470 });
    expect(address('assay-relay.service', '--to')).toEqual({ family: 'vsock', cid: 5001, port: 5001 });
  });

  it('start programs whose sources are there', () => {
    const starts = UNITS.flatMap((name) => settings(name, 'ExecStart'));
    const programs = starts.flatMap((line) => [...line.matchAll(/\/opt\/assay\/dist\/(\S+)\.js/g)]);
    expect(programs.map((match) => match[1])).toEqual(['host/relay/main', 'host/store/main']);
    for (const match of programs) expect(readSource(`${match[1]}.ts`)).not.toBe('');
  });

  it('take from parent.env nothing that the settings do not write', () => {
    const written = new Set(
      [...readSource(`${FOLDER}/settings.ts`).matchAll(/^ {4}([A-Z_]+): /gm)].map((match) => match[1]),
    );
    const used = UNITS.flatMap((name) => [...readSource(`${FOLDER}/${name}`).matchAll(/\$\{([A-Z_]+)\}/g)]);
    expect(new Set(used.map((match) => match[1]))).toEqual(written);
  });
});
