/** Intel quotes: the recorded ones say what others read in them; what no quoting enclave writes is refused. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { concat, utf8 } from '../../src/base/bytes.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import { fromHex, toHex } from '../../src/base/hex.ts';
import { parsePem } from '../../src/codec/pem.ts';
import {
  isIntelQuote,
  MAX_QUOTE,
  parseQuote,
  type Quote,
  quoteTee,
  type SgxReport,
  type TdReport,
} from '../../src/evidence/intel/index.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import {
  CARRIED_QUOTES,
  carriedQuotes,
  type Change,
  changed,
  claims,
  holdsTogether,
  LEAST_PEM,
  leastQuote,
  mutationTables,
  quoteBytes,
  quotes,
  reassembled,
  RECORDED_QUOTES,
  SAMPLE_QUOTE,
  TEXT_BEHIND,
  WITH_TEXT,
} from '../support/intel.ts';
import { vectors } from '../support/vectors.ts';

const recorded = quotes();
const bit = (hex: unknown, at: number): boolean =>
  ((fromHex(hex as string)[at >> 3] as number) & (1 << (at & 7))) !== 0;

/** Under the names of the manifest. */
function tdFields(body: TdReport): Record<string, unknown> {
  return {
    tee_tcb_svn: toHex(body.teeTcbSvn),
    mrseam: toHex(body.mrseam),
    mrsignerseam: toHex(body.mrsignerseam),
    seamattributes: toHex(body.seamAttributes),
    tdattributes: toHex(body.tdAttributes),
    xfam: toHex(body.xfam),
    mrtd: toHex(body.mrtd),
    mrconfigid: toHex(body.mrconfigid),
    mrowner: toHex(body.mrowner),
    mrownerconfig: toHex(body.mrownerconfig),
    ...Object.fromEntries(body.rtmrs.map((rtmr, i) => [`rtmr${i}`, toHex(rtmr)])),
    report_data: toHex(body.reportData),
    ...(body.teeTcbSvn2 === null ? {} : { tee_tcb_svn2: toHex(body.teeTcbSvn2) }),
    ...(body.mrservicetd === null ? {} : { mrservicetd: toHex(body.mrservicetd) }),
    debug: body.flags.debug,
    sept_ve_disable: body.flags.septVeDisable,
  };
}

const sgxFields = (body: SgxReport): Record<string, unknown> => ({
  mrenclave: toHex(body.mrenclave),
  mrsigner: toHex(body.mrsigner),
  attributes: toHex(body.attributes),
  isvprodid: body.isvProdId,
  isvsvn: body.isvSvn,
  report_data: toHex(body.reportData),
});

describe('recorded quotes', () => {
  if (CORPUS === null) it.skip(missing('tdx', RECORDED_QUOTES + CARRIED_QUOTES), () => {});

  it.each(recorded)('$file: says what others read in it', ({ file, expected: { fields } }) => {
    const bytes = quoteBytes(file);
    expect(isIntelQuote(bytes)).toBe(true);
    const quote = parseQuote(bytes);
    expect(quoteTee(bytes)).toBe(quote.tee);
    const { body, certification } = quote;
    expect([quote.version, quote.tee.toUpperCase()]).toEqual([fields['version'], fields['tee']]);
    if (fields['body_type'] !== undefined) expect(quote.bodyType).toBe(fields['body_type']);
    const said = body.type === 'sgx' ? sgxFields(body) : tdFields(body);
    // Where nobody judged the quote, the manifest has no word on what the flags mean.
    const known = Object.keys(said).filter((name) => name in fields);
    expect(known.length).toBeGreaterThan(5);
    expect(Object.fromEntries(known.map((name) => [name, said[name]]))).toEqual(
      Object.fromEntries(known.map((name) => [name, fields[name]])),
    );
    const attributes = fields[body.type === 'sgx' ? 'attributes' : 'tdattributes'];
    expect(body.flags.debug).toBe(bit(attributes, body.type === 'sgx' ? 1 : 0));
    expect(body.reservedAttributes).toBe(0n);
    expect(quote.qe.report.isvSvn).toBe(fields['qe_isvsvn']);
    expect(quote.qe.authData).toHaveLength(fields['auth_data_len'] as number);
    expect(certification.kind).toBe(fields['inner_cert_type'] === 3 ? 'ppid' : 'chain');
    const whole = reassembled(quote);
    expect(toHex(whole)).toBe(toHex(bytes.subarray(0, whole.length)));
    const behind = corpusBytes('tdx', file).length - whole.length;
    expect(behind).toBe(fields['trailing_bytes']);
  });

  it.each(recorded)('$file: is signed where it is said to be', ({ file }) => {
    expect(holdsTogether(parseQuote(quoteBytes(file)))).toBe(true);
  });

  it.each(recorded)('$file: has the certificates that another reader finds', ({ file }) => {
    const { certification } = parseQuote(quoteBytes(file));
    if (certification.kind === 'ppid') {
      expect(certification.ppid).toHaveLength(384);
      expect(toHex(certification.pceId)).toBe('0000');
      return;
    }
    const text = new TextDecoder().decode(certification.raw).replace('\0', '');
    expect(certification.certificates).toEqual(parsePem(text, 'CERTIFICATE'));
    expect(certification.certificates).toHaveLength(3);
  });

  it('end where they say, and not with a text that somebody put behind', () => {
    if (CORPUS === null) return;
    const file = corpusBytes('tdx', WITH_TEXT);
    expect(() => parseQuote(file)).toFailWith('QUOTE_TRAILING_BYTES');
    expect(() => parseQuote(file)).toThrow(`the quote ends at byte ${file.length - TEXT_BEHIND.length}`);
    // The same quote was recorded by somebody else, without the text.
    expect(toHex(quoteBytes(WITH_TEXT))).toBe(
      toHex(corpusBytes('tdx', 'quotes/tdx_v4_50806f_oasis_pks.bin')),
    );
  });

  it('are all of them', () => {
    if (CORPUS !== null) expect(recorded).toHaveLength(RECORDED_QUOTES);
  });

  it.each(CORPUS === null ? [] : carriedQuotes())('%s: a quote in other evidence', (_, bytes) => {
    const quote = parseQuote(bytes);
    const whole = reassembled(quote);
    expect(toHex(whole)).toBe(toHex(bytes.subarray(0, whole.length)));
    expect(holdsTogether(quote)).toBe(true);
  });

  it.skipIf(CORPUS === null)("Intel's sample: DER for PEM, no authentication data", () => {
    const quote = parseQuote(corpusBytes('tdx', SAMPLE_QUOTE));
    expect(quote.qe.authData).toHaveLength(0);
    expect(quote.certification).toMatchObject({ kind: 'chain', certificates: { length: 3 } });
    expect(toHex(reassembled(quote))).toBe(toHex(corpusBytes('tdx', SAMPLE_QUOTE)));
    // Its fields are random, and bits without a name are told, not refused.
    expect(quote.qe.report.reservedAttributes).not.toBe(0n);
  });

  it('are told from other evidence by how they begin', () => {
    for (const { file } of manifest('snp').filter((entry) => entry.file.endsWith('report.bin')))
      expect(isIntelQuote(corpusBytes('snp', file))).toBe(false);
    for (const { file } of manifest('nitro').filter((entry) => entry.kind === 'attestation-document'))
      expect(isIntelQuote(corpusBytes('nitro', file))).toBe(false);
    const least = leastQuote();
    expect(isIntelQuote(least.subarray(0, 48))).toBe(true);
    expect(isIntelQuote(least.subarray(0, 47))).toBe(false);
    for (const [at, value] of [
      [0, 2],
      [0, 6],
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 1],
      [7, 1],
    ] as const)
      expect(isIntelQuote(least.with(at, value)), `byte ${at}`).toBe(false);
    // An error about the key is better than none at all.
    expect(isIntelQuote(least.with(2, 3))).toBe(true);
  });
});

/** Changes of structure, by the names that the tables have for them. */
const STRUCTURAL =
  /^(hdr-(version|attkeytype|teetype|vendor)|v5-body|outer-|auth-size|certtype|cert-size|siglen|trunc|empty|trailing-nonzero)/;

describe('changes that the corpus lists', () => {
  const cases = mutationTables().flatMap(({ base, cases: listed }) =>
    listed
      .filter(({ ops }) => ops.every(({ target }) => target === 'quote'))
      .map(({ id, ops, must }) => ({ id, ops, must, quote: base.quote })),
  );

  it.each(cases.filter(({ id }) => STRUCTURAL.test(id)))('$quote $id: is refused', ({ quote, ops, must }) => {
    expect(must).toBe('reject');
    expect(() => parseQuote(changed(quoteBytes(quote), ops))).toThrow(AssayError);
  });

  it.each(cases.filter(({ must }) => must === 'accept'))('$quote $id: is read', ({ quote, ops }) => {
    expect(holdsTogether(parseQuote(changed(quoteBytes(quote), ops)))).toBe(true);
  });

  it.each(cases.filter(({ id, must }) => must === 'reject' && !STRUCTURAL.test(id)))(
    '$quote $id: is refused, or says something else',
    ({ quote, ops }) => {
      const original = claims(parseQuote(quoteBytes(quote)));
      const now = said(changed(quoteBytes(quote), ops));
      if (now instanceof AssayError) expect(now.code).not.toBe('INTERNAL');
      else expect(claims(now)).not.toBe(original);
    },
  );

  it('are many', () => {
    if (CORPUS !== null) expect(cases.length).toBeGreaterThan(150);
  });
});

function said(bytes: Uint8Array): Quote | AssayError {
  try {
    return parseQuote(bytes);
  } catch (error) {
    if (error instanceof AssayError) return error;
    throw error;
  }
}

interface Malformed {
  readonly name: string;
  readonly version?: 3 | 4 | 5;
  readonly bodyType?: 1 | 2 | 3 | 4;
  readonly ops: readonly Change[];
  readonly code: Code;
  readonly path: string;
}

interface MalformedCertification {
  readonly name: string;
  readonly type?: number;
  readonly text?: string;
  readonly hex?: string;
  /** So many zero bytes. */
  readonly size?: number;
  readonly code: Code;
}

describe('a quote that no quoting enclave writes', () => {
  const { cases } = vectors<Malformed>('intel-quote-malformed.json');

  it.each(cases)('is refused: $name', ({ ops, code, path, ...parts }) => {
    const least = leastQuote(parts);
    expect(parseQuote(least).certification.kind).toBe('chain');
    const bytes = changed(least, ops);
    expect(() => parseQuote(bytes)).toFailWith(code);
    expect(() => parseQuote(bytes)).toThrow(`${path}: `);
  });

  it('is refused at every length but its own, and with any of its lengths changed', () => {
    for (const parts of [{ version: 3 }, { version: 4 }, { version: 5, bodyType: 4 }] as const) {
      const least = leastQuote(parts);
      for (let length = 0; length < least.length; length++)
        expect(() => parseQuote(least.subarray(0, length)), `${length}`).toFailWith('QUOTE_FIELD_INVALID');
      expect(parseQuote(concat(least, new Uint8Array(5_000)))).toEqual(parseQuote(least));
    }
  });

  it('is refused when it is larger than any', () => {
    const least = leastQuote();
    const padded = (size: number): Uint8Array => concat(least, new Uint8Array(size - least.length));
    expect(parseQuote(padded(MAX_QUOTE)).version).toBe(4);
    expect(() => parseQuote(padded(MAX_QUOTE + 1))).toFailWith('QUOTE_FIELD_INVALID');
  });

  const certifications = vectors<MalformedCertification>('intel-certification-malformed.json').cases;

  it.each(certifications)('is refused: $name', ({ type = 5, text, hex, size, code }) => {
    const certification =
      text === undefined ? (hex === undefined ? new Uint8Array(size ?? 0) : fromHex(hex)) : utf8(text);
    for (const version of [3, 4] as const)
      expect(() => parseQuote(leastQuote({ version, certificationType: type, certification }))).toFailWith(
        code,
      );
  });
});

describe('what a quote carries about its key', () => {
  const read = (certificationType: number, certification: Uint8Array): Quote['certification'] =>
    parseQuote(leastQuote({ certificationType, certification })).certification;
  const empty = fromHex('3000');

  it.each([
    ['one block', LEAST_PEM, 1],
    ['three blocks', LEAST_PEM.repeat(3), 3],
    ['a NUL behind', `${LEAST_PEM}\0`, 1],
    ['no line end behind', LEAST_PEM.trimEnd(), 1],
    ['no line end, and a NUL', `${LEAST_PEM.trimEnd()}\0`, 1],
    ['line ends of two', LEAST_PEM.replaceAll('\n', '\r\n').repeat(2), 2],
    ['empty lines between', `${LEAST_PEM}\n\n${LEAST_PEM}\n`, 2],
  ])('is PEM: %s', (_, text, count) => {
    const found = read(5, utf8(text));
    expect(found).toEqual({
      kind: 'chain',
      raw: utf8(text),
      certificates: Array.from({ length: count }, () => empty),
    });
  });

  it('is DER, one after the other', () => {
    const der = concat(empty, fromHex('3003020101'), empty);
    expect(read(5, der)).toEqual({
      kind: 'chain',
      raw: der,
      certificates: [empty, fromHex('3003020101'), empty],
    });
  });

  it('is one certificate', () => {
    expect(read(4, utf8(LEAST_PEM))).toMatchObject({ kind: 'leaf', certificates: [empty] });
    expect(read(4, empty)).toMatchObject({ kind: 'leaf', certificates: [empty] });
  });

  it.each([
    [1, 16],
    [2, 256],
    [3, 384],
  ] as const)('is the name of the platform, type %i', (type, size) => {
    const ppid = Uint8Array.from({ length: size }, (_, i) => i & 0xff);
    const cpuSvn = new Uint8Array(16).fill(7);
    const certification = concat(ppid, cpuSvn, Uint8Array.of(0x0b, 0x01, 0x02, 0x03));
    expect(read(type, certification)).toEqual({
      kind: 'ppid',
      type,
      ppid,
      cpuSvn,
      pceSvn: 0x10b,
      pceId: Uint8Array.of(2, 3),
    });
  });
});

describe('a body', () => {
  it('of TDX 1.5 with migration history has every field where it is', () => {
    const body = Uint8Array.from({ length: 885 }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
    const td = parseQuote(leastQuote({ version: 5, bodyType: 4, body })).body as TdReport;
    expect(td.type).toBe('td15ex');
    const at = (offset: number, size: number): Uint8Array => body.subarray(offset, offset + size);
    expect(td).toMatchObject({
      teeTcbSvn: at(0, 16),
      reportData: at(520, 64),
      teeTcbSvn2: at(584, 16),
      mrservicetd: at(600, 48),
      vmId: body[648],
      tdId: at(649, 32),
      devInfo: at(681, 48),
      initServTdHash: at(729, 48),
      initServTdAttributes: at(777, 8),
      initCpuSvn: at(785, 16),
      initTeeTcbSvn: at(801, 16),
      initTeeFmspc: at(817, 12),
      curServTdHash: at(829, 48),
      curServTdAttributes: at(877, 8),
    });
  });

  it('of an enclave comes in every version', () => {
    const body = new Uint8Array(384);
    body.set(fromHex('0102'), 16);
    body[20] = 3;
    body.set(fromHex('f704000000000080e700000000000000'), 48);
    body.set(fromHex('0100020003000000'), 256);
    body[304] = 4;
    for (const version of [3, 4, 5] as const)
      expect(parseQuote(leastQuote({ version, bodyType: 1, body })).body).toMatchObject({
        type: 'sgx',
        miscselect: fromHex('01020000'),
        cetAttributes: 3,
        flags: {
          initialized: true,
          debug: true,
          mode64: true,
          provisionKey: true,
          einitTokenKey: true,
          cet: true,
          kss: true,
          aexNotify: true,
        },
        reservedAttributes: 1n << 63n,
        xfrm: 0xe7n,
        isvProdId: 1,
        isvSvn: 2,
        configSvn: 3,
        isvFamilyId: fromHex('04'.padEnd(32, '0')),
      });
  });

  it.each([
    ['debug', 0],
    ['septVeDisable', 28],
    ['migratable', 29],
    ['pks', 30],
    ['keyLocker', 31],
    ['perfmon', 63],
  ] as const)('of a TD says %s by bit %i alone', (name, at) => {
    const body = new Uint8Array(584);
    body[120 + (at >> 3)] = 1 << (at & 7);
    const { flags, reservedAttributes } = parseQuote(leastQuote({ body })).body as TdReport;
    expect(Object.entries(flags).filter(([, set]) => set)).toEqual([[name, true]]);
    expect(reservedAttributes).toBe(0n);
  });

  it('of a TD keeps attributes that have no name here', () => {
    const body = new Uint8Array(584).fill(0xff, 120, 128);
    const { reservedAttributes } = parseQuote(leastQuote({ body })).body as TdReport;
    expect(reservedAttributes).toBe(0x7fff_ffff_0fff_fffen);
  });
});

describe('any bytes', () => {
  it('are refused by a typed error, or are a quote to the last byte', () => {
    const least = ([3, 4, 5] as const).map((version) => leastQuote({ version }));
    const noise = fc.uint8Array({ maxLength: 2_000 });
    const edited = fc
      .tuple(fc.constantFrom(...least), fc.nat(2_000), noise)
      .map(([quote, at, bytes]) => concat(quote.subarray(0, at), bytes));
    fc.assert(
      fc.property(fc.oneof(noise, edited), (bytes) => {
        const quote = said(bytes);
        if (quote instanceof AssayError) return quote.code !== 'INTERNAL';
        return toHex(bytes).startsWith(toHex(reassembled(quote)));
      }),
      { numRuns: 2_000 },
    );
  });

  it('give frozen values whose bytes are plain views, of a Buffer too', () => {
    const quote = parseQuote(Buffer.from(leastQuote({ version: 5, bodyType: 1 })));
    const walk = (value: unknown): void => {
      if (typeof value !== 'object' || value === null) return;
      if (value instanceof Uint8Array) return expect(value.constructor).toBe(Uint8Array);
      expect(Object.isFrozen(value)).toBe(true);
      Object.values(value).forEach(walk);
    };
    walk(quote);
  });
});
