/**
 * A ledger as a process, to be killed: boots on a store, appends under load, and writes each receipt to its
 * output before anything else happens with it.
 *
 *   node test/support/ledger-process.ts SOCKET SEED-OF-LOG-KEY-IN-HEX FOLDER-OF-GENUINE-EPOCHS
 *
 * The folder stands for hardware: what an epoch writes there before it starts is what its evidence would prove.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createRpcStore } from '../../enclave/ledger/index.ts';
import { signerFromSeed } from '../../native/signer.ts';
import { connect } from '../../native/transport.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { formatReceipt } from '../../src/log/receipt.ts';
import { decisionDraft } from './log.ts';
import { TestService } from './ledger.ts';

const [socket, seed, genuine] = process.argv.slice(2) as [string, string, string];
mkdirSync(genuine, { recursive: true });
const service = new TestService(undefined, signerFromSeed(fromHex(seed)));
for (const name of readdirSync(genuine))
  service.epochs.set(Number(name), new Uint8Array(readFileSync(join(genuine, name))));
service.onEpoch = (epoch, key) => writeFileSync(join(genuine, String(epoch)), key);
const client = createRpcStore(() => connect({ family: 'unix', path: socket }));
const { ledger, recovered } = await service.boot(client);
const say = (line: object): void => void writeSync(1, `${JSON.stringify(line)}\n`);
say({ recovered: recovered.size, root: toHex(recovered.root) });
const lane = async (): Promise<void> => {
  for (;;) say({ receipt: formatReceipt(await ledger.append(decisionDraft())) });
};
await Promise.all(Array.from({ length: 48 }, lane));
