/** `assay status`: the state of a service, as the service says it. With --trust the service is verified first. */
import { formatTime, MAX_TIME } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import { Enclave } from '../../src/rpc/service.ts';
import type { StatusResponse } from '../../src/rpc/messages.ts';
import { connect, openChannel } from '../client/index.ts';
import { printable } from './errors.ts';
import type { Io } from './io.ts';
import { readCommandLine } from './options.ts';
import { readTrustFile } from './trust-file.ts';

export const STATUS_HELP = `Usage: assay status URL [--trust FILE] [--json]

  --trust FILE   verifies the enclave first; without it the answer is anybody's word

Exit status: 0 serving, 1 not serving or not trusted, 2 usage.
`;

async function ask(url: string, trust: string | undefined, io: Io): Promise<StatusResponse> {
  if (trust !== undefined) {
    const client = await connect(url, { trust: readTrustFile(trust), now: io.now });
    try {
      return await client.status();
    } finally {
      client.close();
    }
  }
  const channel = await openChannel(url, { tls: {} });
  try {
    return await channel.call(Enclave.Status, {});
  } finally {
    channel.close();
  }
}

const OPTIONS = {
  trust: { type: 'string' },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export async function run(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('status', args, OPTIONS, [0, 1]);
  if (line.flag('help')) {
    io.out(STATUS_HELP);
    return 0;
  }
  const url = line.positionals[0] ?? fail('USAGE', 'assay status: a URL is needed');
  const trust = line.text('trust');
  const status = await ask(url, trust, io);
  if (line.flag('json')) io.out(`${JSON.stringify({ verified: trust !== undefined, ...status })}\n`);
  else tell(status, trust !== undefined, io);
  return status.state === 'SERVING' ? 0 : 1;
}

function tell(status: StatusResponse, verified: boolean, io: Io): void {
  const rows: [string, string][] = [
    ['state', status.code === '' ? status.state : `${status.state} (${status.code})`],
    [
      'origin',
      `${status.origin}${status.simulated ? ' (simulated hardware: proves nothing about a machine)' : ''}`,
    ],
    ['epoch', String(status.epoch)],
    ['leaves', String(status.size)],
    ['seals', String(status.seals)],
    ['policy', status.policyVersion === 0 ? 'none loaded' : `version ${status.policyVersion}`],
    ['refused', String(status.refused)],
    ['witness', status.witness],
    ['time', status.timeMs > MAX_TIME ? 'after the year 9999' : formatTime(status.timeMs)],
    ['verified', verified ? 'yes, against the trust policy' : "no: without --trust this is anybody's word"],
  ];
  for (const [name, value] of rows) io.out(`${name.padEnd(9)}${printable(value)}\n`);
}
