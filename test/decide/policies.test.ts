import { resolve } from 'node:path';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createCompiler } from '../../enclave/decide/compile.ts';
import { bundleEnclave } from '../../images/bundle.ts';
import { nodeCrypto } from '../../native/index.ts';
import { readU64, utf8 } from '../../src/base/bytes.ts';
import { AssayError, codeOf } from '../../src/base/errors.ts';
import { policiesDigest } from '../../src/log/policies.ts';
import type { Leaf } from '../../src/log/leaf.ts';
import { encodeBundle, parseBundle } from '../../src/policy/index.ts';
import { parseSignedOrder } from '../../src/statement/order.ts';
import { cedarModule } from '../policy/support.ts';
import { genesisOrderOf, makeAuthority, policyOrder, signed, TEST_ORIGIN } from '../support/enclave.ts';
import { bundleOf, keyOf, policyBench, type PolicyBench } from '../support/policies.ts';

const DAY = 86_400_000;

interface OrderChanges {
  readonly tenant?: string;
  readonly origin?: string;
  readonly version?: number;
  readonly previous?: Uint8Array | null;
  readonly notAfter?: number;
  readonly digest?: Uint8Array;
}

function orderFor(bench: PolicyBench, bundle: Uint8Array, changes: OrderChanges = {}): Uint8Array {
  const { authorities, clock } = bench;
  return policyOrder(
    {
      origin: changes.origin ?? TEST_ORIGIN,
      tenant: changes.tenant ?? 'acme',
      version: changes.version ?? 1,
      previous: changes.previous ?? null,
      bundleDigest: changes.digest ?? nodeCrypto.sha256(bundle),
      notAfter: changes.notAfter ?? clock.now() + DAY,
    },
    authorities,
  );
}

const digestOf = (order: Uint8Array): Uint8Array => nodeCrypto.sha256(parseSignedOrder(order).order);

describe('loading a policy', () => {
  it('keeps order and bundle, logs their digests, and then puts it in force', async () => {
    const bench = await policyBench();
    const bundle = bundleOf({});
    const order = orderFor(bench, bundle);
    expect(bench.policies.version()).toBe(0);
    expect(bench.policies.digest()).toBeNull();
    const { version } = await bench.policies.load(order, bundle);
    expect(version).toBe(1);
    expect(bench.events).toEqual(['keep', 'keep', 'policy_change']);
    const [leaf] = bench.drafts;
    expect(leaf).toMatchObject({
      kind: 'policy_change',
      tenant: 'acme',
      policyDigest: nodeCrypto.sha256(bundle),
    });
    expect(leaf?.references).toMatchObject({
      order: nodeCrypto.sha256(order),
      bundle: nodeCrypto.sha256(bundle),
    });
    expect(readU64(leaf?.references['version'] as Uint8Array)).toBe(1);
    expect(bench.policies.find(keyOf(1))?.principal).toMatchObject({ tenant: 'acme', agent: 'agent-1' });
    expect(bench.policies.find(keyOf(2))).toBeNull();
    expect(bench.policies.digest()).toEqual(
      policiesDigest(nodeCrypto, new Map([['acme', nodeCrypto.sha256(bundle)]])),
    );
  });

  it('waits behind the order before it; what is not signed does not wait, nor do more than 16', async () => {
    const bench = await policyBench();
    const bundles = Array.from({ length: 17 }, (_, i) => bundleOf({ tenant: `t${i}`, key: i }));
    const orders = bundles.map((bundle, i) => orderFor(bench, bundle, { tenant: `t${i}` }));
    const gate = Promise.withResolvers<void>();
    bench.appending = () => gate.promise;
    const load = (i: number): Promise<unknown> =>
      bench.policies.load(orders[i] as Uint8Array, bundles[i] as Uint8Array);
    const sixteen = Array.from({ length: 16 }, (_, i) => load(i));
    await expect(bench.policies.load(orders[0] as Uint8Array, utf8('{}'))).toRejectWith(
      'ORDER_BUNDLE_MISMATCH',
    );
    await expect(load(16)).toRejectWith('POLICY_BUSY');
    expect(bench.drafts).toHaveLength(0);
    gate.resolve();
    await Promise.all(sixteen);
    expect(bench.drafts.map(({ tenant }) => tenant)).toEqual(sixteen.map((_, i) => `t${i}`));
    await load(16);
    expect(bench.policies.find(keyOf(16))?.principal.tenant).toBe('t16');
  });

  it('follows versions and previous orders, each tenant by itself', async () => {
    const bench = await policyBench();
    const [one, two] = [bundleOf({}), bundleOf({ effect: 'deny' })];
    const first = orderFor(bench, one);
    await bench.policies.load(first, one);
    await bench.policies.load(orderFor(bench, two, { version: 2, previous: digestOf(first) }), two);
    expect(bench.policies.find(keyOf(1))?.force).toMatchObject({
      version: 2,
      digest: nodeCrypto.sha256(two),
    });
    const other = bundleOf({ tenant: 'beta', key: 2 });
    await bench.policies.load(orderFor(bench, other, { tenant: 'beta' }), other);
    expect(bench.policies.find(keyOf(2))?.force.version).toBe(1);
    expect(bench.policies.version()).toBe(2);
  });

  it('holds 1,024 tenants at most; those that it has may go on', async () => {
    const bench = await policyBench();
    const bundle = (tenant: string): Uint8Array => {
      const { manifest } = parseBundle(bundleOf({}));
      return encodeBundle({ version: 1, tenant, manifest, principals: [] });
    };
    const load = (tenant: string, changes: OrderChanges = {}) =>
      bench.policies.load(orderFor(bench, bundle(tenant), { tenant, ...changes }), bundle(tenant));
    const first = orderFor(bench, bundle('t0'), { tenant: 't0' });
    await bench.policies.load(first, bundle('t0'));
    for (let i = 1; i < 1_024; i++) await load(`t${i}`);
    await expect(load('one-more')).toRejectWith('ORDER_OUT_OF_SEQUENCE');
    expect((await load('t0', { version: 2, previous: digestOf(first) })).version).toBe(2);
    expect(bench.drafts).toHaveLength(1_025);
  });

  it('refuses every order that should not take effect, and leaves what is in force', async () => {
    const bench = await policyBench({ threshold: 2 });
    const [one, two] = [bundleOf({}), bundleOf({ effect: 'deny' })];
    const first = orderFor(bench, one);
    await bench.policies.load(first, one);
    const previous = digestOf(first);
    const next = (changes: OrderChanges, by = bench.authorities): Uint8Array =>
      orderFor({ ...bench, authorities: by }, two, { version: 2, previous, ...changes });
    const [a] = bench.authorities;
    const half = [a as NonNullable<typeof a>];
    const now = bench.clock.now();
    const genesis = genesisOrderOf(
      { origin: TEST_ORIGIN, keyringId: null, notAfter: now + DAY, nonce: new Uint8Array(32) },
      bench.authorities,
    );
    const cases: [string, Uint8Array, Uint8Array, string][] = [
      ['too few signatures', next({}, half), two, 'ORDER_THRESHOLD_NOT_MET'],
      ['one authority twice', next({}, [...half, ...half]), two, 'ORDER_THRESHOLD_NOT_MET'],
      ['strangers', next({}, [makeAuthority(), makeAuthority()]), two, 'ORDER_THRESHOLD_NOT_MET'],
      ['another origin', next({ origin: 'sim.example.org/other' }), two, 'ORDER_MISDIRECTED'],
      ['another tenant', next({ tenant: 'beta' }), two, 'ORDER_MISDIRECTED'],
      ['a gap', next({ version: 3 }), two, 'ORDER_OUT_OF_SEQUENCE'],
      ['the same version', next({ version: 1 }), two, 'ORDER_OUT_OF_SEQUENCE'],
      ['a replay', first, one, 'ORDER_OUT_OF_SEQUENCE'],
      ['a fork', next({ previous: new Uint8Array(32) }), two, 'ORDER_OUT_OF_SEQUENCE'],
      ['no previous order', orderFor(bench, two, { version: 2 }), two, 'ORDER_OUT_OF_SEQUENCE'],
      ['expired', next({ notAfter: now }), two, 'ORDER_EXPIRED'],
      ['another bundle', next({}), one, 'ORDER_BUNDLE_MISMATCH'],
      ['a genesis order', genesis, two, 'RECORD_UNKNOWN'],
      ['no order', new Uint8Array(0), two, 'CBOR'],
    ];
    for (const [name, order, bundle, code] of cases) {
      const got = await bench.policies.load(order, bundle).then(() => 'LOADED', codeOf);
      if (code.startsWith('RECORD') || code === 'CBOR')
        expect(got, name).toMatch(/^(CBOR|RECORD|KEY|SIGN|ORDER)/);
      else expect(got, name).toBe(code);
    }
    expect(bench.policies.find(keyOf(1))?.force).toMatchObject({
      version: 1,
      digest: nodeCrypto.sha256(one),
    });
    expect(bench.drafts).toHaveLength(1);
    expect(bench.events).toEqual(['keep', 'keep', 'policy_change']);
    await bench.policies.load(next({}), two);
    expect(bench.policies.version()).toBe(2);
  });

  it('takes time from the enclave alone', async () => {
    const bench = await policyBench();
    const bundle = bundleOf({});
    const order = orderFor(bench, bundle, { notAfter: bench.clock.now() + 1_000 });
    bench.machine.now += 1_000;
    await expect(bench.policies.load(order, bundle)).toRejectWith('ORDER_EXPIRED');
  });

  it('refuses signatures that were made for another kind of order', async () => {
    const bench = await policyBench();
    const bundle = bundleOf({});
    const { order } = parseSignedOrder(orderFor(bench, bundle));
    const wrong = signed('genesis', order, bench.authorities);
    await expect(bench.policies.load(wrong, bundle)).toRejectWith('SIGNATURE_INVALID');
  });

  it('refuses a signed bundle that does not compile', async () => {
    const bench = await policyBench();
    const bundle = bundleOf({ effect: 'perhaps' });
    await expect(bench.policies.load(orderFor(bench, bundle), bundle)).toRejectWith('POLICY_RULES_INVALID');
    const garbage = utf8('{"version":1}');
    await expect(bench.policies.load(orderFor(bench, garbage), garbage)).toRejectWith(
      'POLICY_BUNDLE_INVALID',
    );
    expect(bench.events).toEqual([]);
  });

  it('reads nothing of a bundle that was not signed', async () => {
    const bench = await policyBench();
    const order = orderFor(bench, bundleOf({}));
    await expect(bench.policies.load(order, utf8('{'))).toRejectWith('ORDER_BUNDLE_MISMATCH');
  });

  it('gives a client key one tenant: POLICY_PRINCIPAL_DUPLICATE', async () => {
    const bench = await policyBench();
    const [one, other] = [bundleOf({}), bundleOf({ tenant: 'beta' })];
    await bench.policies.load(orderFor(bench, one), one);
    await expect(bench.policies.load(orderFor(bench, other, { tenant: 'beta' }), other)).toRejectWith(
      'POLICY_PRINCIPAL_DUPLICATE',
    );
    expect(bench.policies.find(keyOf(1))?.principal.tenant).toBe('acme');
  });

  it('leaves the old policy in force when the leaf is not durable', async () => {
    const bench = await policyBench();
    const [one, two] = [bundleOf({}), bundleOf({ effect: 'deny' })];
    const first = orderFor(bench, one);
    await bench.policies.load(first, one);
    bench.appending = async () => {
      throw new AssayError('LOG_UNAVAILABLE', 'as told');
    };
    const second = orderFor(bench, two, { version: 2, previous: digestOf(first) });
    await expect(bench.policies.load(second, two)).toRejectWith('LOG_UNAVAILABLE');
    expect(bench.policies.find(keyOf(1))?.force.version).toBe(1);
    expect(bench.policies.settled).toBeNull();
    bench.appending = async () => undefined;
    await bench.policies.load(second, two);
    expect(bench.policies.find(keyOf(1))?.force.version).toBe(2);
  });

  it('judges one order at a time: of two with the same version one takes effect', async () => {
    const bench = await policyBench();
    const [one, two] = [bundleOf({}), bundleOf({ effect: 'deny' })];
    const outcomes = await Promise.allSettled([
      bench.policies.load(orderFor(bench, one), one),
      bench.policies.load(orderFor(bench, two), two),
      bench.policies.load(orderFor(bench, one), one),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected']);
    expect(bench.drafts).toHaveLength(1);
  });
});

describe('restoring policies from the log', () => {
  async function logged(): Promise<{
    leaf: Leaf;
    order: Uint8Array;
    bundle: Uint8Array;
    bench: PolicyBench;
  }> {
    const bench = await policyBench();
    const bundle = bundleOf({});
    const first = orderFor(bench, bundleOf({ effect: 'deny' }));
    await bench.policies.load(first, bundleOf({ effect: 'deny' }));
    const order = orderFor(bench, bundle, { version: 2, previous: digestOf(first) });
    await bench.policies.load(order, bundle);
    return { leaf: bench.drafts[1] as Leaf, order, bundle, bench };
  }

  it('needs the last order of each tenant only, however long ago it expired', async () => {
    const { leaf, order, bundle, bench } = await logged();
    const next = await policyBench({ authorities: bench.authorities });
    next.machine.now += 10 * 365 * DAY;
    await next.policies.restore(leaf, order, bundle);
    expect(next.policies.version()).toBe(2);
    expect(next.policies.digest()).toEqual(bench.policies.digest());
    expect(next.drafts).toEqual([]);
    const three = bundleOf({ effect: 'deny' });
    const third = orderFor(next, three, { version: 3, previous: digestOf(order) });
    await next.policies.load(third, three);
    expect(next.policies.version()).toBe(3);
  });

  it('refuses other bytes than the log names: POLICY_MISSING', async () => {
    const { leaf, order, bundle, bench } = await logged();
    const other = bundleOf({ agent: 'root' });
    const signedOther = orderFor(bench, other, { version: 2 });
    const next = await policyBench({ authorities: bench.authorities });
    for (const [o, b] of [
      [order, other],
      [signedOther, other],
      [signedOther, bundle],
      [new Uint8Array(0), bundle],
    ] as const)
      await expect(next.policies.restore(leaf, o, b)).toRejectWith('POLICY_MISSING');
    const moved = { ...leaf, tenant: 'beta' };
    await expect(next.policies.restore(moved, order, bundle)).toRejectWith('POLICY_MISSING');
    const nameless = { ...leaf, references: {} };
    await expect(next.policies.restore(nameless, order, bundle)).toRejectWith('POLICY_MISSING');
    expect(next.policies.version()).toBe(0);
  });

  it('refuses orders of authorities that the configuration no longer names', async () => {
    const { leaf, order, bundle } = await logged();
    const next = await policyBench();
    await expect(next.policies.restore(leaf, order, bundle)).toRejectWith('ORDER_THRESHOLD_NOT_MET');
  });
});

describe('the throwaway compiler', () => {
  const folder = mkdtempSync(join(tmpdir(), 'assay-worker-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  let worker: URL;
  beforeAll(async () => {
    const root = resolve(import.meta.dirname, '../..');
    worker = script('worker', (await bundleEnclave(root, 'enclave/decide/compile-worker.ts')).code);
  });

  function script(name: string, code: string | Uint8Array): URL {
    const path = join(folder, `${name}.mjs`);
    writeFileSync(path, code);
    return pathToFileURL(path);
  }

  const compileWith = (program: URL, patienceMs?: number): ReturnType<typeof createCompiler> =>
    createCompiler(nodeCrypto, cedarModule, program, patienceMs);

  function cedarBundle(text: string): Uint8Array {
    return bundleOf({ cedar: text });
  }

  it('compiles honest policies, in both engines', async () => {
    const compile = compileWith(worker);
    expect((await compile(bundleOf({}))).tenant).toBe('acme');
    expect((await compile(cedarBundle('permit (principal, action, resource);'))).tenant).toBe('acme');
  });

  it('tells what is wrong with a bundle, by its own code', async () => {
    const compile = compileWith(worker);
    await expect(compile(utf8('{}'))).toRejectWith('POLICY_BUNDLE_INVALID');
    await expect(compile(cedarBundle('permit (nobody);'))).toRejectWith('POLICY_CEDAR_INVALID');
    const bomb = `permit (principal, action, resource) when { ${'('.repeat(1_000)}true${')'.repeat(1_000)} };`;
    await expect(compile(cedarBundle(bomb))).toRejectWith('POLICY_CEDAR_TOO_COMPLEX');
    // The next bundle is none the worse for it.
    expect((await compile(cedarBundle('forbid (principal, action, resource);'))).tenant).toBe('acme');
  });

  it.each([
    ['ends without a word', `process.exit(0);`],
    ['throws', `throw new Error('secret text');`],
    ['runs out of its heap', `const all = []; for (;;) all.push(new Array(1e6).fill(Math.random()));`],
    ['runs out of its stack', `(function f() { return 1 + f(); })();`],
    [
      'lies about its code',
      `import { parentPort } from 'node:worker_threads'; parentPort.postMessage({ ok: false, code: 'ALL_WELL', message: '' });`,
    ],
    ['does not end', `setInterval(() => {}, 1000);`],
    ['never yields', `for (;;);`],
  ])('that %s brings nothing into force: POLICY_TRIAL_FAILED', async (name, code) => {
    const compile = compileWith(script(name.replaceAll(' ', '-'), code), 1_500);
    await expect(compile(bundleOf({}))).toRejectWith('POLICY_TRIAL_FAILED');
  });

  it('that is not there brings nothing into force', async () => {
    const compile = compileWith(pathToFileURL(join(folder, 'none.mjs')));
    await expect(compile(bundleOf({}))).toRejectWith('POLICY_TRIAL_FAILED');
  });

  it('sees nothing of its parent', async () => {
    const nosy = script(
      'nosy',
      `import { parentPort, workerData } from 'node:worker_threads';
       parentPort.postMessage({ ok: false, code: 'POLICY_RULES_INVALID', message: JSON.stringify([Object.keys(process.env), Object.keys(workerData).sort()]) });`,
    );
    process.env['ASSAY_TEST_SECRET'] = 'x';
    await expect(compileWith(nosy)(bundleOf({}))).rejects.toThrow('[[],["bundle","cedar"]]');
    delete process.env['ASSAY_TEST_SECRET'];
  });
});
