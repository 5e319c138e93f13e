/**
 * `assay policy genesis`: signs the order that lets an enclave without a keyring make one. It writes the bytes that
 * the store gives the enclave under the name `genesis`.
 */
import { randomBytes } from 'node:crypto';
import { nodeCrypto } from '../../native/crypto.ts';
import { equalBytes } from '../../src/base/bytes.ts';
import { formatTime, type Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import {
  decodeGenesisOrder,
  encodeGenesisOrder,
  encodeSignedOrder,
  orderMessage,
  parseSignedOrder,
  type SignedOrder,
} from '../../src/statement/order.ts';
import { readAuthorityKey } from '../policy/index.ts';
import { readFile } from './input.ts';
import type { Io } from './io.ts';
import type { CommandLine } from './options.ts';

/** Options of `genesis` besides those of every policy action. */
export const GENESIS_OPTIONS = {
  key: { type: 'string' },
  origin: { type: 'string' },
  order: { type: 'string' },
  'not-after': { type: 'string' },
} as const;

/** What every policy action shares. */
export interface PolicyTools {
  readonly readExpiry: (text: string, now: Millis) => Millis;
  readonly writeWhole: (path: string, content: Uint8Array) => void;
}

export function genesis(line: CommandLine, io: Io, { readExpiry, writeWhole }: PolicyTools): number {
  const need = (name: 'key' | 'origin' | 'not-after' | 'output', shown: string): string =>
    line.text(name) ?? fail('USAGE', `assay policy genesis: ${shown} is missing`);
  const key = readAuthorityKey(need('key', '--key KEY'));
  const output = need('output', '-o FILE');
  const origin = need('origin', '--origin ORIGIN');
  const first = line.text('order');
  if (first !== undefined && line.text('not-after') !== undefined)
    fail('USAGE', 'assay policy genesis: --not-after does not go with --order');
  const unsigned: SignedOrder =
    first === undefined
      ? {
          order: newOrder(origin, readExpiry(need('not-after', '--not-after TIME'), io.now())),
          signatures: [],
        }
      : parseSignedOrder(readFile(first));
  const order = decodeGenesisOrder(unsigned.order);
  if (order.origin !== origin) fail('ORDER_MISDIRECTED', `the order is for origin ${order.origin}`);
  const signature = key.sign(orderMessage(nodeCrypto, 'genesis', unsigned.order));
  const others = unsigned.signatures.filter((one) => !equalBytes(one.key, key.publicKey));
  const signatures = [...others, { key: key.publicKey, signature }];
  writeWhole(output, encodeSignedOrder({ order: unsigned.order, signatures }));
  const signers = signatures.map((one) => toHex(one.key));
  const notAfter = formatTime(order.notAfter);
  io.out(
    line.flag('json')
      ? `${JSON.stringify({ file: output, origin, not_after: notAfter, signed_by: signers })}\n`
      : [
          `genesis     ${origin}`,
          `not after   ${notAfter}`,
          ...signers.map((signer) => `signed by   ${signer}`),
          `written     ${output}`,
          '',
        ].join('\n'),
  );
  return 0;
}

function newOrder(origin: string, notAfter: Millis): Uint8Array {
  return encodeGenesisOrder({ origin, keyringId: null, notAfter, nonce: new Uint8Array(randomBytes(32)) });
}
