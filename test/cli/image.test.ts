/** `assay image explain` and `sign`: what people and scripts see of comparing and signing images. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { buildProgram } from '../../images/program.ts';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { ecdsaP1363ToDer } from '../../src/codec/der-write.ts';
import { parseCoseSign1, sigStructure } from '../../src/codec/cose.ts';
import { parseEifSignature } from '../../src/evidence/eif-signature.ts';
import { measureSigner, parseEif } from '../../src/image/index.ts';
import { assay, type CliResult } from '../support/cli.ts';
import { CORPUS, corpusBytes, missing } from '../support/corpus.ts';
import { archive, BOOT, CONTENT, gzip, image, scratch, signer } from '../support/images.ts';
import { itWithOpenssl } from '../support/openssl.ts';

const { folder, file } = scratch('image');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const good = file('good.eif', image());
const run = (...args: string[]): Promise<CliResult> => assay(['image', ...args]);
const hex = (bytes: Uint8Array | undefined): string => toHex(bytes as Uint8Array);

describe('image explain', () => {
  // The writer refuses such a path; others' images may have it.
  const escape = (bytes: Uint8Array): Uint8Array =>
    bytes.map((byte, at) => (byte === 0x5e && bytes[at + 1] === 0x69 ? 0x1b : byte));
  const other = file(
    'other.eif',
    image({
      ramdisks: [gzip(escape(archive({ ...BOOT, 'in^it': 'x' }))), CONTENT.ramdisks[1] as Uint8Array],
    }),
  );

  it('prints a line an input, with nothing that moves the cursor', async () => {
    const { status, out } = await run('explain', good, other);
    expect(status).toBe(0);
    expect(out.split('\n')).toEqual([
      expect.stringMatching(/^ramdisk 0 {2,}PCR0, PCR1 {2}changed: \d+ bytes, now \d+ bytes$/),
      expect.stringMatching(/^ramdisk 0: in\\u\{1b\}it {2}PCR0, PCR1 {2}added: 1 bytes$/),
      'moved: PCR0, PCR1',
      '',
    ]);
  });

  it('prints one object', async () => {
    expect((await run('explain', good, other, '--json')).json()).toEqual({
      moved: ['PCR0', 'PCR1'],
      differences: [
        {
          input: 'ramdisk 0',
          change: 'changed',
          detail: expect.any(String),
          moves: ['PCR0', 'PCR1'],
          unmoved: null,
        },
        {
          input: 'ramdisk 0: in\u001bit',
          change: 'added',
          detail: '1 bytes',
          moves: ['PCR0', 'PCR1'],
          unmoved: null,
        },
      ],
    });
    expect((await run('explain', good, good)).out).toBe('the same bytes\n');
  });

  it('says that metadata is not measured', async () => {
    const named = file('named.eif', image({ metadata: utf8('{"ImageName":"b"}') }));
    expect((await run('explain', good, named)).out).toBe(
      'metadata  none: not measured  changed: BuildMetadata, ImageName\nno register moved\n',
    );
  });

  it.skipIf(CORPUS === null)('shows the seven bytes that no register shows', async () => {
    const [a, b] = ['two-ramdisks', 'shifted-boundary'].map((name) =>
      file(`${name}.eif`, corpusBytes('nitro', `eif/${name}.eif`)),
    ) as [string, string];
    expect((await run('explain', a, b, '--json')).json()).toMatchObject({
      moved: [],
      differences: [
        { input: 'command line', moves: [], unmoved: 'the same bytes, divided at another place' },
        { input: 'ramdisk 0', moves: [], unmoved: 'the same bytes, divided at another place' },
      ],
    });
  });
  if (CORPUS === null) missing('nitro/eif', 1);
});

describe('image sign', () => {
  const pem = signer('P-384');
  const key = file('key.pem', pem.key);
  const certificate = file('certificate.pem', pem.certificate);

  it('writes a signed copy and what it measures to, and leaves image and key as they are', async () => {
    const output = join(folder, 'signed.eif');
    const args = ['sign', good, '--key', key, '--certificate', certificate, '-o', output];
    const result = await run(...args, '--json');
    expect([result.status, result.err]).toEqual([0, '']);
    expect(result.json()['Measurements']).toMatchObject({ PCR8: hex(measureSigner(nodeCrypto, pem.der)) });
    expect((await run('measure', output, '--canonical', '--json')).out).toBe(result.out);
    expect(new Uint8Array(readFileSync(good))).toEqual(image());
    expect(readFileSync(key, 'utf8')).toBe(pem.privateKey.export({ type: 'pkcs8', format: 'pem' }));
    expect((await run(...args)).err).toContain('FILE_EXISTS');
    expect((await run(...args, '--force')).status).toBe(0);
  });

  itWithOpenssl.each(['prime256v1', 'secp384r1', 'secp521r1'])(
    'signs with a %s key as openssl writes it, and openssl verifies what came out',
    async (curve) => {
      const openssl = (...args: string[]): string =>
        execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' }).toString();
      // SEC1, with a block of parameters before it, as AWS's guide makes keys for signing.
      openssl('ecparam', '-name', curve, '-genkey', '-out', 'sec1.pem');
      openssl(
        'req',
        '-new',
        '-x509',
        '-key',
        'sec1.pem',
        '-subj',
        '/CN=signer',
        '-days',
        '3650',
        '-out',
        'cert.pem',
      );
      const output = join(folder, `${curve}.eif`);
      const paths = ['--key', join(folder, 'sec1.pem'), '--certificate', join(folder, 'cert.pem')];
      const args = ['image', 'sign', good, ...paths, '-o', output, '--json'];
      const result = await assay(args, { now: Date.now() + 60_000 });
      expect([result.status, result.err]).toEqual([0, '']);
      const { signature } = parseEifSignature(
        parseEif(new Uint8Array(readFileSync(output))).signature as Uint8Array,
      );
      const limits = { maxPayload: 1_024, signature: { min: 64, max: 132 } };
      const sign1 = parseCoseSign1(signature, limits);
      file('signed.bin', sigStructure(sign1));
      file('signature.der', ecdsaP1363ToDer(sign1.signature));
      file('public.pem', openssl('x509', '-in', 'cert.pem', '-pubkey', '-noout'));
      const hash = { prime256v1: '-sha256', secp384r1: '-sha384', secp521r1: '-sha512' }[curve] as string;
      expect(
        openssl('dgst', hash, '-verify', 'public.pem', '-signature', 'signature.der', 'signed.bin'),
      ).toBe('Verified OK\n');
      const der = createHash('sha384').update(
        execFileSync('openssl', ['x509', '-in', 'cert.pem', '-outform', 'DER'], { cwd: folder }),
      );
      const pcr8 = createHash('sha384').update(new Uint8Array(48)).update(der.digest()).digest('hex');
      expect(result.json()['Measurements']).toMatchObject({ PCR8: pcr8 });
    },
  );

  it('writes nothing when it cannot sign', async () => {
    const output = join(folder, 'never.eif');
    const stranger = file('stranger.pem', signer('P-384').certificate);
    const refused = await run('sign', good, '--key', key, '--certificate', stranger, '-o', output);
    expect([refused.status, refused.out]).toEqual([1, '']);
    expect(refused.err).toContain('EIF_SIGNER_UNFIT');
    const program = file(
      'unsigned.img',
      buildProgram({
        bundleFiles: new Map([['enclave.mjs', utf8('one')]]),
        config: utf8('{}'),
        lockFile: utf8('{}'),
        addon: null,
        nodeFlags: [],
        nodeSha384: new Uint8Array(48),
      }),
    );
    const simulated = await run('sign', program, '--key', key, '--certificate', certificate, '-o', output);
    expect(simulated.err).toContain('EIF_CONTENT_INVALID');
    expect((await run('sign', good, '--key', key, '-o', output)).err).toContain(
      '--certificate PEM is missing',
    );
    expect(existsSync(output)).toBe(false);
  });
});

describe('image', () => {
  it('has help, and refuses what it does not know', async () => {
    expect((await run('--help')).out).toContain('Usage: assay image ACTION');
    expect((await run('measure', '--help')).out).toMatch(
      / build --platform nitro [^]* lock [^]* measure FILE [^]* sign /,
    );
    expect((await run('build', '--platform', 'tdx')).err).toContain('images are built for nitro');
    expect([(await run()).status, (await run('boil')).status]).toEqual([2, 2]);
  });
});
