/**
 * `connect` verifies before it speaks: it opens TLS, challenges the enclave, has the verifier judge the evidence
 * against the caller's trust policy, and only then hands out a client whose every call runs on that channel.
 * `trust` has no default and the option is required: leaving it out does not compile.
 */
import { randomBytes } from 'node:crypto';
import { nodeCrypto } from '../../native/crypto.ts';
import { equalBytes, utf8 } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { type JsonValue, parseJson } from '../../src/codec/json.ts';
import { decodeLeaf, type Leaf } from '../../src/log/leaf.ts';
import type { Receipt } from '../../src/log/receipt.ts';
import type { DecideResponse, Seal, StatusResponse } from '../../src/rpc/messages.ts';
import { Enclave } from '../../src/rpc/service.ts';
import type { Attestation } from '../../src/statement/attestation.ts';
import {
  judgeAttestation,
  type TrustPolicy,
  type Verdict,
  type VerifiedService,
  verifyReceipt,
} from '../../verifier/index.ts';
import { askEvidence } from './attest.ts';
import { type Channel, openChannel } from './channel.ts';
import type { ClientIdentity } from './identity.ts';

export interface ConnectOptions {
  /** What is acceptable: from `parseTrustPolicy`. Required. */
  readonly trust: TrustPolicy;
  /** Key for mTLS; without one only evidence, checkpoints, seals and status can be asked for. */
  readonly identity?: ClientIdentity;
  /** Milliseconds since the epoch; the machine's clock unless given. */
  readonly now?: () => Millis;
  /** Asks for a quote made for this session's challenge, also where the trust policy does not demand it. */
  readonly fresh?: boolean;
  readonly timeoutMs?: number;
}

export interface DecideOptions {
  /** ACS intervention point, such as `pre_tool_call`. */
  readonly interventionPoint: string;
  readonly snapshot: JsonValue;
  /** The tool or service that may act on the receipt; the policy's tool name when left out. */
  readonly audience?: string;
  /** 16 to 64 bytes that the tool gave out, or random. */
  readonly nonce?: Uint8Array;
  /** 0 checkpoint, 1 sealed, 2 sealed and witnessed. */
  readonly requiredLevel?: 0 | 1 | 2;
  readonly validForMs?: number;
  readonly session?: Uint8Array;
  readonly parent?: number;
  readonly labels?: readonly string[];
}

export interface Decision {
  readonly decision: string;
  readonly reason: string | null;
  readonly rule: string | null;
  readonly message: string | null;
  /** The policy target after a transform; null when nothing was changed. */
  readonly target: JsonValue | null;
  readonly inputIdentity: string;
  readonly enforcedIdentity: string;
  readonly leaf: Leaf;
  readonly receipt: Receipt;
}

export interface AssayClient {
  readonly verdict: Verdict;
  readonly service: VerifiedService;
  readonly attestation: Attestation;
  /** The receipt is verified against the accepted service before this resolves. */
  decide(options: DecideOptions): Promise<Decision>;
  loadPolicy(order: Uint8Array, bundle: Uint8Array): Promise<{ version: number; receipt: Receipt }>;
  receipt(index: number): Promise<Receipt>;
  checkpoint(): Promise<string>;
  seal(challenge?: Uint8Array): Promise<Seal>;
  status(): Promise<StatusResponse>;
  close(): void;
}

const DEFAULT_VALID_FOR_MS = 60_000;

async function verifyChannel(
  channel: Channel,
  options: ConnectOptions,
  now: () => Millis,
  judge: typeof judgeAttestation,
): Promise<Pick<AssayClient, 'verdict' | 'service' | 'attestation'>> {
  const challenge = new Uint8Array(randomBytes(32));
  const fresh = options.fresh === true || options.trust.freshness.nonce === 'quote';
  const { attestation, proof, exporter, tlsSpkiHash } = await askEvidence(channel, challenge, fresh);
  const { verdict, service, failure } = await judge(attestation, {
    trust: options.trust,
    crypto: nodeCrypto,
    now: now(),
    mode: 'live',
    challenge,
    session: { proof, exporter, tlsSpkiHash },
  });
  if (verdict.verdict !== 'trusted' || service === null) {
    throw (
      failure ?? new AssayError(verdict.code ?? 'INTERNAL', `the service is ${verdict.verdict}, not trusted`)
    );
  }
  return { verdict, service, attestation };
}

function requireSame(leaf: Leaf, answer: DecideResponse, nonce: Uint8Array, identity: ClientIdentity): void {
  const same =
    leaf.kind === 'decision' &&
    leaf.decision === answer.decision &&
    leaf.nonce !== null &&
    equalBytes(leaf.nonce, nonce) &&
    leaf.principal !== null &&
    equalBytes(leaf.principal, identity.principal);
  if (!same) fail('DECISION_MISMATCH', 'the answer and its logged leaf say different things');
}

/** Throws the verdict's code unless the verdict is `trusted`. `url`: assay://HOST:PORT, tcp://HOST:PORT or unix:PATH. */
export function connect(url: string, options: ConnectOptions): Promise<AssayClient> {
  return connectJudged(url, options, judgeAttestation);
}

/** Not part of the package: only the emulator's test client judges otherwise. */
export async function connectJudged(
  url: string,
  options: ConnectOptions,
  judge: typeof judgeAttestation,
): Promise<AssayClient> {
  const now = options.now ?? Date.now;
  const { identity } = options;
  if (options.trust === undefined) fail('EXPECTATION_MISSING', 'connect needs a trust policy');
  const channel = await openChannel(url, {
    tls: identity === undefined ? {} : { key: identity.key, cert: identity.cert },
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
  });
  try {
    return createClient(channel, await verifyChannel(channel, options, now, judge), identity, now);
  } catch (error) {
    channel.close();
    throw error;
  }
}

function createClient(
  channel: Channel,
  accepted: Pick<AssayClient, 'verdict' | 'service' | 'attestation'>,
  identity: ClientIdentity | undefined,
  now: () => Millis,
): AssayClient {
  const { service } = accepted;

  /** A session ends when the evidence under it does (design section 3, rule 2). */
  function live(): Channel {
    if (now() >= service.validUntil) {
      channel.close();
      fail('SESSION_EXPIRED', 'the evidence of this session has expired; connect again');
    }
    return channel;
  }

  return {
    ...accepted,
    async decide(options) {
      if (identity === undefined)
        return fail('PRINCIPAL_UNKNOWN', 'connect with an identity to ask for decisions');
      const nonce = options.nonce ?? new Uint8Array(randomBytes(16));
      const answer = await live().call(Enclave.Decide, {
        interventionPoint: options.interventionPoint,
        snapshot: utf8(JSON.stringify(options.snapshot)),
        audience: options.audience ?? '',
        nonce,
        requiredLevel: options.requiredLevel ?? 0,
        validForMs: options.validForMs ?? DEFAULT_VALID_FOR_MS,
        session: options.session ?? new Uint8Array(0),
        parent: options.parent ?? null,
        labels: [...(options.labels ?? [])],
      });
      await verifyReceipt(answer.receipt, service, nodeCrypto);
      const leaf = decodeLeaf(answer.receipt.leaf);
      requireSame(leaf, answer, nonce, identity);
      return {
        decision: answer.decision,
        reason: answer.reason || null,
        rule: answer.rule || null,
        message: answer.message || null,
        target:
          answer.target.length === 0 ? null : parseJson(answer.target, { maxBytes: 1_048_576, maxDepth: 64 }),
        inputIdentity: answer.inputIdentity,
        enforcedIdentity: answer.enforcedIdentity,
        leaf,
        receipt: answer.receipt,
      };
    },
    async loadPolicy(order, bundle) {
      const { version, receipt } = await live().call(Enclave.LoadPolicy, { order, bundle });
      await verifyReceipt(receipt, service, nodeCrypto);
      return { version, receipt };
    },
    async receipt(index) {
      const receipt = await live().call(Enclave.GetReceipt, { index });
      await verifyReceipt(receipt, service, nodeCrypto);
      return receipt;
    },
    checkpoint: async () => (await live().call(Enclave.GetCheckpoint, {})).note,
    seal: async (challenge) =>
      live().call(Enclave.GetSeal, { number: null, challenge: challenge ?? new Uint8Array(0) }),
    status: async () => live().call(Enclave.Status, {}),
    close: () => channel.close(),
  };
}
