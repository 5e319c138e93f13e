/** With --secure-heap the boot keys lie in OpenSSL's locked memory; without it the enclave's demand fails. */
import { execFileSync } from 'node:child_process';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { requireSecureHeap, secureHeap } from '../../native/index.ts';

const native = resolve(import.meta.dirname, '../../native/index.ts');

/** What each key adds to the secure heap, as the child measures it. */
const child = `
  const n = await import(${JSON.stringify(native)});
  const used = [n.secureHeap().used];
  const keys = [];
  for (const make of [
    () => n.generateSigner('Ed25519'), () => n.generateSigner('ES384'), () => n.generateAgreementKey(),
    () => n.signerFromSeed(new Uint8Array(32).fill(3)), () => n.generateRecipientKey(2048),
  ]) { keys.push(await make()); used.push(n.secureHeap().used); }
  console.log(JSON.stringify({ heap: n.requireSecureHeap(65536), used, keys: keys.length }));
`;

describe('secure heap', () => {
  it('holds every kind of boot key', () => {
    const flags = [
      '--secure-heap=65536',
      '--secure-heap-min=2',
      '--no-warnings',
      '--input-type=module',
      '-e',
      child,
    ];
    const out = JSON.parse(execFileSync(process.execPath, flags, { encoding: 'utf8' })) as {
      heap: { total: number; used: number; min: number };
      used: number[];
    };
    console.log(`secure heap in use after each key: ${out.used.join(', ')} of ${out.heap.total} bytes`);
    expect(out.heap.total).toBe(65536);
    expect(out.used[0]).toBe(0);
    for (let i = 1; i < out.used.length; i++) expect(out.used[i]).toBeGreaterThan(out.used[i - 1] as number);
  });

  it('is missed where it is not', () => {
    expect(secureHeap()).toMatchObject({ total: 0, used: 0 });
    expect(() => requireSecureHeap(65536)).toFailWith('SECURE_HEAP_MISSING');
  });
});
