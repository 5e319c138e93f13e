import { describe, expect, it } from 'vitest';
import { parseConfig, type PlatformConfig } from '../../enclave/config.ts';
import { NITRO_CONFIG } from '../../enclave/platform/nitro-config.ts';
import { snpKin } from '../../enclave/attest/snp-kin.ts';
import { tdxKin } from '../../enclave/attest/tdx-kin.ts';
import { SIMULATED_CONFIG, simulatedConfig } from '../../enclave/platform/simulated-config.ts';
import { codeOf } from '../../src/base/errors.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { vectors } from '../support/vectors.ts';

interface Case {
  readonly name: string;
  readonly path: string;
  readonly value?: unknown;
  readonly remove?: boolean;
  readonly field: string;
}

const GOOD = {
  version: 1,
  platform: 'nitro-simulated',
  origin: 'sim.example.org/log',
  rpcPort: 5000,
  storePort: 5001,
  seal: { everySeconds: 10, maxLeaves: 4096 },
  policy: { threshold: 2, keys: ['11'.repeat(32), '12'.repeat(32)] },
  genesis: { threshold: 1, keys: ['11'.repeat(32)] },
  keyring: { kmsKeyId: 'arn:aws:kms:eu-central-1:111122223333:key/0', predecessors: ['22'.repeat(48)] },
  simulatedRoots: [{ name: 'assay-sim', spkiSha256: '33'.repeat(32) }],
  maxValidForMs: 300_000,
};

function bytesOf(value: unknown): Uint8Array {
  return utf8(JSON.stringify(value));
}

/** An own `__proto__` member is what a hostile file has, so the copy must not set a prototype. */
function changed({ path, value, remove }: Case): Uint8Array {
  const copy = structuredClone(GOOD) as Record<string, unknown>;
  const keys = path.split('.');
  const last = keys.pop() as string;
  const parent = keys.reduce<Record<string, unknown>>((at, key) => at[key] as Record<string, unknown>, copy);
  if (remove === true) delete parent[last];
  else Object.defineProperty(parent, last, { value, enumerable: true, configurable: true, writable: true });
  return bytesOf(copy);
}

const messageOf = (bytes: Uint8Array, platform: PlatformConfig = SIMULATED_CONFIG): string => {
  try {
    parseConfig(bytes, platform);
  } catch (error) {
    return `${codeOf(error)} ${(error as Error).message}`;
  }
  return 'accepted';
};

describe('the measured configuration', () => {
  it('gives every field its type', () => {
    const config = parseConfig(bytesOf(GOOD), SIMULATED_CONFIG);
    expect(config).toMatchObject({ platform: 'nitro-simulated', origin: GOOD.origin, rpcPort: 5000 });
    expect(config.policy.keys[1]).toEqual(new Uint8Array(32).fill(0x12));
    expect(config.keyring.predecessors[0]).toEqual(new Uint8Array(48).fill(0x22));
    expect(config.own['simulatedRoots']).toMatchObject([
      { name: 'assay-sim', spkiSha256: '33'.repeat(32), simulated: true },
    ]);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it('is the same for a real platform, with a real name and the roots in the code', () => {
    const { simulatedRoots, ...shared } = GOOD;
    const machine = { clockSource: 'kvm-clock', parentCid: 3, memoryMib: 512 };
    const real = { ...shared, platform: 'nitro', origin: 'example.org/log', machine };
    expect(parseConfig(bytesOf(real), NITRO_CONFIG)).toMatchObject({ platform: 'nitro', own: { machine } });
    const refused = (changes: object): string => messageOf(bytesOf({ ...real, ...changes }), NITRO_CONFIG);
    expect(refused({ simulatedRoots })).toBe('CONFIG_INVALID config.json: simulatedRoots: unknown field');
    expect(refused({ simulatedRoots: [] })).toContain('simulatedRoots: unknown field');
    expect(refused({ machine: { ...machine, clockSource: 'tsc' } })).toContain(
      'config.json: machine.clockSource: ',
    );
    expect(refused({ machine: { ...machine, parentCid: 2 } })).toContain('config.json: machine.parentCid: ');
    expect(refused({ machine: undefined })).toContain('config.json: machine: ');
    expect(refused({ origin: GOOD.origin })).toContain('config.json: origin: ');
    expect(refused({ platform: 'nitro-simulated' })).toContain('config.json: platform: must be nitro');
    expect(messageOf(bytesOf({ ...GOOD, platform: 'nitro' }))).toContain('platform: must be nitro-simulated');
  });

  it.each(['tdx', 'snp'] as const)(
    'of simulated %s names the roots of that hardware, and is of no other program',
    (kind) => {
      const platform = simulatedConfig(kind, kind === 'tdx' ? tdxKin : snpKin);
      const own = { ...GOOD, platform: `${kind}-simulated` };
      expect(parseConfig(bytesOf(own), platform).own['simulatedRoots']).toMatchObject([
        { platform: kind, name: 'assay-sim', simulated: true },
      ]);
      expect(messageOf(bytesOf(GOOD), platform)).toContain(`platform: must be ${kind}-simulated`);
      expect(messageOf(bytesOf(own))).toContain('platform: must be nitro-simulated');
      expect(messageOf(bytesOf({ ...own, simulatedRoots: [] }), platform)).toContain('must name the root');
      expect(messageOf(bytesOf({ ...own, origin: 'example.org/log' }), platform)).toContain('origin: ');
    },
  );

  it.each(vectors<Case>('config-malformed.json').cases)('refuses $name and names $field', (entry) => {
    expect(messageOf(changed(entry))).toMatch(/^CONFIG_INVALID config\.json: /);
    expect(messageOf(changed(entry))).toContain(`config.json: ${entry.field}: `);
  });

  it('refuses what is no JSON, twice the same key, too deep, too long, or not an object', () => {
    const cases = [
      '',
      '{',
      '[]',
      'null',
      '1',
      '{"version":1,"version":1}',
      `${'['.repeat(20)}${']'.repeat(20)}`,
      `"${'x'.repeat(70_000)}"`,
      `${JSON.stringify(GOOD)} {}`,
      `\ufeff${JSON.stringify(GOOD)}`,
    ];
    for (const text of cases) expect(messageOf(utf8(text)), text.slice(0, 40)).toMatch(/^CONFIG_INVALID /);
    expect(messageOf(Uint8Array.of(0x22, 0xff, 0x22))).toMatch(/^CONFIG_INVALID /);
  });
});
