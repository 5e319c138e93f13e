/**
 * What the author of a trust policy says on the command line of TDX, SGX and SEV-SNP. Strict answers are defaults where
 * there is one that every sound guest meets; all else is stated, or waived aloud.
 */
import { fail } from '../../src/base/errors.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { HardwareIds } from '../../verifier/index.ts';
import type { CommandLine, Options } from './options.ts';
import type { GuestFacts, SgxFacts, SnpFacts, TdxFacts } from './trust-facts.ts';

const TEXT = { type: 'string' } as const;
const MANY = { type: 'string', multiple: true } as const;
const FLAG = { type: 'boolean' } as const;

const ANY_GUEST: Options = { any: MANY, 'pin-hardware': FLAG, 'any-hardware': FLAG };

const INTEL: Options = {
  'tcb-status': MANY,
  advisory: MANY,
  'min-evaluation-number': TEXT,
  'min-tcb-date': TEXT,
  'grace-days': TEXT,
  smt: TEXT,
  'dynamic-platform': TEXT,
  'cached-keys': TEXT,
};

const TDX: Options = { 'service-td': MANY, 'td-attribute': MANY };

const SNP: Options = {
  vmpl: MANY,
  'min-tcb': MANY,
  'provisional-firmware': TEXT,
  'milan-vcek': TEXT,
  'id-key': MANY,
  'host-data': MANY,
};

export const GUEST_OPTIONS: Options = { ...ANY_GUEST, ...INTEL, ...TDX, ...SNP };

type Platform = 'nitro' | GuestFacts['platform'];

const OPTIONS_OF: Readonly<Record<Platform, Options>> = {
  nitro: { 'pin-hardware': FLAG, 'any-hardware': FLAG },
  tdx: { ...ANY_GUEST, ...INTEL, ...TDX },
  sgx: { ...ANY_GUEST, ...INTEL },
  snp: { ...ANY_GUEST, ...SNP },
};

/** Keys for --any: what has no option of its own that could say so. */
const WAIVABLE: Readonly<Record<GuestFacts['platform'], readonly string[]>> = {
  tdx: ['mrtd', 'rtmrs', 'owner', 'platform', 'sept_ve_disable', 'xfam', 'revocation'],
  sgx: ['mrenclave', 'mrsigner', 'isv_prod_id', 'min_isv_svn', 'platform', 'revocation'],
  snp: ['measurement', 'vmpl', 'tcb.minimum', 'id_key', 'host_data', 'alias_check', 'revocation'],
};

export const GUEST_HELP: string = `  of TDX, SGX and SEV-SNP:
    --pin-hardware              this machine and no other: with --from
    --any-hardware              any machine will do
    --any KEY                   waives an expectation: ${WAIVABLE.tdx.slice(0, -1).join(', ')} of TDX;
                                ${WAIVABLE.sgx.slice(0, 4).join(', ')}, platform of SGX;
                                ${WAIVABLE.snp.slice(0, -1).join(', ')} of SEV-SNP;
                                revocation
  of TDX and SGX:
    --tcb-status STATUS         accepted beside or instead of UpToDate; repeat for more
    --advisory ID|any           may be open; repeat for more; none when left out
    --min-evaluation-number N|any
    --min-tcb-date DATE|any     as 2024-03-13
    --grace-days N|none         how long a platform may stay out of date
    --smt, --dynamic-platform, --cached-keys reject|any
    --service-td HEX|any        of TDX: may be bound; none when left out
    --td-attribute NAME         of TDX: MIGRATABLE, PKS, KL or PERFMON may be set
  of SEV-SNP:
    --vmpl N                    may ask for the report; 0 when left out
    --min-tcb PRODUCT:PART=N,…  least versions, as Milan:bootloader=4,tee=0,snp=24,microcode=219
    --id-key HEX, --host-data HEX
    --milan-vcek allow, --provisional-firmware allow
`;

/** What would be taken and mean nothing. */
export function refuseGuestOptions(platform: Platform, line: CommandLine): void {
  for (const option of Object.keys(GUEST_OPTIONS))
    if (
      !Object.hasOwn(OPTIONS_OF[platform], option) &&
      (line.flag(option) || line.text(option) !== undefined)
    )
      fail('USAGE', `assay trust init: --${option} does not go with ${platform}`);
}

export interface GuestChoices {
  readonly platforms: JsonObject;
  readonly hardware: 'any' | JsonObject;
  readonly revocation: 'required' | 'any';
}

/** `ids`: of the evidence; null when there is none. Throws EXPECTATION_MISSING with everything that is not stated. */
export function guestChoices(facts: GuestFacts, ids: HardwareIds | null, line: CommandLine): GuestChoices {
  refuseGuestOptions(facts.platform, line);
  const author = new Author(facts.platform, line);
  const part =
    facts.platform === 'tdx'
      ? tdxPart(facts, author)
      : facts.platform === 'sgx'
        ? sgxPart(facts, author)
        : snpPart(facts, author);
  const hardware = hardwareOf(ids, author);
  author.requireAll();
  return {
    platforms: { [facts.platform]: part },
    hardware,
    revocation: author.waives('revocation') ? 'any' : 'required',
  };
}

/** Reads what is said, and remembers what is not: an author hears of all of it at once. */
class Author {
  readonly line: CommandLine;
  readonly #platform: GuestFacts['platform'];
  readonly #waived: readonly string[];
  readonly #missing: string[] = [];

  constructor(platform: GuestFacts['platform'], line: CommandLine) {
    this.line = line;
    this.#platform = platform;
    this.#waived = line.texts('any');
    const stranger = this.#waived.find((key) => !WAIVABLE[platform].includes(key));
    if (stranger !== undefined)
      fail(
        'USAGE',
        `assay trust init: --any ${stranger}: of ${platform} these can be waived: ${WAIVABLE[platform].join(', ')}`,
      );
  }

  waives(key: string): boolean {
    return this.#waived.includes(key);
  }

  /** A value, or `any` where it is waived. `how`: what would state it. */
  need(key: string, value: JsonValue | null | undefined, how = 'measurements'): JsonValue {
    if (this.waives(key)) return 'any';
    const waiver = WAIVABLE[this.#platform].includes(key) ? `${how} or --any ${key}` : how;
    return value ?? this.miss(`platforms.${this.#platform}.${key}`, waiver);
  }

  miss(path: string, how: string): JsonValue {
    this.#missing.push(`${path} (${how})`);
    return 'any';
  }

  /** A number, or the word that waives it. */
  number(option: string, word: string): JsonValue | null {
    const text = this.line.text(option);
    if (text === undefined) return null;
    if (text === word) return word;
    return /^\d{1,9}$/.test(text)
      ? Number(text)
      : fail('USAGE', `assay trust init: --${option} ${text}: must be a number or ${word}`);
  }

  /** A list, or the word that waives it; null when nothing is said. */
  list(option: string, word: string): JsonValue | null {
    const texts = this.line.texts(option);
    if (texts.length === 0) return null;
    return texts.length === 1 && texts[0] === word ? word : texts.map((text) => text);
  }

  requireAll(): void {
    if (this.#missing.length > 0) fail('EXPECTATION_MISSING', `not stated: ${this.#missing.join('; ')}`);
  }
}

/** Keys that are left out keep their default. */
const present = (key: string, value: JsonValue | null): JsonObject =>
  value === null ? {} : { [key]: value };

function tdxPart({ mrtd, rtmrs, owner }: TdxFacts, author: Author): JsonObject {
  const anyOf = (key: string): JsonObject => present(key, author.waives(key) ? 'any' : null);
  return {
    mrtd: author.need('mrtd', mrtd),
    rtmrs: author.need('rtmrs', rtmrs),
    debug: 'reject',
    service_td: author.list('service-td', 'any') ?? 'none',
    owner: author.need('owner', owner),
    ...intelPart(author),
    ...anyOf('sept_ve_disable'),
    ...present('attributes', author.list('td-attribute', '')),
    ...anyOf('xfam'),
  };
}

function sgxPart({ mrenclave, mrsigner, isvProdId, minIsvSvn }: SgxFacts, author: Author): JsonObject {
  return {
    mrenclave: author.need('mrenclave', mrenclave),
    mrsigner: author.need('mrsigner', mrsigner),
    isv_prod_id: author.need('isv_prod_id', isvProdId),
    min_isv_svn: author.need('min_isv_svn', minIsvSvn),
    debug: 'reject',
    ...intelPart(author),
  };
}

function intelPart(author: Author): { readonly tcb: JsonObject; readonly platform: JsonValue } {
  const { line } = author;
  const said = (key: string, value: JsonValue | null | undefined, how: string): JsonValue =>
    author.need(`tcb.${key}`, value, how);
  const configuration = (['smt', 'dynamic-platform', 'cached-keys'] as const).flatMap((option) => {
    const word = line.text(option);
    return word === undefined ? [] : [[option.replace('-', '_'), word] as const];
  });
  return {
    tcb: {
      statuses: author.list('tcb-status', '') ?? ['UpToDate'],
      advisories: author.list('advisory', 'any') ?? 'none',
      min_evaluation_number: said(
        'min_evaluation_number',
        author.number('min-evaluation-number', 'any'),
        '--min-evaluation-number N or any',
      ),
      min_tcb_date: said('min_tcb_date', line.text('min-tcb-date'), '--min-tcb-date DATE or any'),
      grace_days: said('grace_days', author.number('grace-days', 'none'), '--grace-days N or none'),
    },
    platform: author.need(
      'platform',
      configuration.length === 0 ? null : Object.fromEntries(configuration),
      '--smt, --dynamic-platform or --cached-keys',
    ),
  };
}

function snpPart({ measurement, minimum, idKey, hostData }: SnpFacts, author: Author): JsonObject {
  const { line } = author;
  const levels = line.texts('vmpl').map((text) => (/^[0-3]$/.test(text) ? Number(text) : notLevel(text)));
  const least = line.texts('min-tcb').map(readMinimum);
  return {
    measurement: author.need('measurement', measurement),
    debug: 'reject',
    vmpl: author.need('vmpl', levels.length === 0 ? [0] : levels),
    tcb: {
      minimum: author.need(
        'tcb.minimum',
        least.length === 0 ? minimum : Object.fromEntries(least),
        '--min-tcb PRODUCT:PART=N,…',
      ),
      provisional_firmware: line.text('provisional-firmware') ?? 'reject',
    },
    milan_vcek: line.text('milan-vcek') ?? 'reject',
    id_key: author.need('id_key', author.list('id-key', '') ?? idKey, '--id-key HEX'),
    host_data: author.need('host_data', author.list('host-data', '') ?? hostData, '--host-data HEX'),
    ...(author.waives('alias_check') ? { alias_check: 'any' } : {}),
  };
}

const notLevel = (text: string): never => fail('USAGE', `assay trust init: --vmpl ${text}: must be 0 to 3`);

/** `Milan:bootloader=4,tee=0,snp=24,microcode=219`; what is wrong in it the reader of policies says. */
function readMinimum(text: string): readonly [product: string, parts: JsonObject] {
  const match = /^([A-Za-z]+):((?:[a-z]+=\d{1,3})(?:,[a-z]+=\d{1,3})*)$/.exec(text);
  if (match === null)
    return fail('USAGE', `assay trust init: --min-tcb ${text}: must be PRODUCT:PART=N,PART=N and so on`);
  const parts = (match[2] as string).split(',').map((part) => part.split('=') as [string, string]);
  return [match[1] as string, Object.fromEntries(parts.map(([part, least]) => [part, Number(least)]))];
}

function hardwareOf(ids: HardwareIds | null, author: Author): 'any' | JsonObject {
  const { line } = author;
  if (line.flag('any-hardware')) {
    if (line.flag('pin-hardware'))
      fail('USAGE', 'assay trust init: --any-hardware and --pin-hardware exclude each other');
    return 'any';
  }
  if (line.flag('pin-hardware'))
    return ids === null
      ? fail('USAGE', 'assay trust init: --pin-hardware goes with evidence that names the machine: --from')
      : { ...ids };
  author.miss('hardware.ids', '--pin-hardware or --any-hardware');
  return 'any';
}
