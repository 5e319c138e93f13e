/** Orders of authorities: who signed, for what, in which sequence; and everything that must not pass. */
import { describe, expect, it } from 'vitest';
import { generateSigner, nodeCrypto } from '../../native/crypto.ts';
import { ed25519Raw } from '../../src/base/ed25519.ts';
import { bind, DOMAINS } from '../../src/statement/bind.ts';
import { formatOrderFile, parseOrderFile } from '../../src/statement/order-file.ts';
import {
  checkGenesisOrder,
  checkPolicyOrder,
  decodeGenesisOrder,
  decodePolicyOrder,
  encodeGenesisOrder,
  encodePolicyOrder,
  encodeSignedOrder,
  orderMessage,
  parseSignedOrder,
  verifyOrder,
  type GenesisOrder,
  type OrderKind,
  type OrderPlace,
  type PolicyOrder,
  type SignedOrder,
} from '../../src/statement/order.ts';

const crypto = nodeCrypto;
const signers = [0, 1, 2, 3].map(() => generateSigner('Ed25519'));
const keys = signers.map(({ spki }) => ed25519Raw(spki));
const [a, b, c] = keys as [Uint8Array, Uint8Array, Uint8Array];
const NOW = 1_800_000_000_000;
const digest = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);

const FIRST: PolicyOrder = {
  origin: 'sim.example/log',
  tenant: 'acme',
  version: 1,
  previous: null,
  bundleDigest: digest(7),
  notAfter: NOW + 1000,
};
const GENESIS: GenesisOrder = {
  origin: 'sim.example/log',
  keyringId: null,
  notAfter: NOW + 1000,
  nonce: digest(1),
};

function signAs(kind: OrderKind, order: Uint8Array, ...who: number[]): SignedOrder {
  const message = orderMessage(crypto, kind, order);
  return {
    order,
    signatures: who.map((i) => ({
      key: keys[i] as Uint8Array,
      signature: (signers[i] as (typeof signers)[0]).sign(message),
    })),
  };
}

const verify = (signed: SignedOrder, threshold: number, authorities = [a, b, c]): Promise<PolicyOrder> =>
  verifyOrder(signed, { kind: 'policy', authorities, threshold, crypto });

describe('signatures', () => {
  const order = encodePolicyOrder(FIRST);

  it('k of n distinct authorities give the order', async () => {
    expect(await verify(signAs('policy', order, 0, 2), 2)).toEqual(FIRST);
    expect(await verify(signAs('policy', order, 0, 1, 2), 3)).toEqual(FIRST);
    const genesis = encodeGenesisOrder(GENESIS);
    const read = await verifyOrder(signAs('genesis', genesis, 1), {
      kind: 'genesis',
      authorities: keys,
      threshold: 1,
      crypto,
    });
    expect(read).toEqual(GENESIS);
  });

  it('a key counts once, however often it signs or is configured', async () => {
    await expect(verify(signAs('policy', order, 0, 0, 0), 2)).toRejectWith('ORDER_THRESHOLD_NOT_MET');
    await expect(verify(signAs('policy', order, 0), 2, [a, a.slice(), a])).toRejectWith(
      'ORDER_AUTHORITIES_INVALID',
    );
    await expect(verify(signAs('policy', order, 0), 2, [a, a, b])).toRejectWith('ORDER_THRESHOLD_NOT_MET');
  });

  it('a stranger does not count', async () => {
    await expect(verify(signAs('policy', order, 0, 3), 2)).toRejectWith('ORDER_THRESHOLD_NOT_MET');
    await expect(verify({ order, signatures: [] }, 1)).toRejectWith('ORDER_THRESHOLD_NOT_MET');
  });

  it('a threshold that cannot be meant is refused', async () => {
    const signed = signAs('policy', order, 0, 1, 2);
    for (const threshold of [0, -1, 1.5, 4, Number.NaN])
      await expect(verify(signed, threshold)).toRejectWith('ORDER_AUTHORITIES_INVALID');
    await expect(verify(signed, 1, [])).toRejectWith('ORDER_AUTHORITIES_INVALID');
  });

  it('one bad signature of an authority spoils the order', async () => {
    const signed = signAs('policy', order, 0, 1, 2);
    const [first, ...rest] = signed.signatures as [
      SignedOrder['signatures'][0],
      ...SignedOrder['signatures'],
    ];
    for (const at of [0, 31, 32, 63]) {
      const signature = first.signature.slice();
      signature[at] = (signature[at] as number) ^ 1;
      await expect(verify({ order, signatures: [{ key: first.key, signature }, ...rest] }, 2)).toRejectWith(
        'SIGNATURE_INVALID',
      );
    }
    const swapped = { key: a, signature: (rest[0] as typeof first).signature };
    await expect(verify({ order, signatures: [swapped] }, 1)).toRejectWith('SIGNATURE_INVALID');
  });

  it('a small-order key cannot be an authority', async () => {
    const weak = new Uint8Array(32);
    weak[0] = 1;
    const signature = new Uint8Array(64);
    signature[0] = 1;
    await expect(verify({ order, signatures: [{ key: weak, signature }] }, 1, [weak])).toRejectWith(
      'KEY_INVALID',
    );
  });

  it('changed bytes are not what was signed', async () => {
    const other = encodePolicyOrder({ ...FIRST, tenant: 'evil' });
    await expect(verify({ ...signAs('policy', order, 0), order: other }, 1)).toRejectWith(
      'SIGNATURE_INVALID',
    );
  });

  it('a signature of any other domain fails', async () => {
    for (const domain of Object.values(DOMAINS).filter((name) => name !== 'order/policy')) {
      const signature = (signers[0] as (typeof signers)[0]).sign(bind(crypto, domain, order));
      await expect(verify({ order, signatures: [{ key: a, signature }] }, 1)).toRejectWith(
        'SIGNATURE_INVALID',
      );
    }
    const bare = (signers[0] as (typeof signers)[0]).sign(order);
    await expect(verify({ order, signatures: [{ key: a, signature: bare }] }, 1)).toRejectWith(
      'SIGNATURE_INVALID',
    );
    // A genesis order is not a policy order even in shape.
    const genesis = signAs('genesis', encodeGenesisOrder(GENESIS), 0);
    await expect(verify(genesis, 1)).rejects.toThrow();
  });
});

describe('sequence', () => {
  const place: OrderPlace = {
    origin: FIRST.origin,
    tenant: 'acme',
    bundleDigest: digest(7),
    current: null,
    now: NOW,
  };
  const second: PolicyOrder = { ...FIRST, version: 2, previous: crypto.sha256(encodePolicyOrder(FIRST)) };
  const after = { ...place, current: { version: 1, digest: crypto.sha256(encodePolicyOrder(FIRST)) } };

  it('the first, then the next', () => {
    checkPolicyOrder(FIRST, place);
    checkPolicyOrder(second, after);
    // A replayed log meets orders that have expired since they were accepted.
    checkPolicyOrder({ ...FIRST, notAfter: 0 }, { ...place, now: null });
  });

  it('replay, gap, fork and restart', () => {
    const fails = (order: PolicyOrder, where: OrderPlace): void =>
      void expect(() => checkPolicyOrder(order, where)).toFailWith('ORDER_OUT_OF_SEQUENCE');
    fails(FIRST, after);
    fails(second, place);
    fails({ ...second, version: 3 }, after);
    fails({ ...second, version: 0 }, place);
    fails({ ...second, previous: digest(9) }, after);
    fails({ ...second, previous: null }, after);
    fails({ ...FIRST, previous: digest(9) }, place);
  });

  it('another tenant, another origin, another bundle, too late', () => {
    expect(() => checkPolicyOrder(FIRST, { ...place, origin: 'sim.other/log' })).toFailWith(
      'ORDER_MISDIRECTED',
    );
    expect(() => checkPolicyOrder(FIRST, { ...place, tenant: 'globex' })).toFailWith('ORDER_MISDIRECTED');
    expect(() => checkPolicyOrder(FIRST, { ...place, bundleDigest: digest(8) })).toFailWith(
      'ORDER_BUNDLE_MISMATCH',
    );
    expect(() => checkPolicyOrder(FIRST, { ...place, now: FIRST.notAfter })).toFailWith('ORDER_EXPIRED');
    checkGenesisOrder(GENESIS, { origin: GENESIS.origin, now: NOW });
    expect(() => checkGenesisOrder(GENESIS, { origin: 'x', now: NOW })).toFailWith('ORDER_MISDIRECTED');
    expect(() => checkGenesisOrder(GENESIS, { origin: GENESIS.origin, now: NOW + 1000 })).toFailWith(
      'ORDER_EXPIRED',
    );
  });
});

describe('forms', () => {
  const signed = signAs('policy', encodePolicyOrder(FIRST), 0, 1);

  it('binary and file forms come back', () => {
    expect(parseSignedOrder(encodeSignedOrder(signed))).toEqual(signed);
    expect(parseOrderFile(formatOrderFile({ kind: 'policy', signed }))).toEqual({ kind: 'policy', signed });
    expect(decodePolicyOrder(encodePolicyOrder(FIRST))).toEqual(FIRST);
    const named = { ...GENESIS, keyringId: new Uint8Array(16) };
    expect(decodeGenesisOrder(encodeGenesisOrder(named))).toEqual(named);
  });

  it('are strict', () => {
    const bytes = encodeSignedOrder(signed);
    for (let end = 0; end < bytes.length; end++)
      expect(() => parseSignedOrder(bytes.subarray(0, end))).toThrow();
    expect(() => parseSignedOrder(Uint8Array.of(...bytes, 0))).toFailWith('CBOR_TRAILING');
    expect(() => encodePolicyOrder({ ...FIRST, previous: new Uint8Array(31) })).toFailWith(
      'RECORD_VALUE_INVALID',
    );
    expect(() => encodePolicyOrder({ ...FIRST, version: -1 })).toFailWith('RECORD_VALUE_INVALID');
    expect(() => encodePolicyOrder({ ...FIRST, notAfter: 253_402_300_800_000 })).toFailWith(
      'RECORD_VALUE_INVALID',
    );
    const many = {
      order: signed.order,
      signatures: Array.from({ length: 65 }, () => signed.signatures[0]),
    } as SignedOrder;
    expect(() => encodeSignedOrder(many)).toFailWith('RECORD_VALUE_INVALID');
  });

  it.each([
    ['type', { type: 'assay/receipt/v1' }, 'ORDER_FILE_INVALID'],
    ['kind', { kind: 'restore' }, 'ORDER_FILE_INVALID'],
    ['unknown member', { note: 1 }, 'JSON_SHAPE'],
    ['order', { order: '!' }, 'BASE64_INVALID'],
    ['signatures', { signatures: {} }, 'JSON_SHAPE'],
    ['short key', { signatures: [{ key: 'AA==', signature: 'AA==' }] }, 'JSON_SHAPE'],
    ['extra member of a signature', { signatures: [{ key: '', signature: '', by: 'me' }] }, 'JSON_SHAPE'],
  ] as const)('refuses a file with a wrong %s', (_name, change, code) => {
    const file = JSON.parse(formatOrderFile({ kind: 'policy', signed })) as object;
    expect(() => parseOrderFile(JSON.stringify({ ...file, ...change }))).toFailWith(code);
  });
});
