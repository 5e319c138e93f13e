/** `assay verify`: judges evidence in a file, from standard input, or of a running service. */
import { randomBytes } from 'node:crypto';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Millis } from '../../src/base/clock.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import {
  formatVerdict,
  judgeAttestation,
  judgeEvidence,
  type JudgeOptions,
  malformedVerdict,
  PLATFORM_NAMES,
  type TrustPolicy,
  type Verdict,
} from '../../verifier/index.ts';
import { exitStatus, reportError } from './errors.ts';
import { isAddress, readFile, readInput, readSource } from './input.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine, readHex, readTime } from './options.ts';
import { renderVerdict, styleFor } from './report.ts';
import { readTrustFile } from './trust-file.ts';

export const VERIFY_HELP: string = `Usage: assay verify FILE|-|URL [options]

Judges evidence: a document in CBOR, hexadecimal or base64, an attestation file, or a
running service (assay://HOST:PORT, tcp://HOST:PORT, unix:PATH) with a fresh challenge.

  --trust FILE       the trust policy: what is acceptable (see assay trust)
  --authentic-only   only asks whether it is genuine; implies --at evidence for a file
  --at TIME          judge recorded evidence at this time (RFC 3339), or at its own: evidence
  --nonce HEX        the challenge that the quote must answer
  --collateral FILE  the measured configuration of the service
  --platform NAME    ${PLATFORM_NAMES.join(', ')}; recognised when left out
  --json             prints one verdict object

Exit status: 0 trusted, 1 rejected, 2 malformed or usage, 3 authentic but not appraised,
4 undetermined.
`;

const TEXT = { type: 'string' } as const;
const FLAG = { type: 'boolean' } as const;
const OPTIONS = {
  trust: TEXT,
  at: TEXT,
  nonce: TEXT,
  collateral: TEXT,
  platform: TEXT,
  'authentic-only': FLAG,
  json: FLAG,
  help: { type: 'boolean', short: 'h' },
} as const;

interface Outcome {
  readonly verdict: Verdict;
  readonly failure: AssayError | null;
}

interface Request {
  readonly source: string;
  readonly platform: string | null;
  readonly trust: TrustPolicy | null;
  readonly nonce: Uint8Array | null;
  readonly config: Uint8Array | null;
  readonly at: Millis | 'evidence' | null;
}

/** Returns the exit status; with --json, standard output holds exactly one verdict object whatever happens. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const json = args.includes('--json');
  try {
    const line = readCommandLine('verify', args, OPTIONS, [args.some(isHelp) ? 0 : 1, 1]);
    if (line.flag('help')) {
      io.out(VERIFY_HELP);
      return 0;
    }
    const outcome = await judge(readRequest(line), io);
    io.out(json ? `${formatVerdict(outcome.verdict)}\n` : renderVerdict(outcome.verdict, styleFor(io.isTty)));
    if (outcome.failure !== null) reportError(outcome.failure, io);
    return exitStatus(outcome.verdict, outcome.failure, line.flag('authentic-only'));
  } catch (error) {
    if (json)
      io.out(
        `${formatVerdict(malformedVerdict(error instanceof AssayError ? error.code : 'INTERNAL', null, 'live'))}\n`,
      );
    return reportError(error, io);
  }
}

function isHelp(argument: string): boolean {
  return argument === '--help' || argument === '-h';
}

/** Checks the command line and reads the files that it names, before any evidence. */
function readRequest(line: CommandLine): Request {
  const source = line.positionals[0] as string;
  const authenticOnly = line.flag('authentic-only');
  const [trust, at, nonce, collateral] = ['trust', 'at', 'nonce', 'collateral'].map(line.text);
  if (authenticOnly && trust !== undefined)
    fail('USAGE', 'assay verify: --authentic-only and --trust exclude each other');
  if (isAddress(source) && (at !== undefined || nonce !== undefined))
    fail(
      'USAGE',
      'assay verify: a running service is judged now, with a challenge of our own: no --at, no --nonce',
    );
  const own = authenticOnly && !isAddress(source) ? 'evidence' : null;
  return {
    source,
    platform: line.text('platform') ?? null,
    trust: trust === undefined ? null : readTrustFile(trust),
    nonce: nonce === undefined ? null : readHex('--nonce', nonce, 1, 1024),
    config: collateral === undefined ? null : readFile(collateral),
    at: at === undefined ? own : at === 'evidence' ? at : readTime('--at', at),
  };
}

async function judge(request: Request, io: Io): Promise<Outcome> {
  const { source, trust, at, nonce, platform } = request;
  const time =
    at === null ? ({ mode: 'live', now: io.now() } as const) : ({ mode: 'archive', now: at } as const);
  const options: JudgeOptions = { ...time, trust, crypto: nodeCrypto };
  const config = request.config === null ? {} : { config: request.config };
  if (isAddress(source)) return judgeService(request, io);
  const found = readSource(await readInput(source, io));
  if (found.kind === 'receipt')
    return fail('USAGE', `assay verify: ${source} is a receipt: assay receipt verify judges it`);
  if (found.kind === 'certificates')
    return fail('USAGE', `assay verify: ${source} is no evidence: assay inspect shows certificates`);
  if (found.kind === 'evidence') {
    if (request.config !== null)
      fail('USAGE', 'assay verify: --collateral goes with an attestation, not with a bare document');
    return judgeEvidence(found.bytes, { ...options, platform, nonce });
  }
  requirePlatform(platform, found.attestation.platform);
  return judgeAttestation(found.attestation, { ...options, ...config, challenge: nonce, session: null });
}

async function judgeService({ source, platform, trust, config }: Request, io: Io): Promise<Outcome> {
  // Loaded only here: a file is judged without any network code.
  const { attestEndpoint } = await import('../client/index.ts');
  const challenge = new Uint8Array(randomBytes(32));
  const { attestation, proof, exporter, tlsSpkiHash } = await attestEndpoint(source, challenge);
  requirePlatform(platform, attestation.platform);
  return judgeAttestation(attestation, {
    mode: 'live',
    // After the answer: a quote can take a minute, and is not from the future for that.
    now: io.now(),
    trust,
    crypto: nodeCrypto,
    challenge,
    session: { proof, exporter, tlsSpkiHash },
    ...(config === null ? {} : { config }),
  });
}

function requirePlatform(wanted: string | null, given: string): void {
  if (wanted !== null && wanted !== given)
    fail('PLATFORM_UNKNOWN', `the attestation is of platform ${JSON.stringify(given)}, not ${wanted}`);
}
