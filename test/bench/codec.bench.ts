/**
 * The codecs on the path of every decision (one snapshot read, arguments canonicalized, one leaf written) and of
 * every verification (one certificate, one document), beside JSON.parse and one P-384 verification of the same run.
 */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import { parseCertificate } from '../../src/codec/x509.ts';
import { decodeCbor } from '../../src/codec/cbor.ts';
import { canonicalize } from '../../src/codec/jcs.ts';
import { parseJson } from '../../src/codec/json.ts';
import { Seal } from '../../src/statement/seal.ts';
import { certificate } from '../support/certificates.ts';
import { SEAL } from '../support/statements.ts';

const ROUNDS = 15;

/** Median over rounds of the time of one call, in microseconds. */
function measure(name: string, calls: number, run: (i: number) => unknown): void {
  const times: number[] = [];
  for (let round = -3; round < ROUNDS; round++) {
    const started = process.hrtime.bigint();
    for (let i = 0; i < calls; i++) run(i);
    if (round >= 0) times.push(Number(process.hrtime.bigint() - started) / 1e3 / calls);
  }
  const median = times.sort((a, b) => a - b)[ROUNDS >> 1] as number;
  console.log(`  ${name.padEnd(44)} ${median.toFixed(2).padStart(8)} us`);
}

const LIMITS = { maxBytes: 65_536, maxDepth: 32 };
// Values differ from call to call, so that no cache of the engine answers for the reader.
const texts = Array.from({ length: 512 }, (_, i) =>
  JSON.stringify({
    agent: { id: `agent-${i}`, name: 'billing assistant', tenant: 'acme' },
    session: { id: `s-${i * 7919}`, started: 1_795_000_000_000 + i, turn: i & 15 },
    tool_call: {
      id: `call_${i}`,
      name: 'payments.transfer',
      args: {
        from: 'acct-0017',
        to: `acct-${i}`,
        amount: i,
        currency: 'EUR',
        memo: 'Invoice 2026-11/1187',
        tags: ['invoice', 'eu'],
      },
    },
    labels: ['pii', 'finance'],
    context: { user: 'u-4411', ip: '10.1.2.3', risk: 0.25, mfa: true, device: null },
    history: [
      { tool: 'crm.lookup', ok: true },
      { tool: 'payments.quote', ok: true },
    ],
  }),
);
const snapshots = texts.map((text) => new TextEncoder().encode(text));
const values = texts.map((text) => parseJson(text, LIMITS));
const seal = Seal.encode(SEAL);
const leaf = certificate();
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
const message = new Uint8Array(600);
const signature = sign('sha384', message, privateKey);

console.log(
  `codecs, median of ${ROUNDS} rounds; snapshot ${snapshots[0]?.length} bytes, seal ${seal.length}, certificate ${leaf.length}`,
);
measure('JSON.parse (baseline)', 4096, (i) => JSON.parse(texts[i & 511] as string));
measure('parseJson, bytes', 4096, (i) => parseJson(snapshots[i & 511] as Uint8Array, LIMITS));
measure('canonicalize, whole snapshot', 4096, (i) => canonicalize(values[i & 511] ?? null));
measure('record: encode a seal', 4096, (i) => Seal.encode({ ...SEAL, treeSize: i }));
measure('record: decode a seal', 4096, () => Seal.decode(seal));
measure('decodeCbor of a seal', 4096, () => decodeCbor(seal));
measure('parseCertificate', 2048, () => parseCertificate(leaf));
measure('P-384 verification (baseline)', 64, () => verify('sha384', message, publicKey, signature));
