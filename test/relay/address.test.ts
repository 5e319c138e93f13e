/** Addresses as people write them. */
import { describe, expect, it } from 'vitest';
import { formatAddress, parseAddress } from '../../host/client/address.ts';

const GOOD: readonly (readonly [string, object, string?])[] = [
  ['tcp://example.org:443', { family: 'tcp', host: 'example.org', port: 443 }],
  ['assay://127.0.0.1:5000', { family: 'tcp', host: '127.0.0.1', port: 5000 }, 'tcp://127.0.0.1:5000'],
  ['assay://127.0.0.1:5000/', { family: 'tcp', host: '127.0.0.1', port: 5000 }, 'tcp://127.0.0.1:5000'],
  ['127.0.0.1:0', { family: 'tcp', host: '127.0.0.1', port: 0 }, 'tcp://127.0.0.1:0'],
  ['tcp://[::1]:65535', { family: 'tcp', host: '::1', port: 65_535 }],
  ['unix:/run/assay.sock', { family: 'unix', path: '/run/assay.sock' }],
  ['unix:///run/assay.sock', { family: 'unix', path: '/run/assay.sock' }, 'unix:/run/assay.sock'],
  ['unix:relative:path', { family: 'unix', path: 'relative:path' }],
  ['vsock:16:5000', { family: 'vsock', cid: 16, port: 5_000 }],
  ['vsock://3:5001', { family: 'vsock', cid: 3, port: 5_001 }, 'vsock:3:5001'],
  ['vsock:4294967295:4294967295', { family: 'vsock', cid: 4_294_967_295, port: 4_294_967_295 }],
];

const BAD = [
  '',
  ':',
  'localhost',
  'http://x:1',
  'tcp://',
  'tcp://x',
  'tcp://x:',
  'tcp://:1',
  'tcp://x:65536',
  'tcp://x:-1',
  'tcp://x:1:2',
  'tcp://x:01',
  'tcp://x y:1',
  'tcp://[::1:1',
  'tcp://[]:1',
  'tcp://::1:1',
  'tcp://x:1/path',
  'tcp://u@x:1',
  'unix:',
  'unix:a\0b',
  `unix:/${'x'.repeat(107)}`,
  'vsock:',
  'vsock:1',
  'vsock:1:2:3',
  'vsock:a:1',
  'vsock:4294967296:1',
  'vsock:1:',
  'vsock:+1:1',
  'x'.repeat(600),
  'TCP://x:1',
];

describe('addresses', () => {
  for (const [text, address, shown] of GOOD) {
    it(`read ${text}`, () => {
      expect(parseAddress(text)).toEqual(address);
      expect(formatAddress(parseAddress(text))).toBe(shown ?? text);
      expect(parseAddress(formatAddress(parseAddress(text)))).toEqual(address);
    });
  }

  it('refuse everything else', () => {
    for (const text of BAD) expect(() => parseAddress(text)).toFailWith('ADDRESS_INVALID');
  });
});
