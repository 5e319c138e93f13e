/** `assay policy load`: brings a signed order and its bundle to a service. The enclave decides whether it counts. */
import { fail } from '../../src/base/errors.ts';
import { parseOrderFile } from '../../src/statement/order-file.ts';
import { encodeSignedOrder } from '../../src/statement/order.ts';
import { connect } from '../client/index.ts';
import { readFile } from './input.ts';
import type { Io } from './io.ts';
import type { CommandLine } from './options.ts';
import { readTrustFile } from './trust-file.ts';

/** Options of `load` besides those of every policy action. */
export const LOAD_OPTIONS = {
  trust: { type: 'string' },
  bundle: { type: 'string' },
  order: { type: 'string' },
} as const;

export async function load(line: CommandLine, io: Io): Promise<number> {
  const need = (name: 'trust' | 'bundle' | 'order'): string =>
    line.text(name) ?? fail('USAGE', `assay policy load: --${name} FILE is missing`);
  const url = line.positionals[0] as string;
  const { kind, signed } = parseOrderFile(readFile(need('order')));
  if (kind !== 'policy') fail('USAGE', `assay policy load: ${need('order')} is a ${kind} order`);
  const bundle = readFile(need('bundle'));
  const client = await connect(url, { trust: readTrustFile(need('trust')), now: io.now });
  try {
    const { version, receipt } = await client.loadPolicy(encodeSignedOrder(signed), bundle);
    const { origin } = client.service;
    if (line.flag('json')) io.out(`${JSON.stringify({ origin, version, index: receipt.index })}\n`);
    else io.out(`version ${version} is in force at ${origin}, logged as leaf ${receipt.index}\n`);
    return 0;
  } finally {
    client.close();
  }
}
