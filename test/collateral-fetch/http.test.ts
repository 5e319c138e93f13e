/** One GET, of servers that behave and of servers that do not: over real connections of this machine. */
import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createHttpGet, type HttpGet } from '../../host/collateral/http.ts';
import { type Handler, selfSignedTls, serveAnswers, type VendorServer } from '../support/vendor-server.ts';

const LIMITS = { named: [], authorities: null, timeoutMs: 400, maxBytes: 10_000 } as const;
const get: HttpGet = createHttpGet(LIMITS);
const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

describe('a GET', () => {
  let server: VendorServer;
  beforeAll(async () => {
    server = await serveAnswers((url) =>
      url === '/a?b=c' ? { body: 'collateral', headers: { 'X-Chain': '%2D' } } : null,
    );
  });
  afterAll(() => server.close());

  it('brings body and headers, and asks for no compression', async () => {
    const sent: string[] = [];
    server.next('/a', (request, response) => {
      sent.push(...request.rawHeaders.map((word) => word.toLowerCase()));
      response.end('collateral');
    });
    expect(text((await get(`${server.origin}/a?b=c`)).body)).toBe('collateral');
    expect(sent).not.toContain('accept-encoding');
    const answer = await get(`${server.origin}/a?b=c`);
    expect([answer.status, answer.header('x-chain'), answer.header('X-None')]).toEqual([200, '%2D', null]);
  });

  it('puts the pieces of a body together, up to the limit and not beyond', async () => {
    const body = 'x'.repeat(10_000);
    server.next('/long', { body, chunked: true });
    expect(text((await get(`${server.origin}/long`)).body)).toBe(body);
    server.next('/long', { body: `${body}x`, chunked: true }, { body: `${body}x` });
    await expect(get(`${server.origin}/long`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    await expect(get(`${server.origin}/long`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
  });

  it('takes nothing of an answer that is no success', async () => {
    server.next('/gone', { status: 410, body: 'x'.repeat(1_000_000) });
    const answer = await get(`${server.origin}/gone`);
    expect([answer.status, answer.body.length]).toEqual([410, 0]);
  });

  const misbehaving: readonly (readonly [
    string,
    Handler,
    'COLLATERAL_UNREACHABLE' | 'COLLATERAL_ANSWER_INVALID',
  ])[] = [
    [
      'sends without end',
      (_, response) => {
        const more = (): void => {
          while (response.writable && response.write('x'.repeat(4_096)));
          if (response.writable) response.once('drain', more);
        };
        more();
      },
      'COLLATERAL_ANSWER_INVALID',
    ],
    [
      'sends a byte now and then',
      (_, response) => {
        response.writeHead(200, { 'content-length': 1_000 });
        const timer = setInterval(() => response.write('x'), 50);
        response.on('close', () => clearInterval(timer));
      },
      'COLLATERAL_UNREACHABLE',
    ],
    ['never answers', () => {}, 'COLLATERAL_UNREACHABLE'],
    [
      'breaks off in the middle',
      (_, response) => {
        response.writeHead(200, { 'content-length': 1_000 });
        response.write('half', () => response.destroy());
      },
      'COLLATERAL_UNREACHABLE',
    ],
    ['hangs up', (request) => void request.socket.destroy(), 'COLLATERAL_UNREACHABLE'],
    [
      'sends a small body that would be a large one',
      (_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('x'.repeat(50_000_000)));
      },
      'COLLATERAL_ANSWER_INVALID',
    ],
    [
      'sends endless headers',
      (_, response) => void response.writeHead(200, { 'x-long': 'x'.repeat(100_000) }).end(),
      'COLLATERAL_UNREACHABLE',
    ],
    [
      'redirects to itself over http',
      (_, response) => void response.writeHead(302, { location: '/a?b=c' }).end(),
      'COLLATERAL_ANSWER_INVALID',
    ],
    [
      'redirects elsewhere',
      (_, response) => void response.writeHead(301, { location: 'https://example.invalid/' }).end(),
      'COLLATERAL_ANSWER_INVALID',
    ],
    ['redirects nowhere', (_, response) => void response.writeHead(307).end(), 'COLLATERAL_ANSWER_INVALID'],
  ];

  it.each(misbehaving)('ends in time, with a code, when the server %s', async (_, handler, code) => {
    server.next('/bad', handler);
    const from = performance.now();
    await expect(get(`${server.origin}/bad`)).toRejectWith(code);
    expect(performance.now() - from).toBeLessThan(2_000);
  });

  it('says that nobody is there', async () => {
    const other = await serveAnswers(() => null);
    await other.close();
    await expect(get(`${other.origin}/`)).toRejectWith('COLLATERAL_UNREACHABLE');
  });

  it.each([
    ['not an address', 'pcs.example'],
    ['another scheme', 'file:///etc/passwd'],
    ['http to another machine', 'http://192.0.2.1/'],
    ['a name that only looks like this machine', 'http://127.0.0.1.example/'],
    ['a password', 'https://user:secret@127.0.0.1/'],
  ])('is not even tried: %s', async (_, url) => {
    await expect(get(url)).toRejectWith('COLLATERAL_ANSWER_INVALID');
  });

  it('goes over http to another machine where the user wrote that', async () => {
    const named = createHttpGet({ ...LIMITS, named: ['http://192.0.2.1'], timeoutMs: 50 });
    await expect(named('http://192.0.2.1/')).toRejectWith('COLLATERAL_UNREACHABLE');
    await expect(named('http://192.0.2.2/')).toRejectWith('COLLATERAL_ANSWER_INVALID');
  });
});

describe('a server that speaks no HTTP', () => {
  let server: Server;
  let origin = '';
  const sockets: Socket[] = [];
  beforeAll(async () => {
    server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => {});
      socket.end('SSH-2.0-OpenSSH_9.2\r\n');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    origin = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });

  it('is unreachable', async () => {
    await expect(get(`http://${origin}/`)).toRejectWith('COLLATERAL_UNREACHABLE');
    await expect(get(`https://${origin}/`)).toRejectWith('COLLATERAL_UNREACHABLE');
  });
});

describe('a GET over TLS', () => {
  const [mine, other] = [selfSignedTls(), selfSignedTls()];
  let server: VendorServer;
  beforeAll(async () => {
    server = await serveAnswers(() => ({ body: 'collateral' }), mine);
  });
  afterAll(() => server.close());
  const vouched = (cert: string): HttpGet =>
    createHttpGet({ ...LIMITS, named: [server.origin], authorities: cert });

  it('trusts a certificate that signs itself only where a file says so, and only for that server', async () => {
    expect(text((await vouched(mine.cert)(`${server.origin}/`)).body)).toBe('collateral');
    await expect(get(`${server.origin}/`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    await expect(vouched(other.cert)(`${server.origin}/`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    const elsewhere = createHttpGet({ ...LIMITS, named: ['https://pccs.example'], authorities: mine.cert });
    await expect(elsewhere(`${server.origin}/`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    // The certificate is for the address, not for the name.
    const name = server.origin.replace('127.0.0.1', 'localhost');
    const named = createHttpGet({ ...LIMITS, named: [name], authorities: mine.cert });
    await expect(named(`${name}/`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
  });

  it('follows a redirect to the same server, a few times, and to no other', async () => {
    const to =
      (location: string): Handler =>
      (_, response) =>
        void response.writeHead(302, { location }).end();
    const there = vouched(mine.cert);
    server.next('/from', to('/over'));
    server.next('/over', to(`${server.origin}/there`));
    expect(text((await there(`${server.origin}/from`)).body)).toBe('collateral');
    expect(server.asked.slice(-3)).toEqual(['/from', '/over', '/there']);
    server.always('/round', to('/round'));
    await expect(there(`${server.origin}/round`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    const plain = await serveAnswers(() => ({ body: 'other' }));
    server.next('/down', to(plain.origin));
    await expect(there(`${server.origin}/down`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    server.next('/port', to('https://127.0.0.1:1/'));
    await expect(there(`${server.origin}/port`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    server.next('/user', to(server.origin.replace('//', '//someone@')));
    await expect(there(`${server.origin}/user`)).toRejectWith('COLLATERAL_ANSWER_INVALID');
    expect(plain.asked).toEqual([]);
    await plain.close();
  });
});
