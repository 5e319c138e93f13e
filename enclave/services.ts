/** The enclave's RPC services: each method in a few lines over the parts that boot has made. */
import { fail } from '../src/base/errors.ts';
import { attestationToWire, pathToWire } from '../src/rpc/convert.ts';
import { decodeLeaf } from '../src/log/leaf.ts';
import type { Receipt } from '../src/log/receipt.ts';
import { Enclave } from '../src/rpc/service.ts';
import { requireChallenge } from './attest/challenges.ts';
import type { Attestor, Sealer } from './attest/index.ts';
import type { SealRecord } from './attest/sealer.ts';
import type { EnclaveConfig } from './config.ts';
import type { Decider, Policies } from './decide/index.ts';
import type { Ledger } from './ledger/index.ts';
import type { EnclaveClock } from './platform/clock.ts';
import type { PlatformKind } from './platform/index.ts';
import { type CallContext, type Handlers, handler } from './server/index.ts';

export interface ServiceParts {
  readonly config: EnclaveConfig;
  readonly simulated: boolean;
  readonly platform: PlatformKind;
  readonly epoch: number;
  readonly clock: EnclaveClock;
  readonly attestor: Attestor;
  readonly sealer: Sealer;
  readonly policies: Policies;
  readonly decider: Decider;
  readonly ledger: Ledger;
  /** Reads a seal that the host keeps. */
  readonly readSeal: (number: number) => Promise<SealRecord | null>;
}

function wireSeal({ statement, evidence, number, challenge }: SealRecord) {
  return { statement, evidence, number, ...pathToWire(challenge) };
}

/** Callers whose key some policy names, with their tenant; others get Attest, GetCheckpoint, GetSeal and Status only. */
function requirePrincipal(parts: ServiceParts, context: CallContext): string {
  const found = context.peerSpkiHash === null ? null : parts.policies.find(context.peerSpkiHash);
  if (found === null)
    return fail('PRINCIPAL_UNKNOWN', 'this method needs a client key that the policy names');
  return found.principal.tenant;
}

/** What a tenant decided is nobody else's to read; leaves of the service itself are everybody's. */
function requireOwnLeaf(receipt: Receipt, tenant: string): void {
  const leaf = decodeLeaf(receipt.leaf);
  if (leaf.tenant !== null && leaf.tenant !== tenant)
    fail('LEAF_FORBIDDEN', `leaf ${leaf.index} belongs to another tenant`);
}

export function enclaveServices(parts: ServiceParts): Handlers {
  const { attestor, sealer, ledger, policies } = parts;
  return [
    handler(Enclave.Attest, async ({ challenge, fresh }, context) => {
      requireChallenge(challenge);
      const attestation = fresh ? await attestor.fresh(challenge) : await attestor.current();
      const proof = attestor.session(attestation, challenge, context.exporter(challenge));
      return {
        attestation: attestationToWire(attestation),
        session: proof.statement,
        sessionSignature: proof.signature,
      };
    }),
    handler(Enclave.Decide, (request, context) => parts.decider.decide(request, context.peerSpkiHash)),
    handler(Enclave.GetReceipt, async ({ index }, context) => {
      const tenant = requirePrincipal(parts, context);
      const receipt = await ledger.receipt(index);
      requireOwnLeaf(receipt, tenant);
      return receipt;
    }),
    handler(Enclave.GetCheckpoint, async () => ({
      note: ledger.head().checkpoint,
      attestation: attestationToWire(await attestor.current()),
    })),
    handler(Enclave.GetSeal, async ({ number, challenge }) => {
      if (challenge.length > 0) return wireSeal(await sealer.challenged(challenge));
      const latest = sealer.latest();
      const seal = number === null || number === latest?.number ? latest : await parts.readSeal(number);
      return wireSeal(
        seal ??
          fail('SEAL_UNKNOWN', number === null ? 'no seal has been made in this epoch' : `seal ${number}`),
      );
    }),
    handler(Enclave.LoadPolicy, async ({ order, bundle }) => {
      const loaded = await policies.load(order, bundle);
      sealer.request();
      return loaded;
    }),
    handler(Enclave.Status, async () => {
      const { state, code } = ledger.status();
      return {
        state: state === 'open' ? 'SERVING' : 'LOG_UNAVAILABLE',
        code: code ?? '',
        origin: parts.config.origin,
        simulated: parts.simulated,
        platform: parts.platform,
        epoch: parts.epoch,
        size: ledger.head().size,
        seals: sealer.count,
        refused: parts.decider.refused,
        policyVersion: policies.version(),
        witness: 'UNWITNESSED',
        timeMs: parts.clock.now(),
      };
    }),
  ];
}
