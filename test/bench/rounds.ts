/** What benchmarks of verifications share: cases that take turns, and the same signatures without the rest. */
import { constants, createPublicKey, type KeyObject, verify } from 'node:crypto';
import type { Crypto, SignatureAlgorithm, VerifyKey } from '../../src/base/crypto.ts';
import { ecdsaP1363ToDer } from '../../src/codec/der-write.ts';
import { formatPem } from '../../src/codec/pem.ts';
import { ecdsaDerToP1363 } from '../../src/codec/x509.ts';

export const ROUNDS = Number(process.env['ASSAY_BENCH_ROUNDS'] ?? 25);
const EACH = 8;
/** Until the engine has compiled what it runs. */
const BEFORE = 40;

export type Run = () => Promise<unknown>;

/** Medians, in microseconds a run, of rounds in which each case has its turn: a busy machine slows all alike. */
export async function takeTurns(cases: Readonly<Record<string, Run>>): Promise<(name: string) => number> {
  const times = new Map(Object.keys(cases).map((name) => [name, [] as number[]]));
  for (let round = -BEFORE; round < ROUNDS; round++)
    for (const [name, run] of Object.entries(cases)) {
      const start = process.hrtime.bigint();
      for (let i = 0; i < EACH; i++) await run();
      if (round >= 0) times.get(name)?.push(Number(process.hrtime.bigint() - start) / 1e3 / EACH);
    }
  return (name) => {
    const sorted = (times.get(name) ?? []).toSorted((a, b) => a - b);
    return sorted[sorted.length >> 1] ?? Number.NaN;
  };
}

/** `cold  812/s  1.231 ms  0.81 of raw (1002/s)`, with as many baselines as are named. */
export function line(
  median: (name: string) => number,
  label: string,
  name: string,
  ...baselines: readonly (readonly [name: string, called: string])[]
): string {
  const rate = (one: string): string => `${(1e6 / median(one)).toFixed(0)}/s`;
  const ratios = baselines.map(
    ([raw, called]) => `${(median(raw) / median(name)).toFixed(2)} of ${called} (${rate(raw)})`,
  );
  const own = `${rate(name).padStart(8)}  ${(median(name) / 1000).toFixed(3)} ms`;
  return `  ${label.padEnd(34)} ${own}  ${ratios.join(', ')}`.trimEnd();
}

/** A signature that a vendor or its hardware made. */
export interface Signed {
  readonly algorithm: Exclude<SignatureAlgorithm, 'Ed25519'>;
  /** SubjectPublicKeyInfo. */
  readonly by: Uint8Array;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
  /** Certificates and lists have ECDSA as DER, reports and statements as r ‖ s. */
  readonly form: 'der' | 'p1363' | 'pss';
}

/** What one verification does of cryptography. */
export interface Work {
  readonly imports: readonly Uint8Array[];
  readonly signatures: readonly Signed[];
}

const HASH = { ES256: 'sha256', ES384: 'sha384', PS384: 'sha384' } as const;
const PSS = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 48 } as const;

/**
 * The same work by node:crypto alone. `plain` hands it keys and signatures as they come; `quick` in the forms that it
 * is quickest with, made before, as `native/crypto.ts` makes them: no verification through node:crypto can be faster.
 */
export function raw(work: Work): { readonly plain: Run; readonly quick: Run } {
  const plainKey = (spki: Uint8Array): KeyObject =>
    createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' });
  const before = new Map(work.signatures.map(({ by }) => [by, plainKey(by)]));
  const pems = new Map(work.imports.map((spki) => [spki, formatPem('PUBLIC KEY', spki)]));
  const ders = new Map(work.signatures.map((one) => [one, derOf(one)]));
  const run = (importKey: (spki: Uint8Array) => KeyObject, quick: boolean): Run =>
    async function replay() {
      const keys = new Map(work.imports.map((spki) => [spki, importKey(spki)]));
      for (const one of work.signatures) {
        const { algorithm, by, message, form } = one;
        const key = keys.get(by) ?? (before.get(by) as KeyObject);
        const signature = quick ? (ders.get(one) as Uint8Array) : one.signature;
        const how =
          form === 'pss'
            ? { key, ...PSS }
            : quick || form === 'der'
              ? key
              : ({ key, dsaEncoding: 'ieee-p1363' } as const);
        if (!verify(HASH[algorithm], message, how, signature)) throw new Error('a baseline does not verify');
      }
    };
  return { plain: run(plainKey, false), quick: run((spki) => createPublicKey(pems.get(spki) ?? ''), true) };
}

const derOf = ({ form, signature }: Signed): Uint8Array =>
  form === 'p1363' ? ecdsaP1363ToDer(signature) : signature;

/** The same work through an implementation of the crypto interface. */
export function through(crypto: Crypto, work: Work): Run {
  const algorithms = new Map(work.signatures.map(({ by, algorithm }) => [by, algorithm]));
  const prepared = work.signatures.map(({ form, signature, algorithm, ...one }) => ({
    ...one,
    signature: form === 'der' ? ecdsaDerToP1363(signature, algorithm === 'ES384' ? 48 : 32) : signature,
  }));
  const imported = async (list: readonly Uint8Array[]): Promise<ReadonlyMap<Uint8Array, VerifyKey>> => {
    const keys = new Map<Uint8Array, VerifyKey>();
    for (const spki of list)
      keys.set(spki, await crypto.importKey(algorithms.get(spki) as SignatureAlgorithm, spki));
    return keys;
  };
  const before = imported(work.signatures.map(({ by }) => by));
  return async () => {
    const [known, keys] = [await before, await imported(work.imports)];
    for (const { by, message, signature } of prepared)
      await (keys.get(by) ?? (known.get(by) as VerifyKey)).verify(message, signature);
  };
}

/** Counts imports and verifications, so that a baseline of other work than is done is found out. */
export class Counting {
  imports = 0;
  signatures = 0;
  readonly crypto: Crypto;

  constructor(crypto: Crypto) {
    this.crypto = {
      ...crypto,
      importKey: async (algorithm, spki) => {
        this.imports++;
        const key = await crypto.importKey(algorithm, spki);
        const verifyOne = (message: Uint8Array, signature: Uint8Array): Promise<void> => {
          this.signatures++;
          return key.verify(message, signature);
        };
        return { algorithm, verify: verifyOne };
      },
    };
  }

  /** Runs once, and throws unless it did this work. */
  async demand(work: Work, run: () => Promise<unknown>): Promise<void> {
    this.imports = this.signatures = 0;
    await run();
    const done = `${this.imports} imports, ${this.signatures} signatures`;
    const stated = `${work.imports.length} imports, ${work.signatures.length} signatures`;
    if (done !== stated) throw new Error(`a verification takes ${done}; its baseline has ${stated}`);
  }
}
