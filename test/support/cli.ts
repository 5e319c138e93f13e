/** Runs a command of the real dispatcher, without a process. */
import { main } from '../../host/cli/main.ts';
import type { Io } from '../../host/cli/io.ts';

export interface CliResult {
  readonly status: number;
  readonly out: string;
  readonly err: string;
  /** Standard output as one JSON object. */
  json(): Record<string, unknown>;
}

export interface CliOptions {
  readonly stdin?: Uint8Array | string;
  readonly now?: number;
  readonly isTty?: boolean;
}

export async function assay(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  let [out, err] = ['', ''];
  const { stdin = new Uint8Array(0), now = Date.parse('2026-11-20T00:00:00Z'), isTty = false } = options;
  const io: Io = {
    stdin: async () => (typeof stdin === 'string' ? new TextEncoder().encode(stdin) : stdin),
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    isTty,
    now: () => now,
  };
  const status = await main(args, io);
  return { status, out, err, json: () => JSON.parse(out) as Record<string, unknown> };
}
