/**
 * codec/: strict readers and deterministic writers of general formats: CBOR, COSE, DER, X.509, PEM, JSON, base64,
 * fixed layouts. One value has one encoding, every input is bounded, the only failure is a typed error.
 * It must never know what a value is for: no evidence, no statement, no judgement, no crypto, no clock.
 */
export * from './base64.ts';
export * from './cbor.ts';
export * from './cbor-encode.ts';
export * from './cbor-record.ts';
export * from './cose.ts';
export * from './der.ts';
export * from './der-write.ts';
export * from './jcs.ts';
export * from './json.ts';
export * from './json-shape.ts';
export * from './pem.ts';
export * from './struct.ts';
export * from './x509.ts';
export * from './x509-crl.ts';
export * from './x509-write.ts';
