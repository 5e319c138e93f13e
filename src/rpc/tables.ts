/**
 * Every message as a table of literals: field name to [number, type, most items]. It is schema.proto and
 * envelope.proto in the form that the types, the writer and the strict reader are made from; field names are the
 * lower camel case of the proto's. The third item bounds a repeated field.
 */

/** schema.proto, package assay.v1. */
export const ASSAY_TABLES = {
  Empty: {},
  NamedKey: { name: [1, 'string'], key: [2, 'bytes'] },
  Attestation: {
    platform: [1, 'string'],
    evidence: [2, 'bytes'],
    identity: [3, 'bytes'],
    challengeIndex: [4, 'uint64'],
    challengeCount: [5, 'uint64'],
    challengePath: [6, 'repeated bytes', 64],
    keys: [7, 'repeated NamedKey', 64],
    endorsements: [8, 'bytes'],
  },
  AttestRequest: { challenge: [1, 'bytes'], fresh: [2, 'bool'] },
  AttestResponse: { attestation: [1, 'Attestation'], session: [2, 'bytes'], sessionSignature: [3, 'bytes'] },
  DecideRequest: {
    interventionPoint: [1, 'string'],
    snapshot: [2, 'bytes'],
    audience: [3, 'string'],
    nonce: [4, 'bytes'],
    requiredLevel: [5, 'uint32'],
    validForMs: [6, 'uint64'],
    session: [7, 'bytes'],
    parent: [8, 'optional uint64'],
    labels: [9, 'repeated string', 64],
  },
  DecideResponse: {
    decision: [1, 'string'],
    reason: [2, 'string'],
    rule: [3, 'string'],
    message: [4, 'string'],
    target: [5, 'bytes'],
    inputIdentity: [6, 'string'],
    enforcedIdentity: [7, 'string'],
    receipt: [8, 'Receipt'],
  },
  GetReceiptRequest: { index: [1, 'uint64'] },
  Receipt: {
    leaf: [1, 'bytes'],
    index: [2, 'uint64'],
    proof: [3, 'repeated bytes', 64],
    checkpoint: [4, 'string'],
  },
  Checkpoint: { note: [1, 'string'], attestation: [2, 'Attestation'] },
  GetSealRequest: { number: [1, 'optional uint64'], challenge: [2, 'bytes'] },
  Seal: {
    statement: [1, 'bytes'],
    evidence: [2, 'bytes'],
    number: [3, 'uint64'],
    challengeIndex: [4, 'uint64'],
    challengeCount: [5, 'uint64'],
    challengePath: [6, 'repeated bytes', 64],
  },
  LoadPolicyRequest: { order: [1, 'bytes'], bundle: [2, 'bytes'] },
  LoadPolicyResponse: { receipt: [1, 'Receipt'], version: [2, 'uint64'] },
  StatusResponse: {
    state: [1, 'string'],
    code: [2, 'string'],
    origin: [3, 'string'],
    simulated: [4, 'bool'],
    platform: [5, 'string'],
    epoch: [6, 'uint64'],
    size: [7, 'uint64'],
    seals: [8, 'uint64'],
    refused: [9, 'uint64'],
    policyVersion: [10, 'uint64'],
    witness: [11, 'string'],
    timeMs: [12, 'uint64'],
  },
  OpenResponse: { session: [1, 'uint64'], published: [2, 'uint64'], next: [3, 'uint64'] },
  StageRequest: {
    session: [1, 'uint64'],
    firstIndex: [2, 'uint64'],
    count: [3, 'uint64'],
    note: [4, 'bytes'],
    entries: [5, 'bytes'],
  },
  StagedRequest: { index: [1, 'uint64'] },
  StagedResponse: {
    firstIndex: [1, 'uint64'],
    count: [2, 'uint64'],
    note: [3, 'bytes'],
    entries: [4, 'bytes'],
  },
  PublishRequest: { session: [1, 'uint64'], checkpoint: [2, 'string'] },
  PublishResponse: { size: [1, 'uint64'] },
  ReadRequest: { path: [1, 'string'], offset: [2, 'uint64'] },
  ReadResponse: { data: [1, 'bytes'], found: [2, 'bool'], more: [3, 'bool'] },
  PutRequest: { session: [1, 'uint64'], path: [2, 'string'], data: [3, 'bytes'] },
} as const;

/** envelope.proto, package ttrpc. */
export const ENVELOPE_TABLES = {
  Request: {
    service: [1, 'string'],
    method: [2, 'string'],
    payload: [3, 'bytes'],
    timeoutNano: [4, 'int64'],
    metadata: [5, 'repeated KeyValue', 64],
  },
  Response: { status: [1, 'optional Status'], payload: [2, 'bytes'] },
  KeyValue: { key: [1, 'string'], value: [2, 'string'] },
  Status: { code: [1, 'int32'], message: [2, 'string'], details: [3, 'repeated Any', 16] },
  Any: { typeUrl: [1, 'string'], value: [2, 'bytes'] },
} as const;
