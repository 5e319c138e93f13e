/**
 * `assay run`: starts store, simulated hardware with the enclave, and relay on embedded defaults, loads the sample
 * policy, and serves until it is stopped. `--story` first tells what the whole is for, with attacks.
 */
import { rmSync, writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fail } from '../../src/base/errors.ts';
import { parseTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { connect } from '../client/index.ts';
import {
  devHome,
  type DevHome,
  launchSystem,
  prepare,
  type Prepared,
  type System,
  type SystemOptions,
} from '../launch/index.ts';
import { SIMULATED_PLATFORMS, type SimulatedPlatform } from '../simulator/index.ts';
import { runStory } from '../story/index.ts';
import { readFile } from './input.ts';
import type { Io } from './io.ts';
import { readCommandLine } from './options.ts';
import { runEmulated } from './run-emulated.ts';
import { buildTrustPolicy, readMeasurements } from './trust-make.ts';

export const RUN_HELP = `Usage: assay run [--platform NAME] [--listen HOST:PORT] [--story] [--once] [--fault NAME]… [--json]

  --platform NAME     nitro-simulated (default), tdx-simulated, snp-simulated: AWS Nitro, Intel TDX or AMD SEV-SNP
                      hardware played by a process, with evidence that verifies under its own root; nitro-emulated:
                      the enclave image booted by QEMU, with unsigned evidence
  --listen HOST:PORT  address of the relay (127.0.0.1:7470)
  --story             tells the main job first: verify, decide, gate, audit, attack
  --once              stops after the story, with status 0 only if every step held
  --fault NAME        a named fault of the simulated hardware, see assay simulate PLATFORM --help
  --json              prints the enclave's console and one ready line as JSON
`;

/** As a person calls them. */
const HARDWARE: Readonly<Record<SimulatedPlatform, string>> = {
  nitro: 'AWS Nitro',
  tdx: 'Intel TDX',
  snp: 'AMD SEV-SNP',
};

const OPTIONS = {
  platform: { type: 'string', default: 'nitro-simulated' },
  listen: { type: 'string', default: '127.0.0.1:7470' },
  story: { type: 'boolean' },
  once: { type: 'boolean' },
  fault: { type: 'string', multiple: true },
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** What the build wrote of the image, as a trust policy, kept as a file so that other commands can name it. */
function trustOf(home: DevHome): TrustPolicy {
  if (home.builtTrust !== null) {
    writeFileSync(home.trust, readFile(home.builtTrust));
    return parseTrustPolicy(readFile(home.trust));
  }
  const policy = buildTrustPolicy(readMeasurements(readFile(home.measurements), home.measurements), {
    anyService: false,
  });
  writeFileSync(home.trust, `${JSON.stringify(policy, null, 2)}\n`);
  return parseTrustPolicy(readFile(home.trust));
}

async function loadSample(system: System, trust: TrustPolicy, prepared: Prepared): Promise<void> {
  const client = await connect(system.url, { trust, identity: prepared.identity });
  try {
    if ((await client.status()).policyVersion === 0) await client.loadPolicy(prepared.order, prepared.bundle);
  } finally {
    client.close();
  }
}

function tellHowToTalk(system: System, home: DevHome, store: string, io: Io): void {
  const shown = (path: string): string => relative(process.cwd(), path) || '.';
  const trust = shown(home.trust);
  io.out(`
Serving at ${system.url}. Talk to it from another terminal:

  bin/assay verify ${system.url} --trust ${trust}
  bin/assay decide ${system.url} --trust ${trust} --key ${shown(home.clientKey)} --tool refund --args '{"order":"A-17","amount_cents":1999}'
  bin/assay status ${system.url} --trust ${trust}
  bin/assay audit export ${shown(store)} -o bundle && bin/assay audit verify bundle --trust ${trust}

Stop it with Ctrl-C.
`);
}

/** Resolves when the process is told to stop, or rejects when a part of the service ends by itself. */
async function untilStopped(system: System): Promise<void> {
  const told = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
  });
  const died = [system.store, system.hardware, system.relay].map(async ({ name, ended }) => {
    const { stderr } = await ended;
    fail('PROGRAM_FAILED', `${name} ended: ${stderr.trim().split('\n').at(-1) ?? 'without a word'}`);
  });
  await Promise.race([told, ...died]);
}

export async function run(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('run', args, OPTIONS, [0, 0]);
  if (line.flag('help')) {
    io.out(RUN_HELP);
    return 0;
  }
  const named = line.text('platform') as string;
  if (named === 'nitro-emulated') {
    if (line.flag('story') || line.texts('fault').length > 0)
      fail('USAGE', 'assay run: --story and --fault are of the simulated platforms');
    const [listen, once, json] = [line.text('listen') as string, line.flag('once'), line.flag('json')];
    return runEmulated(io, { listen, once, json, untilStopped });
  }
  const platform = SIMULATED_PLATFORMS.find((known) => `${known}-simulated` === named);
  if (platform === undefined)
    return fail(
      'USAGE',
      `assay run: --platform ${named}: ${SIMULATED_PLATFORMS.map((known) => `${known}-simulated`).join(', ')} and nitro-emulated run on an ordinary machine`,
    );
  const home = devHome(platform);
  // The story begins anew each time; a service that is only run keeps its log.
  const store = line.flag('story') ? `${home.store}-story` : home.store;
  if (line.flag('story')) rmSync(store, { recursive: true, force: true });
  const prepared = prepare(home, io.now());
  const trust = trustOf(home);
  const json = line.flag('json');
  const options: SystemOptions = {
    platform,
    simulator: home.simulator,
    image: home.image,
    store,
    genesis: prepared.genesis,
    keyPolicy: home.keyPolicy,
    listen: line.flag('once') ? '127.0.0.1:0' : (line.text('listen') as string),
    faults: line.texts('fault'),
    onConsole: (text) => (json ? io.out(`${text}\n`) : undefined),
  };
  if (!json)
    io.out(
      `Starting the store, simulated ${HARDWARE[platform]} hardware with the enclave, and the relay (nothing here is real hardware) …\n`,
    );
  const started = performance.now();
  const system = await launchSystem(options);
  try {
    if (json)
      io.out(
        `${JSON.stringify({ event: 'ready', url: system.url, trust: home.trust, ms: Math.round(performance.now() - started) })}\n`,
      );
    else io.out(`Ready in ${((performance.now() - started) / 1_000).toFixed(1)} s.\n`);
    if (line.flag('story')) {
      await runStory({ io, system, options, trust, ...prepared });
      if (line.flag('once')) return 0;
    } else {
      await loadSample(system, trust, prepared);
    }
    if (!json) tellHowToTalk(system, home, store, io);
    await untilStopped(system);
    return 0;
  } finally {
    await system.stop();
  }
}
