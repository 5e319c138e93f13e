import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AssayError, type Code } from '../../src/base/errors.ts';
import {
  type Attestation,
  formatAttestation,
  MAX_ENDORSEMENTS,
  parseAttestation,
} from '../../src/statement/attestation.ts';

const b = (fill: number, size: number): Uint8Array => new Uint8Array(size).fill(fill);
const SAMPLE: Attestation = {
  platform: 'nitro',
  evidence: b(1, 4400),
  identity: b(2, 300),
  challenge: { index: 3, count: 5, path: [b(3, 32), b(4, 32)] },
  keys: [{ name: 'log', key: b(5, 32) }],
  endorsements: b(6, 20),
};

type Json = Record<string, unknown>;
const json = (): Json => JSON.parse(formatAttestation(SAMPLE)) as Json;
const changed = (change: (file: Json) => void): string => {
  const file = json();
  change(file);
  return JSON.stringify(file);
};

describe('the attestation file', () => {
  it('reads back, with and without challenge and endorsements, from text and bytes', () => {
    for (const value of [
      SAMPLE,
      { ...SAMPLE, challenge: null, keys: [] },
      { ...SAMPLE, endorsements: null },
      { ...SAMPLE, endorsements: b(7, MAX_ENDORSEMENTS) },
    ]) {
      const text = formatAttestation(value);
      expect(parseAttestation(text)).toEqual(value);
      expect(parseAttestation(new TextEncoder().encode(text))).toEqual(value);
      expect(text.endsWith('}\n')).toBe(true);
    }
    expect(Object.isFrozen(parseAttestation(formatAttestation(SAMPLE)))).toBe(true);
  });

  const faults: readonly (readonly [string, Code, (file: Json) => void])[] = [
    [
      'another type',
      'JSON_SHAPE',
      (file) => {
        file['type'] = 'assay/attestation/v2';
      },
    ],
    [
      'no type',
      'JSON_SHAPE',
      (file) => {
        delete file['type'];
      },
    ],
    [
      'no evidence',
      'JSON_SHAPE',
      (file) => {
        delete file['evidence'];
      },
    ],
    [
      'empty evidence',
      'JSON_SHAPE',
      (file) => {
        file['evidence'] = '';
      },
    ],
    [
      'evidence that is not base64',
      'BASE64_INVALID',
      (file) => {
        file['evidence'] = 'AA=';
      },
    ],
    [
      'evidence that is url-safe base64',
      'BASE64_INVALID',
      (file) => {
        file['evidence'] = '-_8=';
      },
    ],
    [
      'evidence above its limit',
      'JSON_SHAPE',
      (file) => {
        file['evidence'] = 'A'.repeat(400_000);
      },
    ],
    [
      'evidence that is a number',
      'JSON_SHAPE',
      (file) => {
        file['evidence'] = 7;
      },
    ],
    [
      'no challenge',
      'JSON_SHAPE',
      (file) => {
        delete file['challenge'];
      },
    ],
    [
      'a challenge with more',
      'JSON_SHAPE',
      (file) => {
        (file['challenge'] as Json)['extra'] = 1;
      },
    ],
    [
      'a challenge index below zero',
      'JSON_SHAPE',
      (file) => {
        (file['challenge'] as Json)['index'] = -1;
      },
    ],
    [
      'a path of 65 hashes',
      'JSON_SHAPE',
      (file) => {
        (file['challenge'] as Json)['path'] = Array.from({ length: 65 }, () => 'AA==');
      },
    ],
    [
      'a short hash',
      'JSON_SHAPE',
      (file) => {
        (file['challenge'] as Json)['path'] = ['AA=='];
      },
    ],
    [
      'a path that is not a list',
      'JSON_SHAPE',
      (file) => {
        (file['challenge'] as Json)['path'] = {};
      },
    ],
    [
      'keys that are null',
      'JSON_SHAPE',
      (file) => {
        file['keys'] = null;
      },
    ],
    [
      'a key of 31 bytes',
      'JSON_SHAPE',
      (file) => {
        file['keys'] = [{ name: 'log', key: 'A'.repeat(40).concat('AA==') }];
      },
    ],
    [
      'a key without a name',
      'JSON_SHAPE',
      (file) => {
        file['keys'] = [{ key: 'AA==' }];
      },
    ],
    [
      'a key with an empty name',
      'JSON_SHAPE',
      (file) => {
        file['keys'] = [{ name: '', key: 'AA==' }];
      },
    ],
    [
      'empty endorsements',
      'JSON_SHAPE',
      (file) => {
        file['endorsements'] = '';
      },
    ],
    [
      'endorsements that are null, for which no file is the same as before there were any',
      'JSON_SHAPE',
      (file) => {
        file['endorsements'] = null;
      },
    ],
    [
      'endorsements that are not base64',
      'BASE64_INVALID',
      (file) => {
        file['endorsements'] = '-_8=';
      },
    ],
    [
      'endorsements above their limit',
      'JSON_SHAPE',
      (file) => {
        file['endorsements'] = 'A'.repeat(Math.ceil((MAX_ENDORSEMENTS + 1) / 3) * 4);
      },
    ],
    [
      'an unknown key',
      'JSON_SHAPE',
      (file) => {
        file['trusted'] = true;
      },
    ],
  ];
  for (const [name, code, change] of faults)
    it(`refuses ${name}: ${code}`, () => {
      expect(() => parseAttestation(changed(change))).toFailWith(code);
    });

  it('refuses what is not JSON, is not an object, or is too large', () => {
    expect(() => parseAttestation('')).toFailWith('JSON_SYNTAX');
    expect(() => parseAttestation('[]')).toFailWith('JSON_SHAPE');
    expect(() => parseAttestation('null')).toFailWith('JSON_SHAPE');
    expect(() => parseAttestation(`"${'x'.repeat(2_000_000)}"`)).toFailWith('JSON_TOO_LARGE');
    expect(() =>
      parseAttestation(formatAttestation(SAMPLE).replace('"platform"', '"platform":"x","platform"')),
    ).toFailWith('JSON_DUPLICATE_KEY');
  });

  it('throws typed errors only, whatever the shape', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(json())), fc.jsonValue(), (key, value) => {
        try {
          parseAttestation(
            changed((file) => {
              file[key] = value;
            }),
          );
        } catch (error) {
          expect(error).toBeInstanceOf(AssayError);
        }
      }),
      { numRuns: 300 },
    );
  });
});
