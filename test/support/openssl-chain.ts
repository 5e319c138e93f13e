/**
 * Certificate paths and revocation lists by the openssl command: a verifier that shares nothing with ours but the
 * specification. Paths are given whole, root first, and the root is trusted.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatPem } from '../../src/codec/pem.ts';

export interface OpensslPath {
  /** DER, root first, leaf last. */
  readonly path: readonly Uint8Array[];
  /** DER; when there are any, every certificate below the root must have one of its issuer that does not name it. */
  readonly lists: readonly Uint8Array[];
  readonly at: number;
}

export interface OpensslOpinion {
  readonly holds: boolean;
  /** What it printed. */
  readonly said: string;
}

export function opensslVerify({ path, lists, at }: OpensslPath): OpensslOpinion {
  const folder = mkdtempSync(join(tmpdir(), 'assay-openssl-'));
  const file = (name: string, label: string, ders: readonly Uint8Array[]): string => {
    const where = join(folder, name);
    writeFileSync(where, ders.map((der) => formatPem(label, der)).join(''));
    return where;
  };
  try {
    const below = path.slice(1, -1);
    const args = [
      'verify',
      '-no-CAfile',
      '-no-CApath',
      '-no-CAstore',
      '-attime',
      String(Math.floor(at / 1000)),
    ];
    args.push('-trusted', file('root.pem', 'CERTIFICATE', path.slice(0, 1)));
    if (below.length > 0) args.push('-untrusted', file('between.pem', 'CERTIFICATE', below));
    if (lists.length > 0) args.push('-crl_check_all', '-CRLfile', file('lists.pem', 'X509 CRL', lists));
    args.push(file('leaf.pem', 'CERTIFICATE', path.slice(-1)));
    const { status, stdout, stderr } = spawnSync('openssl', args, { encoding: 'utf8' });
    return { holds: status === 0, said: `${stdout}${stderr}`.replaceAll(folder, '').trim() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
