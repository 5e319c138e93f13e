/** `assay verify`: the recorded documents by their manifest, evidence in every form, every exit status. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { toHex } from '../../src/base/hex.ts';
import { toBase64 } from '../../src/codec/index.ts';
import { formatAttestation } from '../../src/statement/index.ts';
import { exitStatus } from '../../host/cli/errors.ts';
import { CORPUS, corpusBytes, manifest, missing } from '../support/corpus.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { makeDocument, makePki, PKI_TIME, type TestPki } from '../support/nitro-pki.ts';
import { CHALLENGE, CONFIG, makeService, type TestService, trustFor } from '../support/nitro-service.ts';
import { trustJson, TRUST_JSON } from '../support/trust.ts';

const folder = mkdtempSync(join(tmpdir(), 'assay-cli-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: Uint8Array | string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

const entries = manifest('nitro').filter((entry) => entry.outcome !== undefined);
const AT = new Date(PKI_TIME).toISOString();

describe('recorded documents', () => {
  if (CORPUS === null) it.skip(missing('nitro', 25), () => {});
  const anyCode = trustJson('platforms.nitro.pcrs', 'any');
  const live = { ...anyCode, freshness: { max_age_seconds: 300, nonce: 'any' } };

  it.each(entries.map((entry) => [entry.file, entry] as const))('%s', async (name, entry) => {
    const path = join(CORPUS as string, 'nitro', name);
    const at = entry.verify_at as string;
    const result = await assay(['verify', path, '--authentic-only', '--at', at, '--json']);
    const verdict = result.json();
    expect(verdict['verdict']).toBe(entry.outcome);
    expect(result.out.endsWith('}\n') && result.out.split('\n').length === 2).toBe(true);
    if (entry.outcome === 'authentic') expect([result.status, result.err]).toEqual([0, '']);
    else expect([1, 2]).toContain(result.status);
    if (entry.outcome !== 'authentic' || entry.expected.fields['debug_mode'] !== true) return;
    const trust = file('debug-trust.json', JSON.stringify(live));
    const judged = await assay(['verify', path, '--trust', trust, '--at', at, '--json']);
    expect([judged.status, judged.json()['verdict'], judged.json()['code']]).toEqual([
      1,
      'rejected',
      'NITRO_DEBUG_MODE',
    ]);
  });

  it.runIf(CORPUS !== null)('refuses a NitroTPM where an enclave is required', async () => {
    const entry = entries.find(({ file: name }) => name.includes('nitrotpm'));
    const trust = file('tpm-trust.json', JSON.stringify(live));
    const path = join(CORPUS as string, 'nitro', entry?.file as string);
    const judged = await assay([
      'verify',
      path,
      '--trust',
      trust,
      '--at',
      entry?.verify_at as string,
      '--json',
    ]);
    expect(judged.json()['code']).toBe('NITRO_TPM_DOCUMENT');
  });

  it.runIf(CORPUS !== null)('takes a production document for trusted under its measurements', async () => {
    const name = 'docs/turnkey-2025-09-16-a.cbor';
    const entry = entries.find(({ file: candidate }) => candidate === name);
    const pcrs = entry?.expected.fields['pcrs_nonzero'] as Record<string, string>;
    const policy = {
      ...live,
      platforms: { nitro: { pcrs: { '0': [pcrs['0'] as string] }, debug: 'reject' } },
    };
    const trust = file('good-trust.json', JSON.stringify(policy));
    const path = join(CORPUS as string, 'nitro', name);
    const judged = await assay([
      'verify',
      path,
      '--trust',
      trust,
      '--at',
      entry?.verify_at as string,
      '--json',
    ]);
    expect([judged.status, judged.json()['verdict'], judged.json()['unverified']]).toEqual([
      0,
      'trusted',
      [],
    ]);
    expect(corpusBytes('nitro', name).length).toBeGreaterThan(1000);
  });
});

describe('forms of input', () => {
  let pki: TestPki;
  let bytes: Uint8Array;
  let trust: string;
  beforeAll(async () => {
    pki = await makePki();
    bytes = makeDocument(pki);
    const service = await makeService({}, pki);
    const freshness = { max_age_seconds: 300, nonce: 'any' };
    trust = file('forms-trust.json', JSON.stringify(trustFor(service, { service: 'any', freshness })));
  });
  const verify = (path: string, stdin: Uint8Array | string = ''): Promise<CliResult> =>
    assay(['verify', path, '--trust', trust, '--json'], { stdin, now: PKI_TIME });

  it('reads CBOR, hexadecimal and base64, from files and standard input', async () => {
    const base64 = toBase64(bytes);
    const forms: (Uint8Array | string)[] = [
      bytes,
      toHex(bytes),
      toHex(bytes).toUpperCase(),
      `0x${toHex(bytes)}\n`,
      `  ${toHex(bytes).replace(/(.{32})/g, '$1\n')}\n`,
      base64,
      `${base64.replace(/(.{64})/g, '$1\r\n')}\r\n`,
      base64.replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, ''),
    ];
    for (const form of forms) {
      expect((await verify('-', form)).json()['verdict']).toBe('trusted');
      expect((await verify(file('form', form))).status).toBe(0);
    }
  });

  it.each([
    ['nothing', ''],
    ['white space', ' \n\t '],
    ['words', 'this is no evidence!'],
    ['half a byte', '844'],
    ['damaged base64', 'hEShATgioFkR*'],
  ])('refuses %s', async (_, stdin) => {
    const result = await verify('-', stdin);
    expect(result.status).toBe(2);
    expect(result.json()).toMatchObject({ verdict: 'rejected' });
    expect(result.err).toMatch(/^assay: [A-Z0-9_]+: .*; .*\n$/);
  });

  it('names what it could not recognise', async () => {
    expect((await verify('-', '')).json()['code']).toBe('INPUT_UNRECOGNISED');
    expect((await verify('-', '{"type":"assay/attestation/v1"}')).json()['code']).toBe('JSON_SHAPE');
    expect((await verify('-', '{"type":"something/else"}')).json()['code']).toBe('INPUT_UNRECOGNISED');
    expect((await verify('-', '{"type":"assay/receipt/v1"}')).json()['code']).toBe('JSON_SHAPE');
    expect((await verify('-', Uint8Array.of(0x84, 0xff))).status).toBe(2);
    expect((await verify(join(folder, 'absent'))).json()['code']).toBe('FILE_UNREADABLE');
    expect((await verify(folder)).json()['code']).toBe('FILE_UNREADABLE');
    expect((await verify('-', new Uint8Array(17 * 1024 * 1024))).json()['code']).toBe('FILE_UNREADABLE');
  });
});

describe('exit status', () => {
  let service: TestService;
  let path: string;
  let attestation: string;
  const trust = (changes: object): string =>
    file('status-trust.json', JSON.stringify(trustFor(service, changes as never)));
  const any = { max_age_seconds: 300, nonce: 'any' };

  beforeAll(async () => {
    service = await makeService();
    path = file('evidence.cbor', service.attestation.evidence);
    attestation = file('attestation.json', formatAttestation(service.attestation));
  });
  const verify = (...args: string[]): Promise<CliResult> => assay(['verify', ...args], { now: PKI_TIME });

  it('0: trusted', async () => {
    const result = await verify(attestation, '--trust', trust({ freshness: any }), '--json');
    expect([result.status, result.json()['verdict'], result.err]).toEqual([0, 'trusted', '']);
    expect(result.json()['claims']).toMatchObject({ identity: { origin: 'sim.example.org/log', epoch: 3 } });
  });

  it('1: not authentic, or not acceptable', async () => {
    const unknown = await verify(path, '--json');
    expect([unknown.status, unknown.json()['code']]).toEqual([1, 'CHAIN_ROOT_UNTRUSTED']);
    const other = trust({
      freshness: any,
      platforms: { nitro: { pcrs: { '0': ['cd'.repeat(48)] }, debug: 'reject' } },
    });
    const refused = await verify(attestation, '--trust', other);
    expect([refused.status, refused.out.split('\n')[0]]).toEqual([1, 'REJECTED  NITRO_PCR_MISMATCH']);
    expect(refused.err).toMatch(/^assay: NITRO_PCR_MISMATCH: PCR0 is [0-9a-f]{96}; Compare .*\n$/);
  });

  it('2: malformed bytes, files, options and policies, with one verdict object all the same', async () => {
    const good = trust({ freshness: any });
    const cases: readonly (readonly [string[], string])[] = [
      [[path, '--unknown'], 'USAGE'],
      [[], 'USAGE'],
      [[path, path], 'USAGE'],
      [[path, '--at', 'yesterday'], 'USAGE'],
      [[path, '--at', '2026-02-30T00:00:00Z'], 'USAGE'],
      [[path, '--nonce', 'xyz'], 'USAGE'],
      [[path, '--nonce', ''], 'USAGE'],
      [[path, '--trust', good, '--authentic-only'], 'USAGE'],
      [['assay://localhost:1', '--at', AT], 'USAGE'],
      [[path, '--collateral', path], 'USAGE'],
      [[path, '--platform', 'cca'], 'PLATFORM_UNKNOWN'],
      [[attestation, '--platform', 'tdx'], 'PLATFORM_UNKNOWN'],
      [[path, '--trust', join(folder, 'absent')], 'FILE_UNREADABLE'],
      [[path, '--trust', path], 'JSON_TEXT_INVALID'],
      [
        [path, '--trust', file('t1', JSON.stringify(trustJson('revocation', undefined)))],
        'EXPECTATION_MISSING',
      ],
      [[path, '--trust', file('t2', JSON.stringify({ ...TRUST_JSON, x: 1 }))], 'TRUST_KEY_UNKNOWN'],
      [[path, '--trust', file('t3', JSON.stringify({ ...TRUST_JSON, version: 3 }))], 'TRUST_POLICY_INVALID'],
    ];
    for (const [args, code] of cases) {
      const result = await verify(...args, '--json');
      expect([args, result.status, result.json()['code']]).toEqual([args, 2, code]);
      expect(result.err).toMatch(new RegExp(`^assay: ${code}: [^\\n]+; [^\\n]+\\n$`));
    }
  });

  it.runIf(CORPUS !== null)('3: authentic but not appraised, and 0 when only that was asked', async () => {
    const document = join(CORPUS as string, 'nitro/docs/turnkey-2025-09-16-a.cbor');
    const plain = await verify(document, '--at', '2025-09-16T21:25:49Z', '--json');
    expect([plain.status, plain.json()['verdict'], plain.json()['unverified']]).toEqual([
      3,
      'authentic',
      ['appraisal'],
    ]);
    const only = await verify(document, '--authentic-only', '--json');
    expect([only.status, only.json()['mode'], only.json()['unverified']]).toEqual([
      0,
      'archive',
      ['time-anchor', 'appraisal'],
    ]);
  });

  it('4: undetermined', async () => {
    const session = await verify(attestation, '--trust', trust({}), '--json');
    expect([session.status, session.json()['verdict'], session.json()['code']]).toEqual([
      4,
      'undetermined',
      'SESSION_MISSING',
    ]);
    const named = await verify(path, '--trust', trust({ freshness: any }), '--json');
    expect([named.status, named.json()['code']]).toEqual([4, 'STATEMENT_MISSING']);
    const anchored = await verify(
      attestation,
      '--trust',
      trust({ freshness: any }),
      '--at',
      'evidence',
      '--json',
    );
    expect([anchored.status, anchored.json()['code'], anchored.json()['unverified']]).toEqual([
      4,
      'TIME_UNANCHORED',
      ['time-anchor'],
    ]);
  });

  it('maps every word', () => {
    const verdict = (word: string): never => ({ verdict: word }) as never;
    expect(
      ['trusted', 'authentic', 'undetermined', 'rejected'].map((word) =>
        exitStatus(verdict(word), null, false),
      ),
    ).toEqual([0, 3, 4, 1]);
  });

  it('judges at a given time, with the configuration at hand', async () => {
    const policy = trust({
      service: { origin: 'sim.example.org/log', config_digest: 'any', policy_authorities: ['aa'.repeat(32)] },
    });
    const config = file('config.json', CONFIG);
    const result = await assay([
      'verify',
      attestation,
      '--trust',
      policy,
      '--at',
      AT,
      '--collateral',
      config,
      '--json',
    ]);
    expect([result.status, result.json()['mode'], result.json()['verdict']]).toEqual([
      0,
      'archive',
      'trusted',
    ]);
    const offset = await assay([
      'verify',
      attestation,
      '--trust',
      policy,
      '--at',
      '2026-06-01T14:00:00.000+02:00',
      '--collateral',
      config,
      '--json',
    ]);
    expect(offset.json()['at']).toBe('2026-06-01T12:00:00Z');
  });

  it('compares a nonce with the quote', async () => {
    const policy = trust({ freshness: { max_age_seconds: 300, nonce: 'quote' } });
    const right = await verify(attestation, '--trust', policy, '--nonce', toHex(CHALLENGE), '--json');
    expect(right.json()['verdict']).toBe('trusted');
    const wrong = await verify(attestation, '--trust', policy, '--nonce', 'ff'.repeat(32), '--json');
    expect([wrong.status, wrong.json()['code']]).toEqual([1, 'CHALLENGE_MISMATCH']);
  });
});

describe('people', () => {
  it('see the word first, and colour only on a terminal', async () => {
    const service = await makeService();
    const policy = file(
      'people.json',
      JSON.stringify(trustFor(service, { freshness: { max_age_seconds: 300, nonce: 'any' } })),
    );
    const stdin = formatAttestation(service.attestation);
    const plain = await assay(['verify', '-', '--trust', policy], { stdin, now: PKI_TIME });
    expect(plain.out).toMatch(/^TRUSTED {2}/);
    expect(plain.out).toContain('SIMULATED hardware');
    expect(plain.out).not.toContain('\u001b');
    for (const [noColor, coloured] of [
      ['', true],
      ['1', false],
    ] as const) {
      vi.stubEnv('NO_COLOR', noColor);
      const terminal = await assay(['verify', '-', '--trust', policy], { stdin, now: PKI_TIME, isTty: true });
      expect(terminal.out.includes('\u001b')).toBe(coloured);
    }
    vi.unstubAllEnvs();
  });

  it('cannot be shown control characters by what an enclave says of itself', async () => {
    const service = await makeService({ identity: { origin: 'sim.\u001b[2Jx', custody: 'a\u202eb' } });
    const policy = file(
      'evil.json',
      JSON.stringify(
        trustFor(
          { ...service, identity: { ...service.identity, origin: 'sim.x' } },
          { freshness: { max_age_seconds: 300, nonce: 'any' } },
        ),
      ),
    );
    const result = await assay(['verify', '-', '--trust', policy], {
      stdin: formatAttestation(service.attestation),
      now: PKI_TIME,
    });
    expect(result.status).toBe(1);
    expect(/[^\n -~]/.test(result.out + result.err)).toBe(false);
  });

  it('find help', async () => {
    expect((await assay(['--help'])).out).toContain('verify');
    expect((await assay([])).status).toBe(2);
    expect((await assay(['verify', '--help'])).status).toBe(0);
    expect((await assay(['nonsense'])).err).toMatch(/^assay: USAGE: /);
  });
});
