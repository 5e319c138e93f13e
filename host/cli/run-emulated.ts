/**
 * `assay run --platform nitro-emulated`: the real image on QEMU's Nitro Enclave machine. Its evidence is unsigned,
 * so every trust policy refuses it; this command checks everything but the signature, has a first decision made,
 * and serves until it is stopped.
 */
import { writeFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { parseTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { connectEmulated } from '../emulator/index.ts';
import {
  devHome,
  type DevHome,
  launchSystem,
  prepare,
  prepareEmulated,
  type Prepared,
  type System,
} from '../launch/index.ts';
import { readFile } from './input.ts';
import type { Io } from './io.ts';
import { buildTrustPolicy, readMeasurements } from './trust-make.ts';

export interface RunEmulatedOptions {
  readonly listen: string;
  readonly once: boolean;
  readonly json: boolean;
  readonly untilStopped: (system: System) => Promise<void>;
}

/** Milliseconds from the start of the machine, as its console came. */
type Split = Record<string, number>;

/** The trust policy names the root that stands in for the missing signature. */
function trustOf(home: DevHome): TrustPolicy {
  const measurements = readMeasurements(readFile(home.measurements), home.measurements);
  const policy = buildTrustPolicy(measurements, { anyService: false });
  writeFileSync(home.trust, `${JSON.stringify(policy, null, 2)}\n`);
  return parseTrustPolicy(readFile(home.trust));
}

function note(split: Split, line: string): void {
  const { event, at_ms: at } = JSON.parse(line) as { event?: unknown; at_ms?: unknown };
  if (typeof event === 'string' && typeof at === 'number') split[event] ??= at;
}

async function firstDecision(
  url: string,
  state: string,
  trust: TrustPolicy,
  { identity, order, bundle }: Prepared,
): Promise<string> {
  const client = await connectEmulated(url, { trust, identity, state });
  try {
    if ((await client.status()).policyVersion === 0) await client.loadPolicy(order, bundle);
    const { decision, rule } = await client.decide({
      interventionPoint: 'pre_tool_call',
      snapshot: { tool_call: { name: 'get_order', args: { order: 'A-17' } } },
    });
    return `${decision} by ${rule ?? 'no rule'}`;
  } finally {
    client.close();
  }
}

export async function runEmulated(io: Io, options: RunEmulatedOptions): Promise<number> {
  const { json } = options;
  const tell = (text: string): void => (json ? undefined : io.out(`${text}\n`));
  const dev = devHome();
  const { home, emulator, image } = await prepareEmulated(dev, (text) => io.err(`${text} …\n`));
  const trust = trustOf(home);
  const prepared = prepare(home, io.now());
  const split: Split = {};
  tell('Booting the enclave image on an emulated Nitro Enclave (nothing here is real hardware) …');
  const started = performance.now();
  const system = await launchSystem({
    simulator: home.simulator,
    image: home.image,
    store: home.store,
    genesis: prepared.genesis,
    keyPolicy: home.keyPolicy,
    listen: options.once ? '127.0.0.1:0' : options.listen,
    emulator,
    onConsole: (text) => {
      note(split, text);
      if (json) io.out(`${text}\n`);
    },
  });
  try {
    const decided = await firstDecision(system.url, home.simulator, trust, prepared);
    const total = Math.round(performance.now() - started);
    const { kernel, eif } = image.sizes;
    if (json)
      io.out(`${JSON.stringify({ event: 'ready', url: system.url, decided, ms: total, kernel, eif })}\n`);
    tell(`First decision: ${decided}, after ${(total / 1_000).toFixed(1)} s (${splitText(split)}).`);
    tell(`Image ${(eif / 1e6).toFixed(1)} MB, kernel ${(kernel / 1e6).toFixed(2)} MB.`);
    if (options.once) return 0;
    tell(
      `Serving at ${system.url}. Its evidence is unsigned: verify and decide refuse it. Stop it with Ctrl-C.`,
    );
    await options.untilStopped(system);
    return 0;
  } finally {
    await system.stop();
  }
}

function splitText(split: Split): string {
  const { heartbeat = 0, init = 0, booting = 0, serving = 0 } = split;
  const seconds = (ms: number): string => `${(ms / 1_000).toFixed(1)} s`;
  return `kernel and ramdisks ${seconds(heartbeat)}, init ${seconds(init - heartbeat)}, Node ${seconds(booting - init)}, enclave ${seconds(serving - booting)}`;
}
