/**
 * From the host's files to a usable keyring: open the one that is there, or make one if, and only if, enough
 * authorities signed an unexpired genesis order for this origin. Anything else is locked.
 */
import { fail } from '../../src/base/errors.ts';
import { checkGenesisOrder, parseSignedOrder, verifyOrder } from '../../src/statement/order.ts';
import type { Kin } from '../attest/kin.ts';
import type { EnclaveConfig } from '../config.ts';
import { readFile, type StoreClient } from '../ledger/index.ts';
import type { EnclaveClock } from '../platform/clock.ts';
import type { Platform } from '../platform/index.ts';
import type { Crypto } from '../../src/base/crypto.ts';
import type { BootKeys } from './boot-keys.ts';
import { createKeyring, type Keyring, openKeyring, type ReleaseBackend } from './keyring.ts';
import { formatKeyring, MAX_KEYRING_FILE, parseKeyring } from './keyring-file.ts';

export interface KeyringGround {
  readonly machine: { readonly platform: Platform; readonly crypto: Crypto };
  readonly config: EnclaveConfig;
  readonly configDigest: Uint8Array;
  readonly keys: BootKeys;
  readonly kin: Kin;
  readonly store: StoreClient;
}

const MAX_ORDER = 131_072;

/** Throws KEYRING_MISSING when locked, ORDER_* for a bad genesis order, KEYRING_* or the backend's code. */
export async function obtainKeyring(
  ground: KeyringGround,
  clock: EnclaveClock,
  backend: ReleaseBackend,
): Promise<Keyring> {
  const { crypto } = ground.machine;
  const parts = { crypto, backend, origin: ground.config.origin };
  const kept = await readFile(ground.store, 'keyring', MAX_KEYRING_FILE);
  if (kept !== null) {
    return openKeyring(parts, parseKeyring(kept), (birth, binding) =>
      ground.kin.judge(birth, binding, 'KEYRING_BIRTH'),
    );
  }
  const order = await readFile(ground.store, 'genesis', MAX_ORDER);
  if (order === null) fail('KEYRING_MISSING', 'the store has neither a keyring nor a genesis order');
  const keyringId = await admitGenesis(ground, clock, order);
  const { platform } = ground.machine;
  const { keyring, file } = await createKeyring(parts, {
    keyringId,
    seed: await platform.random(32),
    nonce: await platform.random(12),
    bootId: ground.keys.bootId,
    configDigest: ground.configDigest,
    quote: (binding) => platform.quote({ binding, challenge: null, recipient: null }),
  });
  await ground.store.put('keyring', formatKeyring(file));
  return keyring;
}

/** The order may name the keyring's id, so that its authors can tell the keyring that came of it. */
async function admitGenesis(
  ground: KeyringGround,
  clock: EnclaveClock,
  bytes: Uint8Array,
): Promise<Uint8Array> {
  const { config, machine } = ground;
  const { keys, threshold } = config.genesis;
  const order = await verifyOrder(parseSignedOrder(bytes), {
    kind: 'genesis',
    authorities: keys,
    threshold,
    crypto: machine.crypto,
  });
  checkGenesisOrder(order, { origin: config.origin, now: clock.now() });
  return order.keyringId ?? machine.platform.random(16);
}
