/** `assay verify`: judges evidence in a file, from standard input, or of a running service. */
import { randomBytes } from 'node:crypto';
import { nodeCrypto } from '../../native/crypto.ts';
import type { Millis } from '../../src/base/clock.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { type Collateral, mergeCollateral, readCollateral } from '../../src/collateral/index.ts';
import {
  formatVerdict,
  hasOwnTime,
  judgeAttestation,
  judgeEvidence,
  type JudgementTime,
  malformedVerdict,
  PLATFORM_NAMES,
  type TrustPolicy,
  type Verdict,
} from '../../verifier/index.ts';
import { exitStatus, reportError } from './errors.ts';
import { readCollateralPaths } from './collateral-input.ts';
import { isAddress, readSourceAt } from './input.ts';
import type { Io } from './io.ts';
import { type CommandLine, readCommandLine, readHex, readTime } from './options.ts';
import { renderVerdict, styleFor } from './report.ts';
import { readTrustFile } from './trust-file.ts';

export const VERIFY_HELP: string = `Usage: assay verify FILE|-|URL [options]

Judges evidence: a Nitro document, a TDX or SGX quote, an SEV-SNP report, raw, in hexadecimal
or base64, an attestation file, or a running service (assay://HOST:PORT,
tcp://HOST:PORT, unix:PATH) with a fresh challenge.

  --trust FILE       the trust policy: what is acceptable (see assay trust)
  --authentic-only   only asks whether it is genuine; a file is then judged at its own time
                     if it has one, else now
  --at TIME          judge recorded evidence at this time (RFC 3339), or at its own: evidence
  --nonce HEX        the challenge that the quote must answer
  --collateral PATH  certificates, revocation lists and statements of the vendor: a bundle of assay
                     collateral fetch, a folder, or a file; may be repeated. Also the measured
                     configuration of a service
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
  collateral: { type: 'string', multiple: true },
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
  readonly collateral: Collateral;
  /** A file given with --collateral that is not of a vendor. */
  readonly config: Uint8Array | null;
  /** `own`: the evidence's own time if it has one, else now. Null: now. */
  readonly at: Millis | 'evidence' | 'own' | null;
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
  const [trust, at, nonce] = ['trust', 'at', 'nonce'].map(line.text);
  if (authenticOnly && trust !== undefined)
    fail('USAGE', 'assay verify: --authentic-only and --trust exclude each other');
  if (isAddress(source) && (at !== undefined || nonce !== undefined))
    fail(
      'USAGE',
      'assay verify: a running service is judged now, with a challenge of our own: no --at, no --nonce',
    );
  const given = readCollateralPaths(line.texts('collateral'));
  const own = authenticOnly && !isAddress(source) ? 'own' : null;
  return {
    source,
    platform: line.text('platform') ?? null,
    trust: trust === undefined ? null : readTrustFile(trust),
    nonce: nonce === undefined ? null : readHex('--nonce', nonce, 1, 1024),
    collateral: given.collateral,
    config: given.other,
    at: at === undefined ? own : at === 'evidence' ? at : readTime('--at', at),
  };
}

async function judge(request: Request, io: Io): Promise<Outcome> {
  const { source, trust, nonce, platform, collateral } = request;
  if (isAddress(source)) return judgeService(request, io);
  const found = await readSourceAt(source, io);
  if (found.kind === 'receipt')
    return fail('USAGE', `assay verify: ${source} is a receipt: assay receipt verify judges it`);
  if (found.kind === 'collateral')
    return fail('USAGE', `assay verify: ${source} is no evidence: assay inspect shows collateral`);
  const options = { trust, collateral, crypto: nodeCrypto };
  if (found.kind === 'evidence') {
    const beside = readCollateral(found.collateral ?? []);
    if (request.config !== null)
      fail('USAGE', 'assay verify: --collateral: nothing of a vendor is in the file');
    const time = timeOf(request, hasOwnTime(found.bytes, platform), io);
    const all = mergeCollateral(collateral, beside);
    return judgeEvidence(found.bytes, { ...options, ...time, collateral: all, platform, nonce });
  }
  const { attestation } = found;
  requirePlatform(platform, attestation.platform);
  const time = timeOf(request, hasOwnTime(attestation.evidence, attestation.platform), io);
  const config = request.config === null ? {} : { config: request.config };
  return judgeAttestation(attestation, { ...options, ...time, ...config, challenge: nonce, session: null });
}

/** Evidence without a time of its own can be judged at no other than a given one, or now. */
function timeOf({ at }: Request, timed: boolean, io: Io): JudgementTime {
  const wanted = at === 'own' ? (timed ? 'evidence' : null) : at;
  return wanted === null ? { mode: 'live', now: io.now() } : { mode: 'archive', now: wanted };
}

async function judgeService(
  { source, platform, trust, collateral, config }: Request,
  io: Io,
): Promise<Outcome> {
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
    collateral,
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
