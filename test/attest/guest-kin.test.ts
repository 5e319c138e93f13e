/** Earlier epochs on hardware that signs no time: believed with the endorsements that were kept beside them. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/index.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { ORIGIN } from '../../host/launch/index.ts';
import { parseBundle, writeBundle } from '../../src/collateral/index.ts';
import { type Attestation, formatAttestation } from '../../src/statement/attestation.ts';
import { bind, DOMAINS, type Domain } from '../../src/statement/bind.ts';
import { Identity } from '../../src/statement/identity.ts';
import { type GuestBench, GUEST_KINDS, guestBench } from '../support/guests.ts';
import { MEASURED } from '../support/simulated.ts';
import { IDENTITY } from '../support/statements.ts';

async function epochOf(
  { kind, platform }: GuestBench,
  changes: Partial<Attestation> = {},
  domain: Domain = DOMAINS.identity,
): Promise<Uint8Array> {
  const identity = Identity.encode({ ...IDENTITY, platform: kind, origin: ORIGIN, challengeRoot: null });
  const binding = bind(nodeCrypto, domain, identity);
  const { evidence, endorsements } = await platform.quote({ binding, challenge: null, recipient: null });
  const made = { platform: kind, evidence, identity, challenge: null, keys: [], endorsements };
  return utf8(formatAttestation({ ...made, ...changes }));
}

const OTHER = { ...MEASURED, pcr0: new Uint8Array(48).fill(1) };

describe.each(GUEST_KINDS)('earlier epochs on %s', (kind) => {
  it('of the same image are believed, also when their endorsements have ended long ago', async () => {
    const bench = await guestBench(kind);
    const file = await epochOf(bench);
    bench.now += 4_000 * 86_400_000;
    const kin = await bench.kin();
    expect(await kin.epoch(file, IDENTITY.keyring)).toMatchObject({ epochKey: IDENTITY.epochKey });
  });

  it('of a predecessor that the configuration names are believed, and of no other image', async () => {
    const before = await guestBench(kind, { measured: OTHER });
    const file = await epochOf(before);
    const alone = await (await guestBench(kind)).kin();
    await expect(alone.epoch(file, IDENTITY.keyring)).toRejectWith('EPOCH_UNACCEPTABLE');
    const predecessors = [toHex(await before.platform.image())];
    const next = await guestBench(kind, { config: { keyring: { kmsKeyId: 'key', predecessors } } });
    await (await next.kin()).epoch(file, IDENTITY.keyring);
  });

  it('without endorsements, with others, or over other bytes are not: EPOCH_UNACCEPTABLE', async () => {
    const bench = await guestBench(kind);
    const kin = await bench.kin();
    const elsewhere = await guestBench(kind, { seed: 2 });
    const { endorsements } = await elsewhere.platform.quote({
      binding: new Uint8Array(64),
      challenge: null,
      recipient: null,
    });
    const files = [
      await epochOf(bench, { endorsements: null }),
      await epochOf(bench, { endorsements: utf8('{}') }),
      await epochOf(bench, { endorsements }),
      await epochOf(elsewhere),
      await epochOf(bench, {}, DOMAINS.keyring),
      await epochOf(bench, { evidence: new Uint8Array(8) }),
    ];
    for (const file of files)
      await expect(kin.epoch(file, IDENTITY.keyring)).toRejectWith('EPOCH_UNACCEPTABLE');
  });

  const faults: Readonly<Record<typeof kind, readonly string[]>> = {
    tdx: [
      'debug',
      'service-td',
      'migratable',
      'no-sept-ve-disable',
      'out-of-date',
      'revoked',
      'wrong-binding',
    ],
    snp: [
      'debug',
      'migration-agent',
      'vmpl',
      'alias-check-missing',
      'provisional-firmware',
      'unsigned',
      'wrong-binding',
    ],
  };
  it.each(faults[kind])('of a guest with %s are not, though it is the same image', async (fault) => {
    const file = await epochOf(await guestBench(kind, { faults: [fault] }));
    const kin = await (await guestBench(kind)).kin();
    await expect(kin.epoch(file, IDENTITY.keyring)).toRejectWith('EPOCH_UNACCEPTABLE');
  });
});

describe('earlier epochs on snp', () => {
  it('whose endorsements leave out the revocation list are not believed: EPOCH_UNACCEPTABLE', async () => {
    const bench = await guestBench('snp');
    const kin = await bench.kin();
    const { endorsements } = await bench.platform.quote({
      binding: new Uint8Array(64),
      challenge: null,
      recipient: null,
    });
    const { items } = parseBundle(endorsements as Uint8Array);
    const without = writeBundle(items.filter((item) => item.kind !== 'crl'));
    expect(items.length).toBeGreaterThan(parseBundle(without).items.length);
    await expect(kin.epoch(await epochOf(bench, { endorsements: without }), IDENTITY.keyring)).toRejectWith(
      'EPOCH_UNACCEPTABLE',
    );
  });
});
