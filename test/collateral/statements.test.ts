/** Intel's signed JSON: what is cut out of a body, what is read in it, and what is not read. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8 } from '../../src/base/bytes.ts';
import { AssayError, type Code } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { readSignedJson, statementItem, type TcbInfo } from '../../src/collateral/index.ts';
import { vectors } from '../support/vectors.ts';

interface Malformed {
  readonly name: string;
  readonly at: readonly (string | number)[];
  /** Taken away without one. */
  readonly value?: unknown;
  readonly path: string;
}

type Tree = { [key: string | number]: Tree };

const FILES = ['tcb-info', 'qe-identity', 'evaluation-numbers'] as const;
const files = FILES.map((name) => {
  const file = vectors<Malformed>(`${name}-malformed.json`);
  return { name, cases: file.cases, genuine: (file as unknown as { genuine: Tree }).genuine };
});
const [TCB_INFO] = files as [(typeof files)[number], ...(typeof files)[number][]];

const text = new TextDecoder();
const bodyOf = (value: unknown): Uint8Array => utf8(JSON.stringify(value));

function changed(genuine: Tree, { at, value }: Malformed): Uint8Array {
  const copy = structuredClone(genuine);
  const parent = at.slice(0, -1).reduce((tree, step) => tree[step] as Tree, copy);
  const last = at[at.length - 1] as string | number;
  if (value === undefined) delete parent[last];
  else parent[last] = value as Tree;
  return bodyOf(copy);
}

function tcbInfo(body: Uint8Array): TcbInfo {
  const item = statementItem(body);
  return item?.kind === 'tcb-info' ? item.document.value : expect.unreachable(item?.kind);
}

describe.each(files)('a statement that Intel would not make: $name', ({ genuine, cases }) => {
  it('would be read without the change', () => {
    expect(statementItem(bodyOf(genuine))).not.toBeNull();
  });

  it.each(cases)('is refused $name', (malformed) => {
    const body = changed(genuine, malformed);
    expect(() => statementItem(body)).toFailWith('COLLATERAL_INVALID');
    expect(() => statementItem(body)).toThrow(new RegExp(`^${escaped(malformed.path)}: `));
  });

  it('is refused with every member of it taken away, but for those that may be missing', () => {
    const missing: string[] = [];
    for (const at of membersOf(genuine)) {
      try {
        statementItem(changed(genuine, { name: '', at, path: '' }));
        missing.push(at.slice(1).join('.'));
      } catch (error) {
        expect((error as AssayError).code).toBe('COLLATERAL_INVALID');
      }
    }
    // Taking the statement itself away leaves JSON that is none.
    expect(new Set(missing.map((path) => path.replace(/^.*\./, '')))).toEqual(
      new Set(genuine === TCB_INFO.genuine ? ['', 'tdxModuleIdentities', 'advisoryIDs'] : ['']),
    );
  });
});

const escaped = (path: string): string => path.replace(/[.[\]]/g, '\\$&');

function membersOf(
  tree: Tree,
  at: readonly (string | number)[] = [],
): readonly (readonly (string | number)[])[] {
  if (typeof tree !== 'object' || tree === null) return [];
  return Object.entries(tree).flatMap(([key, value]) => {
    const step = Array.isArray(tree) ? Number(key) : key;
    // A list with one item less is another list, not one with a member missing.
    const own = Array.isArray(tree) ? [] : [[...at, step]];
    return [...own, ...membersOf(value, [...at, step])];
  });
}

describe('TCB info', () => {
  it('keeps levels in the order served, and hexadecimal in lower case', () => {
    const info = tcbInfo(bodyOf(TCB_INFO.genuine));
    expect(info).toMatchObject({ tee: 'tdx', version: 3, fmspc: '90c06f000000', pceId: '0000' });
    expect(info.tcbLevels.map(({ pcesvn, status }) => [pcesvn, status])).toEqual([
      [13, 'UpToDate'],
      [5, 'OutOfDate'],
    ]);
    expect(info.tcbLevels[1]).toMatchObject({
      sgx: Array.from({ length: 16 }, (_, i) => i),
      tcbDate: Date.UTC(2018, 0, 4),
      advisories: ['INTEL-SA-00106', 'INTEL-SA-00115'],
    });
    expect(info.tdxModuleIdentities).toMatchObject([
      { id: 'TDX_03', tcbLevels: [{ isvsvn: 3 }, { isvsvn: 2 }] },
    ]);
    expect(toHex(info.tdxModule?.attributesMask as Uint8Array)).toBe('ff'.repeat(8));
    const parts = [info, info.tcbLevels, info.tcbLevels[0], info.tcbLevels[0]?.sgx, info.tdxModule];
    expect([...parts, info.tdxModuleIdentities[0]].every(Object.isFrozen)).toBe(true);
  });

  it('names modules in upper case, however they are served', () => {
    const body = changed(TCB_INFO.genuine, {
      name: '',
      at: ['tcbInfo', 'tdxModuleIdentities', 0, 'id'],
      value: 'tdx_0a',
      path: '',
    });
    expect(tcbInfo(body).tdxModuleIdentities[0]?.id).toBe('TDX_0A');
  });

  it('passes over members that it does not know, at every level', () => {
    const spread = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(spread);
      if (typeof value !== 'object' || value === null) return value;
      const known = Object.entries(value).map(([key, item]) => [key, spread(item)]);
      return { aNewMember: { of: ['Intel', 1.5, null] }, ...Object.fromEntries(known) };
    };
    expect(tcbInfo(bodyOf(spread(TCB_INFO.genuine)))).toEqual(tcbInfo(bodyOf(TCB_INFO.genuine)));
  });

  it('reads SGX in version 3, without anything of TDX', () => {
    const sgx = structuredClone(TCB_INFO.genuine);
    (sgx['tcbInfo'] as Tree)['id'] = 'SGX' as unknown as Tree;
    const info = tcbInfo(bodyOf(sgx));
    expect([info.tee, info.tdxModule, info.tdxModuleIdentities]).toEqual(['sgx', null, []]);
    expect(info.tcbLevels.map(({ tdx }) => tdx)).toEqual([null, null]);
  });

  it('reads version 2, which names each component', () => {
    const svns = Array.from({ length: 16 }, (_, i) => 2 * i);
    const named = Object.fromEntries(
      svns.map((svn, i) => [`sgxtcbcomp${`${i + 1}`.padStart(2, '0')}svn`, svn]),
    );
    const { tcbInfo: inner, signature } = TCB_INFO.genuine as unknown as {
      tcbInfo: object;
      signature: string;
    };
    const version2 = (id: object, tcb: object): Uint8Array =>
      bodyOf({
        tcbInfo: {
          ...inner,
          id: undefined,
          ...id,
          version: 2,
          tdxModule: undefined,
          tdxModuleIdentities: undefined,
          tcbLevels: [{ tcb, tcbDate: '2021-11-10T00:00:00Z', tcbStatus: 'SWHardeningNeeded' }],
        },
        signature,
      });
    for (const id of [{}, { id: 'SGX' }])
      expect(tcbInfo(version2(id, { ...named, pcesvn: 11 }))).toMatchObject({
        tee: 'sgx',
        version: 2,
        tcbLevels: [{ sgx: svns, tdx: null, pcesvn: 11, status: 'SWHardeningNeeded' }],
      });
    expect(() => tcbInfo(version2({}, { ...named, sgxtcbcomp16svn: undefined, pcesvn: 11 }))).toThrow(
      'tcb_info.tcbLevels[0].tcb.sgxtcbcomp16svn: ',
    );
    expect(() => tcbInfo(version2({}, { sgxtcbcomponents: svns, pcesvn: 11 }))).toFailWith(
      'COLLATERAL_INVALID',
    );
  });
});

const SIGNATURE = '0123456789abcdefABCDEF0123456789'.repeat(4);

/** JSON.stringify writes integers beyond 2^53 that are not what they were, and those are refused. */
const plainJson = (maxDepth: number): fc.Arbitrary<unknown> =>
  fc
    .jsonValue({ maxDepth })
    .map((value) =>
      JSON.parse(JSON.stringify(value, (_, item: unknown) => (typeof item === 'number' ? item % 1e6 : item))),
    );

describe('what is signed', () => {
  const inner = '{"a": [1, 2],\n "tcbInfo": "x" }';

  it.each([
    ['as served', `{"tcbInfo":${inner},"signature":"${SIGNATURE}"}`],
    ['the signature first', `{"signature":"${SIGNATURE}","tcbInfo":${inner}}`],
    ['white space around it', ` {\r\n\t"tcbInfo" :\n ${inner}\t , "signature" : "${SIGNATURE}" }\n`],
    [
      'other members around it',
      `{"note":{"tcbInfo":1},"tcbInfo":${inner},"x":[],"signature":"${SIGNATURE}"}`,
    ],
    // Two bytes, three, and four in two units of UTF-16: offsets of text are none of bytes here.
    ['text that is not ASCII before it', `{"é水😀":"é水😀","tcbInfo":${inner},"signature":"${SIGNATURE}"}`],
    ['text that is not ASCII after it', `{"tcbInfo":${inner},"é水😀":1,"signature":"${SIGNATURE}"}`],
    ['an escaped name', `{"tcb\\u0049nfo":${inner},"signature":"${SIGNATURE}"}`],
  ])('is the inner object, byte for byte: %s', (_, body) => {
    const bytes = utf8(body);
    const json = readSignedJson(bytes);
    expect(json).toMatchObject({ name: 'tcbInfo', path: 'tcb_info', value: { a: [1, 2], tcbInfo: 'x' } });
    expect(text.decode(json?.signed)).toBe(inner);
    expect(json?.signed.buffer).toBe(bytes.buffer);
    expect(toHex(json?.signature as Uint8Array)).toBe(SIGNATURE.toLowerCase());
  });

  it.each<readonly [string, string, Code]>([
    [
      'two statements of one name',
      `{"tcbInfo":{},"tcbInfo":{},"signature":"${SIGNATURE}"}`,
      'JSON_DUPLICATE_KEY',
    ],
    [
      'two of one name, one of them escaped',
      `{"tcbInfo":{},"tcbInf\\u006f":{},"signature":"${SIGNATURE}"}`,
      'JSON_DUPLICATE_KEY',
    ],
    ['two signatures', `{"tcbInfo":{},"signature":"${SIGNATURE}","signature":""}`, 'JSON_DUPLICATE_KEY'],
    ['a key twice within', `{"tcbInfo":{"id":1,"id":1},"signature":"${SIGNATURE}"}`, 'JSON_DUPLICATE_KEY'],
    [
      'two of two names',
      `{"tcbInfo":{},"enclaveIdentity":{},"signature":"${SIGNATURE}"}`,
      'COLLATERAL_INVALID',
    ],
    ['no signature', '{"tcbInfo":{}}', 'COLLATERAL_INVALID'],
    ['a signature of null', '{"tcbInfo":{},"signature":null}', 'COLLATERAL_INVALID'],
    ['a signature of 126 digits', `{"tcbInfo":{},"signature":"${SIGNATURE.slice(2)}"}`, 'COLLATERAL_INVALID'],
    ['a signature of 130 digits', `{"tcbInfo":{},"signature":"${SIGNATURE}00"}`, 'COLLATERAL_INVALID'],
    ['a signature with a line break', `{"tcbInfo":{},"signature":"${SIGNATURE}\\n"}`, 'COLLATERAL_INVALID'],
    [
      'a signature that is no hexadecimal',
      `{"tcbInfo":{},"signature":"${SIGNATURE.slice(1)}g"}`,
      'COLLATERAL_INVALID',
    ],
    ['text behind the body', `{"tcbInfo":{},"signature":"${SIGNATURE}"}{}`, 'JSON_SYNTAX'],
    ['a byte order mark', `\ufeff{"tcbInfo":{},"signature":"${SIGNATURE}"}`, 'JSON_SYNTAX'],
    ['17 levels', `{"tcbInfo":${'['.repeat(16)}${']'.repeat(16)},"signature":""}`, 'JSON_DEPTH'],
    ['20,000 levels', `{"tcbInfo":${'['.repeat(20_000)}`, 'JSON_DEPTH'],
    ['128 KiB', `{"tcbInfo":{},"x":"${'x'.repeat(131_072)}"}`, 'JSON_TOO_LARGE'],
    ['a statement that is a list', `{"tcbInfo":[],"signature":"${SIGNATURE}"}`, 'COLLATERAL_INVALID'],
    ['a statement that is null', `{"enclaveIdentity":null,"signature":"${SIGNATURE}"}`, 'COLLATERAL_INVALID'],
  ])('is nothing in a body with %s', (_, body, code) => {
    expect(() => statementItem(utf8(body))).toFailWith(code);
  });

  it.each(['{}', '[{"tcbInfo":{}}]', '"tcbInfo"', '{"a":{"tcbInfo":{}}}', `{"signature":"${SIGNATURE}"}`])(
    'is nothing in JSON that is no body: %s',
    (body) => {
      expect(readSignedJson(utf8(body))).toBeNull();
      expect(statementItem(utf8(body))).toBeNull();
    },
  );

  it('is found wherever it stands, and parses to the value that came with it', () => {
    const member = fc.tuple(fc.string({ unit: 'grapheme', maxLength: 8 }), plainJson(3));
    const others = fc.uniqueArray(member, { maxLength: 6, selector: ([key]) => key });
    const spaces = fc.constantFrom('', ' ', '\n', '\t\r\n ');
    fc.assert(
      fc.property(others, plainJson(4), fc.nat(6), spaces, (around, value, place, space) => {
        const pairs = around
          .filter(
            ([key]) => !['tcbInfo', 'enclaveIdentity', 'tcbEvaluationDataNumbers', 'signature'].includes(key),
          )
          .map(([key, item]) => `${JSON.stringify(key)}${space}:${space}${JSON.stringify(item)}`);
        const inside = JSON.stringify(value);
        pairs.splice(place, 0, `"tcbInfo":${space}${inside}`, `"signature":"${SIGNATURE}"`);
        const json = readSignedJson(
          utf8(`${space}{${space}${pairs.join(`${space},${space}`)}${space}}${space}`),
        );
        expect(text.decode(json?.signed)).toBe(inside);
        expect(json?.value).toEqual(JSON.parse(inside, (_, item: unknown) => (item === 0 ? 0 : item)));
      }),
      { numRuns: 500 },
    );
  });

  it('throws typed errors alone, whatever a field holds', () => {
    const places = membersOf(TCB_INFO.genuine);
    fc.assert(
      fc.property(fc.nat(places.length - 1), plainJson(3), (i, value) => {
        const at = places[i] as readonly (string | number)[];
        try {
          statementItem(changed(TCB_INFO.genuine, { name: '', at, value, path: '' }));
        } catch (error) {
          if (!(error instanceof AssayError)) throw error;
          expect(['COLLATERAL_INVALID', 'JSON_DEPTH']).toContain(error.code);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
