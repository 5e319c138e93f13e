/** What a command may do to the outside, as an argument: so that tests run commands without a process. */

export interface Io {
  /** All of standard input. */
  stdin(): Promise<Uint8Array>;
  /** Standard output: the result, and with --json one object. Text ends where it ends; add the newline. */
  out(text: string): void;
  /** Standard error: progress and errors. */
  err(text: string): void;
  /** Whether standard output is a terminal: colour only there. */
  readonly isTty: boolean;
  /** Milliseconds since the epoch. */
  now(): number;
}

const MAX_STDIN = 64 * 1024 * 1024;

/** The process's own streams and clock. */
export function processIo(): Io {
  return {
    async stdin() {
      const parts: Uint8Array[] = [];
      let length = 0;
      for await (const part of process.stdin) {
        parts.push(part as Uint8Array);
        length += (part as Uint8Array).length;
        // Whatever is read further would be refused by every command; it only fills memory.
        if (length > MAX_STDIN) break;
      }
      return new Uint8Array(Buffer.concat(parts));
    },
    out: (text) => void process.stdout.write(text),
    err: (text) => void process.stderr.write(text),
    isTty: process.stdout.isTTY === true,
    now: () => Date.now(),
  };
}
