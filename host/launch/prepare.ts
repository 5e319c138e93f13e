/**
 * What a first run needs beside the built image: a genesis order, a client key, the sample policy made out to that
 * client and signed by this installation's authority, and a trust policy made from the measurements.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeCrypto } from '../../native/index.ts';
import { toHex } from '../../src/base/hex.ts';
import { encodeBundle, parseBundle } from '../../src/policy/index.ts';
import { formatOrderFile } from '../../src/statement/order-file.ts';
import {
  encodeGenesisOrder,
  encodePolicyOrder,
  encodeSignedOrder,
  type OrderKind,
  orderMessage,
  type SignedOrder,
} from '../../src/statement/order.ts';
import { type ClientIdentity, loadClientIdentity } from '../client/index.ts';
import { type AuthorityKey, buildPolicyFolder, readAuthorityKey } from '../policy/index.ts';
import { ORIGIN } from './config.ts';
import type { DevHome } from './home.ts';

export interface Prepared {
  readonly genesis: Uint8Array;
  readonly identity: ClientIdentity;
  readonly bundle: Uint8Array;
  /** Version 1 of the policy, as LoadPolicy takes it. */
  readonly order: Uint8Array;
  /** Files for people: bundle and order as `assay policy` writes them. */
  readonly bundleFile: string;
  readonly orderFile: string;
}

const DAY_MS = 86_400_000;
const SAMPLE: string = fileURLToPath(new URL('../cli/sample', import.meta.url));

/** Signs an order with one authority key. */
export function signOrder(authority: AuthorityKey, kind: OrderKind, order: Uint8Array): SignedOrder {
  return {
    order,
    signatures: [
      { key: authority.publicKey, signature: authority.sign(orderMessage(nodeCrypto, kind, order)) },
    ],
  };
}

/** Kept, so that a second run presents the same order and not another one of the same version. */
function keptOr(path: string, make: () => Uint8Array): Uint8Array {
  if (existsSync(path)) return new Uint8Array(readFileSync(path));
  const bytes = make();
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  return bytes;
}

function sampleBundle(identity: ClientIdentity): Uint8Array {
  const sample = parseBundle(buildPolicyFolder(SAMPLE));
  const principals = sample.principals.map((principal) => ({ ...principal, key: toHex(identity.principal) }));
  return encodeBundle({ ...sample, principals });
}

/** A genesis order that is good for a day: long enough for a first start, too short to lie about. */
export function genesisOrder(authority: AuthorityKey, now: number): Uint8Array {
  const order = {
    origin: ORIGIN,
    keyringId: null,
    notAfter: now + DAY_MS,
    nonce: new Uint8Array(randomBytes(32)),
  };
  return encodeSignedOrder(signOrder(authority, 'genesis', encodeGenesisOrder(order)));
}

export function prepare(home: DevHome, now: number): Prepared {
  const authority = readAuthorityKey(home.authorityKey);
  const identity = loadClientIdentity(home.clientKey, { create: true });
  const folder = join(home.folder, 'policy');
  const bundleFile = join(folder, 'bundle.json');
  const orderFile = join(folder, 'order-1.json');
  const bundle = keptOr(bundleFile, () => sampleBundle(identity));
  const order = keptOr(join(folder, 'order-1.cbor'), () => {
    const policy = encodePolicyOrder({
      origin: ORIGIN,
      tenant: parseBundle(bundle).tenant,
      version: 1,
      previous: null,
      bundleDigest: nodeCrypto.sha256(bundle),
      notAfter: now + 365 * DAY_MS,
    });
    const made = signOrder(authority, 'policy', policy);
    writeFileSync(orderFile, formatOrderFile({ kind: 'policy', signed: made }));
    return encodeSignedOrder(made);
  });
  return { genesis: genesisOrder(authority, now), identity, bundle, order, bundleFile, orderFile };
}
