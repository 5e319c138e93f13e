/**
 * Mutations of valid inputs of every format. What is still accepted must mean the same to another reader, and where
 * a format has one encoding, must be that encoding. Nothing but typed errors may come out.
 */
import { X509Certificate } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import { toHex } from '../../src/base/hex.ts';
import { fromBase64, toBase64 } from '../../src/codec/base64.ts';
import { CborReader, decodeCbor } from '../../src/codec/cbor.ts';
import { encodeCbor } from '../../src/codec/cbor-encode.ts';
import { parseCoseSign1 } from '../../src/codec/cose.ts';
import { ecdsaP1363ToDer } from '../../src/codec/der-write.ts';
import { canonicalize } from '../../src/codec/jcs.ts';
import { parseJson } from '../../src/codec/json.ts';
import { formatPem, parsePem } from '../../src/codec/pem.ts';
import { ecdsaDerToP1363, parseCertificate } from '../../src/codec/x509.ts';
import { formatAttestation, parseAttestation } from '../../src/statement/attestation.ts';
import { CA, certificate, EMPTY, extension, extensions, SIGNS } from '../support/certificates.ts';
import { corpusBytes, manifest } from '../support/corpus.ts';
import { cborSpans, derSpans, MUTATIONS, mutate, parsed, random, SEED } from '../support/mutate.ts';
import { plain, plainCborX, plainCborg, tagsIn } from '../support/second-opinions.ts';
import { SAMPLES } from '../support/statements.ts';

const LIMITS = { maxBytes: 100_000, maxDepth: 16 };
const COSE = { maxPayload: 16_384, signature: 96 };
const counts: string[] = [];

afterAll(() => console.log(`mutations, ASSAY_SEED=${SEED}: ${counts.join(', ')}`));

function note(format: string, made: number, accepted: number): void {
  counts.push(`${format} ${made} (${accepted} still valid)`);
  expect(made).toBeGreaterThan(0);
}

/** Genuine documents where there is a corpus, else a document of the same shape. */
function documents(): readonly Uint8Array[] {
  const entries = manifest('nitro').filter(
    (entry) => entry.kind === 'attestation-document' && entry.outcome === 'authentic',
  );
  if (entries.length > 0) return entries.slice(0, 4).map(({ file }) => corpusBytes('nitro', file));
  const payload = encodeCbor(
    new Map<string, never>([
      ['module_id', 'i-0-enc0'],
      ['pcrs', new Map([[0, new Uint8Array(48)]])],
      ['nonce', null],
      ['certificate', certificate()],
    ] as never),
    { order: 'insertion' },
  );
  const header = encodeCbor(new Map([[1, -35]]));
  return [encodeCbor([header, new Map(), payload, new Uint8Array(96)])];
}

function samplePayloads(): readonly Uint8Array[] {
  return documents().map((document) => parseCoseSign1(document, COSE).payload);
}

describe('mutations', () => {
  it('CBOR: what is accepted, two other decoders read alike', () => {
    const spans = { spans: cborSpans };
    let accepted = 0;
    const made = mutate(
      'cbor',
      [...samplePayloads(), ...SAMPLES.map(({ encoded }) => encoded)],
      ({ bytes }) => {
        const value = parsed(() => decodeCbor(bytes));
        if (value === null) return;
        accepted++;
        const tags = tagsIn(value);
        expect(plainCborg(bytes, tags)).toEqual(plain(value));
        if (tags.length === 0) expect(plainCborX(bytes)).toEqual(plain(value));
        // The cursor's skip applies the same rules as the tree.
        const reader = new CborReader(bytes);
        expect(equalBytes(reader.raw(), bytes)).toBe(true);
      },
      spans,
    );
    note('cbor', made, accepted);
  });

  it('deterministic CBOR: what is accepted is what the encoder writes', () => {
    let accepted = 0;
    const made = mutate(
      'deterministic cbor',
      SAMPLES.map(({ encoded }) => encoded),
      ({ bytes }) => {
        const value = parsed(() => decodeCbor(bytes, { deterministic: true }));
        if (value === null) return;
        accepted++;
        expect(toHex(encodeCbor(value))).toBe(toHex(bytes));
      },
      { spans: cborSpans },
    );
    note('deterministic cbor', made, accepted);
  });

  it('statements: what is accepted encodes to the same bytes, and no other bytes give the same statement', () => {
    for (const { domain, codec, encoded } of SAMPLES) {
      let accepted = 0;
      const made = mutate(
        domain,
        [encoded],
        ({ bytes }) => {
          const value = parsed(() => codec.decode(bytes));
          if (value === null) return;
          accepted++;
          expect(toHex(codec.encode(value))).toBe(toHex(bytes));
        },
        {
          spans: cborSpans,
          count: Math.ceil(MUTATIONS / SAMPLES.length),
        },
      );
      note(domain, made, accepted);
    }
  });

  it('COSE_Sign1: what is accepted has its parts where it says', () => {
    let accepted = 0;
    const made = mutate(
      'cose',
      documents(),
      ({ bytes }) => {
        const sign1 = parsed(() => parseCoseSign1(bytes, COSE));
        if (sign1 === null) return;
        accepted++;
        const { offsets, payload, signature, protectedBytes } = sign1;
        expect(equalBytes(bytes.subarray(offsets.payload, offsets.payload + payload.length), payload)).toBe(
          true,
        );
        expect(equalBytes(bytes.subarray(offsets.signature, offsets.signature + 96), signature)).toBe(true);
        expect(
          equalBytes(
            bytes.subarray(offsets.protected, offsets.protected + protectedBytes.length),
            protectedBytes,
          ),
        ).toBe(true);
      },
      { spans: cborSpans },
    );
    note('cose', made, accepted);
  });

  it('X.509: what is accepted, node:crypto reads alike', () => {
    const fromDocuments = samplePayloads().flatMap((payload) => {
      const fields = decodeCbor(payload) as ReadonlyMap<string, unknown>;
      return [
        fields.get('certificate') as Uint8Array,
        ...((fields.get('cabundle') as Uint8Array[] | undefined) ?? []),
      ];
    });
    const own = [
      certificate(),
      certificate({ rest: EMPTY }),
      certificate({ rest: extensions(SIGNS, CA, extension('1.2.3', true, EMPTY)) }),
    ];
    let accepted = 0;
    const made = mutate(
      'x509',
      [...own, ...fromDocuments],
      ({ bytes }) => {
        const value = parsed(() => parseCertificate(bytes));
        if (value === null) return;
        accepted++;
        const other = secondOpinion(bytes);
        // OpenSSL refuses a few things we leave to the verifier (a point off its curve); it may be stricter there.
        if (other === null) return;
        expect(Date.parse(other.validFrom)).toBe(value.notBefore);
        expect(Date.parse(other.validTo)).toBe(value.notAfter);
        expect(BigInt(`0x${other.serialNumber}`)).toBe(BigInt(`0x${toHex(value.serial)}`));
        expect(toHex(new Uint8Array(other.raw))).toBe(toHex(value.raw));
      },
      { spans: derSpans },
    );
    note('x509', made, accepted);
  });

  it('ECDSA signatures: what is accepted is the one DER of its r and s', () => {
    const next = random(SEED);
    const signatures = Array.from({ length: 8 }, () =>
      ecdsaP1363ToDer(Uint8Array.from({ length: 96 }, () => Math.floor(next() * 256))),
    );
    let accepted = 0;
    const made = mutate(
      'ecdsa',
      signatures,
      ({ bytes }) => {
        const p1363 = parsed(() => ecdsaDerToP1363(bytes, 48));
        if (p1363 === null) return;
        accepted++;
        expect(toHex(ecdsaP1363ToDer(p1363))).toBe(toHex(bytes));
      },
      { spans: derSpans },
    );
    note('ecdsa', made, accepted);
  });

  it('JSON: what is accepted, JSON.parse reads alike, and its canonical form is a fixed point', () => {
    const samples = [
      '{"tool":"payments.transfer","args":{"amount":1250,"to":"acct-\\u0031","tags":["a","b"],"nested":{"__proto__":null,"x":-0.5e-3}},"ok":true,"none":null}',
      '[[[],{},""],[1,2,3],{"a":{"b":{"c":"\\ud83d\\ude00\\n"}}}]',
    ].map(utf8);
    let accepted = 0;
    const made = mutate('json', samples, ({ bytes }) => {
      const value = parsed(() => parseJson(bytes, LIMITS));
      if (value === null) return;
      accepted++;
      const text = new TextDecoder().decode(bytes);
      expect(value).toEqual(JSON.parse(text, (_, item: unknown) => (item === 0 ? 0 : item)));
      const canonical = canonicalize(value);
      expect(toHex(canonicalize(JSON.parse(new TextDecoder().decode(canonical)) as typeof value))).toBe(
        toHex(canonical),
      );
    });
    note('json', made, accepted);
  });

  it('base64 and PEM: what is accepted is canonical', () => {
    const latin = (bytes: Uint8Array): string => String.fromCharCode(...bytes);
    const text = toBase64(SAMPLES[0]?.encoded.subarray(0, 100) as Uint8Array);
    let accepted = 0;
    const made = mutate(
      'base64',
      [utf8(text), utf8(toBase64(Uint8Array.of(1))), utf8(toBase64(Uint8Array.of(1, 2)))],
      ({ bytes }) => {
        const value = parsed(() => fromBase64(latin(bytes)));
        if (value === null) return;
        accepted++;
        expect(toBase64(value)).toBe(latin(bytes));
      },
    );
    note('base64', made, accepted);
    accepted = 0;
    const pems = mutate('pem', [utf8(formatPem('CERTIFICATE', new Uint8Array(200).fill(7)))], ({ bytes }) => {
      if (parsed(() => parsePem(latin(bytes), 'CERTIFICATE')) !== null) accepted++;
    });
    note('pem', pems, accepted);
  });

  it('attestation files: typed errors only', () => {
    const file = formatAttestation({
      platform: 'nitro',
      evidence: new Uint8Array(60),
      identity: new Uint8Array(30),
      challenge: { index: 0, count: 1, path: [new Uint8Array(32)] },
      keys: [{ name: 'log', key: new Uint8Array(32) }],
      endorsements: new Uint8Array(16),
    });
    let accepted = 0;
    const made = mutate('attestation', [utf8(file)], ({ bytes }) => {
      try {
        const value = parseAttestation(bytes);
        accepted++;
        expect(parseAttestation(formatAttestation(value))).toEqual(value);
      } catch (error) {
        if (
          (error as { name?: string }).name === 'AssayError' ||
          (error as { name?: string }).name === 'ParseError'
        )
          return;
        throw error;
      }
    });
    note('attestation', made, accepted);
  });
});

/** By PEM, because Node finds PEM text inside DER and would read that. */
function secondOpinion(bytes: Uint8Array): X509Certificate | null {
  try {
    return new X509Certificate(formatPem('CERTIFICATE', bytes));
  } catch {
    return null;
  }
}
