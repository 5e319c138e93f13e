/** schema.proto and envelope.proto are the source; tables.ts and service.ts must say the same. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { type MessageName, messageCodec } from '../../src/rpc/messages.ts';
import type { FieldSpec, Tables } from '../../src/rpc/protobuf.ts';
import { ENCLAVE_METHODS, Enclave, STORE_METHODS, Store } from '../../src/rpc/service.ts';
import { ASSAY_TABLES, ENVELOPE_TABLES } from '../../src/rpc/tables.ts';

const folder = join(import.meta.dirname, '../../src/rpc');
const SOURCES: readonly (readonly [file: string, name: string, tables: Tables])[] = [
  ['schema.proto', 'assay.v1', ASSAY_TABLES],
  ['envelope.proto', 'ttrpc', ENVELOPE_TABLES],
];

function parse(file: string, name: string): protobuf.Namespace {
  const { root } = protobuf.parse(readFileSync(join(folder, file), 'utf8'), new protobuf.Root(), {});
  root.resolveAll();
  return root.lookup(name) as protobuf.Namespace;
}

const typesOf = (namespace: protobuf.Namespace): protobuf.Type[] =>
  namespace.nestedArray.filter((nested): nested is protobuf.Type => nested instanceof protobuf.Type);

function describeField(field: protobuf.Field): [string, readonly [number, string]] {
  const proto3Optional = field.options?.['proto3_optional'] === true;
  const label = field.repeated ? 'repeated ' : proto3Optional ? 'optional ' : '';
  return [field.name, [field.id, `${label}${field.type}`]];
}

const withoutBound = ([number, type]: FieldSpec): readonly [number, string] => [number, type];

describe('the schema', () => {
  for (const [file, name, tables] of SOURCES) {
    it(`${file} and its tables are the same`, () => {
      const fromProto = Object.fromEntries(
        typesOf(parse(file, name)).map((type) => [
          type.name,
          Object.fromEntries(type.fieldsArray.map(describeField)),
        ]),
      );
      const fromTables = Object.fromEntries(
        Object.entries(tables).map(([message, fields]) => [
          message,
          Object.fromEntries(Object.entries(fields).map(([field, spec]) => [field, withoutBound(spec)])),
        ]),
      );
      expect(fromTables).toEqual(fromProto);
    });

    it(`bounds every repeated field of ${file}`, () => {
      const specs = Object.values(tables).flatMap((fields) => Object.values(fields));
      for (const [, type, most] of specs) expect(typeof most === 'number').toBe(type.startsWith('repeated '));
    });
  }

  it('has the services of service.ts', () => {
    const services = Object.fromEntries(
      parse('schema.proto', 'assay.v1')
        .nestedArray.filter((nested): nested is protobuf.Service => nested instanceof protobuf.Service)
        .map((service) => [
          service.name,
          Object.fromEntries(service.methodsArray.map((m) => [m.name, [m.requestType, m.responseType]])),
        ]),
    );
    expect({ Enclave: ENCLAVE_METHODS, Store: STORE_METHODS }).toEqual(services);
    expect(Enclave.Decide).toMatchObject({ service: 'assay.v1.Enclave', name: 'Decide' });
    expect(Store.Stage).toMatchObject({ service: 'assay.v1.Store', name: 'Stage' });
  });
});

const SCALARS: Record<string, fc.Arbitrary<unknown>> = {
  string: fc.string({ unit: 'grapheme', maxLength: 80 }),
  bytes: fc.uint8Array({ maxLength: 80 }),
  bool: fc.boolean(),
  uint32: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 0xffff_ffff })),
  uint64: fc.oneof(fc.constant(0), fc.maxSafeNat()),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
};

function arbitrary(tables: Tables, name: string): fc.Arbitrary<Record<string, unknown>> {
  const single = (type: string): fc.Arbitrary<unknown> => SCALARS[type] ?? arbitrary(tables, type);
  const field = ([, type]: FieldSpec): fc.Arbitrary<unknown> => {
    const [label, item] = type.split(' ') as [string, string?];
    if (item === undefined) return single(label);
    return label === 'repeated'
      ? fc.array(single(item), { maxLength: 5 })
      : fc.option(single(item), { nil: null });
  };
  return fc.record(
    Object.fromEntries(Object.entries(tables[name] ?? {}).map(([key, spec]) => [key, field(spec)])),
  );
}

/** Ours to protobufjs' form: absent optionals are left out, bytes are compared as arrays. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return [...value];
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).filter(([, item]) => item !== null);
  return Object.fromEntries(entries.map(([key, item]) => [key, plain(item)]));
}

const OPTIONS = { longs: Number, bytes: Array, defaults: true, arrays: true } as const;

/** With `defaults`, protobufjs also fills absent optionals and messages with their default. */
function withoutDefaultsOfAbsent(decoded: unknown, ours: unknown): unknown {
  if (Array.isArray(decoded))
    return decoded.map((item, index) => withoutDefaultsOfAbsent(item, (ours as unknown[])[index]));
  if (typeof decoded !== 'object' || decoded === null) return decoded;
  const known = ours as Record<string, unknown>;
  return Object.fromEntries(
    Object.entries(decoded)
      .filter(([key]) => known[key] !== undefined && !key.startsWith('_'))
      .map(([key, item]) => [key, withoutDefaultsOfAbsent(item, known[key])]),
  );
}

describe('messages', () => {
  for (const [file, namespace, tables] of SOURCES) {
    for (const type of typesOf(parse(file, namespace))) {
      it(`${namespace}.${type.name} means the same to protobufjs`, () => {
        const codec = messageCodec(type.name as MessageName);
        fc.assert(
          fc.property(arbitrary(tables, type.name), (value) => {
            const bytes = codec.encode(value as never);
            expect(codec.decode(bytes)).toEqual(value);
            expect(codec.decodeView(bytes)).toEqual(value);
            const theirs = type.toObject(type.decode(bytes), OPTIONS);
            expect(withoutDefaultsOfAbsent(theirs, plain(value))).toEqual(plain(value));
            expect(codec.decode(new Uint8Array(type.encode(type.decode(bytes)).finish()))).toEqual(value);
          }),
          { numRuns: 60 },
        );
      });
    }
  }
});
