/** Service descriptors: which methods there are, under which names, with which messages. */
import type { MessageCodec } from './protobuf.ts';
import { type Message, type MessageName, messageCodec } from './messages.ts';

export interface Method<Q, R> {
  /** Full name on the wire: `assay.v1.Enclave`. */
  readonly service: string;
  readonly name: string;
  readonly request: MessageCodec<Q>;
  readonly response: MessageCodec<R>;
}

type Pairs = Readonly<Record<string, readonly [request: MessageName, response: MessageName]>>;

export type Service<P extends Pairs> = {
  readonly [N in keyof P]: Method<Message<P[N][0]>, Message<P[N][1]>>;
};

/** As in schema.proto: method to request and response. */
export const ENCLAVE_METHODS = {
  Attest: ['AttestRequest', 'AttestResponse'],
  Decide: ['DecideRequest', 'DecideResponse'],
  GetReceipt: ['GetReceiptRequest', 'Receipt'],
  GetCheckpoint: ['Empty', 'Checkpoint'],
  GetSeal: ['GetSealRequest', 'Seal'],
  LoadPolicy: ['LoadPolicyRequest', 'LoadPolicyResponse'],
  Status: ['Empty', 'StatusResponse'],
} as const;

export const STORE_METHODS = {
  Open: ['Empty', 'OpenResponse'],
  Stage: ['StageRequest', 'Empty'],
  Staged: ['StagedRequest', 'StagedResponse'],
  Publish: ['PublishRequest', 'PublishResponse'],
  Read: ['ReadRequest', 'ReadResponse'],
  Put: ['PutRequest', 'Empty'],
} as const;

function describe<P extends Pairs>(service: string, pairs: P): Service<P> {
  const methods = Object.entries(pairs).map(([name, [request, response]]) => [
    name,
    { service, name, request: messageCodec(request), response: messageCodec(response) },
  ]);
  return Object.freeze(Object.fromEntries(methods)) as Service<P>;
}

export const Enclave: Service<typeof ENCLAVE_METHODS> = describe('assay.v1.Enclave', ENCLAVE_METHODS);
export const Store: Service<typeof STORE_METHODS> = describe('assay.v1.Store', STORE_METHODS);
