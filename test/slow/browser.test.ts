/**
 * The same verdict, byte for byte, in Node with its own cryptography and in a browser with the browser's: all recorded
 * evidence, and every change of the corpus's tables. Needs Debian's chromium; without it the suite says what did not run.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { readCollateral } from '../../src/collateral/index.ts';
import { formatVerdict, judgeEvidence, parseTrustPolicy, type TrustPolicy } from '../../verifier/index.ts';
import { chromiumVersion, withPage } from '../support/chromium.ts';
import { CORPUS, missing } from '../support/corpus.ts';
import {
  ANY_TRUST,
  changedCorpus,
  JUDGED_CASES,
  type JudgedCase,
  judgedCorpus,
  packCases,
} from '../support/judged-corpus.ts';
import { bundlePage, ENTRY, type PageBundle } from '../support/page-bundle.ts';
import { ROOT } from '../support/tree.ts';

const version = CORPUS === null ? null : chromiumVersion();
if (CORPUS !== null && version === null)
  console.warn(
    `verdicts of ${JUDGED_CASES} pieces of evidence were not compared with a browser's: no chromium. Install chromium to run them.`,
  );
const PATIENCE = 300_000;
const TRUST = utf8(JSON.stringify(ANY_TRUST));

/** What runs in the page. It says how it went by what it posts; an error is posted as well. */
const PAGE = `
import { formatVerdict, judgeEvidence, nobleCrypto, parseTrustPolicy, readCollateral, webCrypto } from './verifier/index.ts';
const bytesOf = (text: string) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
const get = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const post = (path: string, body: string) => fetch(path, { method: 'POST', body });
try {
  const { blobs, cases } = JSON.parse(new TextDecoder().decode(await get('/cases')));
  const trusts = [null, parseTrustPolicy(await get('/trust'))];
  const bytes = blobs.map(bytesOf);
  const judged = async (crypto, which) => {
    const out = [];
    for (const { evidence, files, at } of which) {
      const collateral = readCollateral(files.map(([name, blob]) => ({ name, bytes: bytes[blob] })));
      for (const trust of trusts) {
        const how = { mode: 'archive', now: at, trust, crypto, collateral, platform: null, nonce: null };
        out.push(formatVerdict((await judgeEvidence(bytes[evidence], how)).verdict));
      }
    }
    return out;
  };
  await post('/verdicts', JSON.stringify(await judged(webCrypto, cases)));
  const { some } = JSON.parse(new TextDecoder().decode(await get('/some')));
  await post('/noble', JSON.stringify(await judged(nobleCrypto, some.map((i) => cases[i]))));
} catch (error) {
  await post('/failed', String(error?.stack ?? error));
}
`;

const HTML = `<!doctype html><meta charset="utf-8"><title>assay</title><script type="module" src="/${ENTRY}"></script>`;

/** In the order in which the page makes them: first authenticity alone, then by the trust policy. */
async function inNode(cases: readonly JudgedCase[]): Promise<readonly string[]> {
  const trusts: readonly (TrustPolicy | null)[] = [null, parseTrustPolicy(TRUST)];
  const out: string[] = [];
  for (const { evidence, files, at } of cases)
    for (const trust of trusts) {
      const common = { mode: 'archive', now: at, trust, platform: null, nonce: null } as const;
      const collateral = readCollateral(files);
      const { verdict } = await judgeEvidence(evidence, { ...common, crypto: nodeCrypto, collateral });
      out.push(formatVerdict(verdict));
    }
  return out;
}

/** Serves the page and what it asks for, on the loopback alone; keeps what it posts. */
class PageServer {
  readonly asked: string[] = [];
  readonly #files: ReadonlyMap<string, string | Uint8Array>;
  readonly #server: Server;
  readonly #waiting = new Map<string, PromiseWithResolvers<string>>();

  constructor(files: ReadonlyMap<string, string | Uint8Array>) {
    this.#files = files;
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  async start(): Promise<string> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`;
  }

  /** Resolves with the body; rejects when the page posts a failure. */
  posted(path: string): Promise<string> {
    return Promise.race([this.#post(path).promise, this.#failure()]);
  }

  close(): void {
    this.#server.closeAllConnections();
    this.#server.close();
  }

  async #failure(): Promise<never> {
    throw new Error(`the page failed: ${await this.#post('/failed').promise}`);
  }

  #post(path: string): PromiseWithResolvers<string> {
    const known = this.#waiting.get(path) ?? Promise.withResolvers<string>();
    this.#waiting.set(path, known);
    return known;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    if (request.method === 'POST') {
      this.#post(path).resolve(await text(request));
      return void response.writeHead(204).end();
    }
    this.asked.push(path);
    const file = this.#files.get(path);
    const type = path.endsWith('.js') ? 'text/javascript' : path === '/' ? 'text/html' : 'application/json';
    if (file === undefined) response.writeHead(404).end();
    else response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(file);
  }
}

if (CORPUS === null) missing('nitro, tdx and snp in a browser', JUDGED_CASES);

describe.runIf(version !== null)(`Node and ${version}`, () => {
  const corpus = CORPUS === null ? [] : judgedCorpus();
  const cases = CORPUS === null ? [] : [...corpus, ...changedCorpus()];
  const names = cases.flatMap(({ name }) => [name, `${name}, trusted`]);
  // One of each platform, for the arithmetic of pages that have no WebCrypto.
  const some = ['nitro ', 'tdx quotes/tdx', 'tdx quotes/sgx', 'snp '].map((start) =>
    cases.findIndex(({ name }) => name.startsWith(start)),
  );
  let bundle: PageBundle;
  let server: PageServer;
  let before: readonly string[];
  let verdicts: readonly string[];
  let noble: readonly string[];

  beforeAll(async () => {
    bundle = await bundlePage(PAGE, ROOT);
    server = new PageServer(
      new Map<string, string | Uint8Array>([
        ['/', HTML],
        ['/cases', JSON.stringify(packCases(cases))],
        ['/some', JSON.stringify({ some })],
        ['/trust', TRUST],
        ...[...bundle.files].map(([name, bytes]) => [`/${name}`, bytes] as const),
      ]),
    );
    await withPage(await server.start(), async () => {
      const read = async (path: string): Promise<string[]> =>
        JSON.parse(await server.posted(path)) as string[];
      verdicts = await read('/verdicts');
      before = [...server.asked];
      noble = await read('/noble');
    });
  }, PATIENCE);
  afterAll(() => server.close());

  it('judge all that was recorded', () => {
    expect(corpus.length).toBe(JUDGED_CASES);
    expect(verdicts.length).toBe(2 * cases.length);
    const words = new Set(verdicts.map((one) => (JSON.parse(one) as { verdict: string }).verdict));
    expect([...words].sort()).toEqual(['authentic', 'rejected', 'trusted', 'undetermined']);
  });

  it(
    'say the same of each, byte for byte',
    async () => {
      const expected = await inNode(cases);
      const differing = names.filter((_, i) => verdicts[i] !== expected[i]);
      expect(differing).toEqual([]);
      console.log(
        `${expected.length} verdicts of ${cases.length} cases are the same in Node ${process.version} and ${version}.`,
      );
    },
    PATIENCE,
  );

  it('say the same without WebCrypto, and fetch what that takes only then', () => {
    expect(noble).toEqual(some.flatMap((i) => verdicts.slice(2 * i, 2 * i + 2)));
    const scripts = (paths: readonly string[]): readonly string[] =>
      paths.filter((path) => path.endsWith('.js')).sort();
    expect(scripts(before)).toEqual(bundle.loaded.map((name) => `/${name}`).sort());
    expect(scripts(server.asked).length).toBeGreaterThan(scripts(before).length);
  });
});
