/**
 * The messages of the wire as types and codecs, made from the tables. A codec's `decode` throws ParseError and its
 * `encode` MESSAGE_VALUE_INVALID; see protobuf.ts for how strict they are.
 */
import { compileTables, type MessageCodec, type MessageOf } from './protobuf.ts';
import { ASSAY_TABLES, ENVELOPE_TABLES } from './tables.ts';

type AllTables = typeof ASSAY_TABLES & typeof ENVELOPE_TABLES;

export type MessageName = keyof AllTables;
export type Message<N extends MessageName> = MessageOf<AllTables, N>;

const compiled = compileTables({ ...ASSAY_TABLES, ...ENVELOPE_TABLES });

export function messageCodec<N extends MessageName>(name: N): MessageCodec<Message<N>> {
  return compiled(name) as unknown as MessageCodec<Message<N>>;
}

export type Empty = Message<'Empty'>;
export type NamedKey = Message<'NamedKey'>;
export type Attestation = Message<'Attestation'>;
export type AttestRequest = Message<'AttestRequest'>;
export type AttestResponse = Message<'AttestResponse'>;
export type DecideRequest = Message<'DecideRequest'>;
export type DecideResponse = Message<'DecideResponse'>;
export type GetReceiptRequest = Message<'GetReceiptRequest'>;
export type Receipt = Message<'Receipt'>;
export type Checkpoint = Message<'Checkpoint'>;
export type GetSealRequest = Message<'GetSealRequest'>;
export type Seal = Message<'Seal'>;
export type LoadPolicyRequest = Message<'LoadPolicyRequest'>;
export type LoadPolicyResponse = Message<'LoadPolicyResponse'>;
export type StatusResponse = Message<'StatusResponse'>;
export type OpenResponse = Message<'OpenResponse'>;
export type StageRequest = Message<'StageRequest'>;
export type StagedRequest = Message<'StagedRequest'>;
export type StagedResponse = Message<'StagedResponse'>;
export type PublishRequest = Message<'PublishRequest'>;
export type PublishResponse = Message<'PublishResponse'>;
export type ReadRequest = Message<'ReadRequest'>;
export type ReadResponse = Message<'ReadResponse'>;
export type PutRequest = Message<'PutRequest'>;
export type TtrpcRequest = Message<'Request'>;
export type TtrpcResponse = Message<'Response'>;
export type TtrpcKeyValue = Message<'KeyValue'>;
export type TtrpcStatus = Message<'Status'>;
export type TtrpcAny = Message<'Any'>;
