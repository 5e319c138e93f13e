/** Codes of the byte formats: CBOR, COSE, DER, X.509, PEM, JSON, base64, hex, fixed structures. */
export const CODEC_CODES = {
  HEX_INVALID: {
    kind: 'malformed',
    meaning: 'Text is not an even number of hexadecimal digits',
    remedy: 'Give hexadecimal without spaces or a 0x prefix',
  },
  BASE64_INVALID: {
    kind: 'malformed',
    meaning: 'Text is not canonical, padded base64 (RFC 4648 section 4)',
    remedy: 'Encode the bytes again with the standard alphabet, padding and no line breaks',
  },
  PEM_INVALID: {
    kind: 'malformed',
    meaning: 'Text holds no PEM block of the wanted label, or a damaged one (RFC 7468)',
    remedy: 'Give a complete block from its BEGIN line to its END line',
  },
  CBOR_TRUNCATED: {
    kind: 'malformed',
    meaning: 'CBOR ends inside an item, or an item claims more than the bytes that are there',
    remedy: 'Obtain the complete bytes again from their source',
  },
  CBOR_TRAILING: {
    kind: 'malformed',
    meaning: 'Bytes follow the end of the CBOR item',
    remedy: 'Give exactly one item, with nothing after it',
  },
  CBOR_TYPE: {
    kind: 'malformed',
    meaning: 'A CBOR item has another type than the format asks for at this place',
    remedy: 'Compare the bytes with the format; the error names the field',
  },
  CBOR_OUT_OF_RANGE: {
    kind: 'malformed',
    meaning: 'A CBOR number, length or count is outside what the format allows at this place',
    remedy: 'Compare the value with the limit that the error names',
  },
  CBOR_NOT_MINIMAL: {
    kind: 'malformed',
    meaning: 'A CBOR number or length is not in its shortest form (RFC 8949 section 4.2.1)',
    remedy: 'Encode again with preferred serialization',
  },
  CBOR_NOT_DETERMINISTIC: {
    kind: 'malformed',
    meaning:
      'CBOR that must be deterministic has unsorted keys or an indefinite length (RFC 8949 section 4.2.1)',
    remedy: 'Encode again deterministically: definite lengths and keys in bytewise order',
  },
  CBOR_DUPLICATE_KEY: {
    kind: 'malformed',
    meaning: 'A CBOR map has the same key twice',
    remedy: 'Treat the source as hostile: readers would disagree about the value',
  },
  CBOR_UNSUPPORTED: {
    kind: 'malformed',
    meaning:
      'CBOR holds something that no format here uses: a float, undefined, a chunked string, a reserved form',
    remedy: 'Encode with integers, definite strings, arrays, maps, booleans and null only',
  },
  CBOR_TEXT_INVALID: {
    kind: 'malformed',
    meaning: 'A CBOR text string is not UTF-8',
    remedy: 'Encode text as UTF-8; put other data in byte strings',
  },
  CBOR_DEPTH: {
    kind: 'malformed',
    meaning: 'CBOR is nested more deeply than any format here',
    remedy: 'Flatten the value',
  },
  CBOR_VALUE_INVALID: {
    kind: 'malformed',
    meaning: 'A value cannot be encoded as deterministic CBOR',
    remedy: 'Use integers below 2^64, well-formed text, bytes, booleans, null, arrays and maps',
  },
  RECORD_KEY_UNKNOWN: {
    kind: 'malformed',
    meaning: 'A record has a key that its version does not define',
    remedy: 'Use a reader of the version that wrote the record',
  },
  RECORD_KEY_MISSING: {
    kind: 'malformed',
    meaning: 'A record lacks a required key',
    remedy: 'Obtain the record again from its writer',
  },
  RECORD_EMPTY_PRESENT: {
    kind: 'malformed',
    meaning: 'A record spells out an empty field that must be left out, so it has two encodings',
    remedy: 'Leave empty optional fields out',
  },
  RECORD_VALUE_INVALID: {
    kind: 'malformed',
    meaning: 'A value does not fit the record field that it is for',
    remedy: 'Give the field a value within the limits that the error names',
  },
  COSE_INVALID: {
    kind: 'malformed',
    meaning: 'A COSE_Sign1 is not the shape of RFC 9052 section 4.2 that is accepted here',
    remedy: 'Give a single COSE_Sign1 with alg alone in the protected header and nothing unprotected',
  },
  DER_TRUNCATED: {
    kind: 'malformed',
    meaning: 'DER ends inside an element, or an element claims more than its container holds',
    remedy: 'Obtain the complete bytes again from their source',
  },
  DER_TRAILING: {
    kind: 'malformed',
    meaning: 'Bytes follow the last element of a DER value',
    remedy: 'Give exactly one value, with nothing after it',
  },
  DER_TYPE: {
    kind: 'malformed',
    meaning: 'A DER element has another tag than the format asks for at this place',
    remedy: 'Compare the bytes with the format; the error names the field',
  },
  DER_NOT_DISTINGUISHED: {
    kind: 'malformed',
    meaning: 'An encoding is BER but not DER (X.690 sections 10 and 11)',
    remedy: 'Encode again as DER: shortest lengths and integers, TRUE as FF, sorted sets, defaults left out',
  },
  DER_VALUE_INVALID: {
    kind: 'malformed',
    meaning: 'A DER element has content that its type does not allow or that exceeds a limit',
    remedy: 'Compare the content with its type; the error names the field',
  },
  DER_TIME_INVALID: {
    kind: 'malformed',
    meaning: 'A time is not in the form of RFC 5280 section 4.1.2.5 or names an impossible date',
    remedy: 'Write UTCTime until 2049 and GeneralizedTime from 2050, with seconds and Z',
  },
  X509_VERSION: {
    kind: 'malformed',
    meaning: 'A certificate is not X.509 version 3',
    remedy: 'Give a version 3 certificate',
  },
  X509_SERIAL_INVALID: {
    kind: 'malformed',
    meaning: 'A certificate serial number is negative or longer than 20 octets (RFC 5280 section 4.1.2.2)',
    remedy: 'Treat the issuer as broken or hostile',
  },
  X509_ALGORITHM_MISMATCH: {
    kind: 'malformed',
    meaning:
      'A certificate names one signature algorithm inside and another outside (RFC 5280 section 4.1.1.2)',
    remedy: 'Treat the certificate as tampered with',
  },
  X509_EXTENSION_DUPLICATE: {
    kind: 'malformed',
    meaning: 'A certificate has the same extension twice (RFC 5280 section 4.2)',
    remedy: 'Treat the issuer as broken or hostile',
  },
  X509_EXTENSION_INVALID: {
    kind: 'malformed',
    meaning: 'A certificate extension contradicts RFC 5280 section 4.2.1',
    remedy: 'Treat the issuer as broken or hostile',
  },
  X509_KEY_INVALID: {
    kind: 'malformed',
    meaning: 'A SubjectPublicKeyInfo has parameters that its algorithm does not allow',
    remedy: 'Give a named-curve, Ed25519 or RSA public key',
  },
  SIGNATURE_MALFORMED: {
    kind: 'malformed',
    meaning: 'An ECDSA signature is not a DER pair of positive integers of the size of its curve',
    remedy: 'Obtain the signature again from its source',
  },
  JSON_SYNTAX: {
    kind: 'malformed',
    meaning: 'Text is not JSON (RFC 8259)',
    remedy: 'Correct the text at the position that the error names',
  },
  JSON_DUPLICATE_KEY: {
    kind: 'malformed',
    meaning: 'A JSON object has the same key twice',
    remedy: 'Give each key once: readers would disagree about the value',
  },
  JSON_DEPTH: {
    kind: 'malformed',
    meaning: 'JSON is nested more deeply than allowed',
    remedy: 'Flatten the value',
  },
  JSON_TOO_LARGE: {
    kind: 'malformed',
    meaning: 'JSON is longer than allowed',
    remedy: 'Send less; put large data in a blob and name its digest',
  },
  JSON_NUMBER_UNSAFE: {
    kind: 'malformed',
    meaning: 'A JSON number is not exactly representable, so that readers would disagree about its value',
    remedy: 'Write large integers as strings',
  },
  JSON_TEXT_INVALID: {
    kind: 'malformed',
    meaning: 'JSON is not UTF-8, or has half of a surrogate pair',
    remedy: 'Encode the text as UTF-8',
  },
  JSON_SHAPE: {
    kind: 'malformed',
    meaning:
      'JSON is well formed but not the object that is expected: a key is missing, unknown or of another type',
    remedy: 'Compare the object with its description; the error names the field',
  },
  JCS_VALUE_INVALID: {
    kind: 'malformed',
    meaning: 'A value has no canonical JSON form (RFC 8785)',
    remedy: 'Use plain objects, arrays, strings, finite numbers, booleans and null',
  },
  STRUCT_LENGTH: {
    kind: 'malformed',
    meaning: 'A fixed structure is shorter or longer than its layout',
    remedy: 'Obtain the complete bytes again from their source',
  },
  STRUCT_NOT_ZERO: {
    kind: 'malformed',
    meaning: 'A reserved part of a fixed structure is not zero',
    remedy: 'Use a reader of the version that wrote the structure, or treat the bytes as tampered with',
  },
} as const;
