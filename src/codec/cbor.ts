/** Reading CBOR: a strict cursor, and a tree built with it. */
export * from './cbor-reader.ts';
export * from './cbor-tree.ts';
