/**
 * Trust on first use: takes a running service's measurements, name and configuration from its own evidence. The
 * evidence must be genuine and answer our challenge in our session; that the service is the right one is believed.
 * This is of Nitro; services on other platforms are learnt in `trust-evidence.ts`.
 */
import { nodeCrypto } from '../../native/crypto.ts';
import { isZero } from '../../src/base/bytes.ts';
import type { Millis } from '../../src/base/clock.ts';
import { AssayError, fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import { parseCertificate } from '../../src/codec/x509.ts';
import { parseNitro } from '../../src/evidence/nitro.ts';
import type { Attestation, SessionProof } from '../../src/statement/attestation.ts';
import { Identity } from '../../src/statement/identity.ts';
import { judgeAttestation, type TrustPolicy } from '../../verifier/index.ts';
import { buildTrustPolicy } from './trust-make.ts';

/** What `attestEndpoint` of the client returns. */
export interface EndpointEvidence {
  readonly attestation: Attestation;
  readonly proof: SessionProof;
  readonly exporter: Uint8Array;
  readonly tlsSpkiHash: Uint8Array;
}

/** Registers that name an image: kernel and all, and its signer when it has one. */
const IMAGE_REGISTERS = [0, 1, 2, 8] as const;

/** Throws the code of the verdict unless the evidence is trusted under the very policy that is made from it. */
export async function policyFromEvidence(
  endpoint: EndpointEvidence,
  challenge: Uint8Array,
  now: Millis,
): Promise<TrustPolicy> {
  const { attestation, proof, exporter, tlsSpkiHash } = endpoint;
  const document = parseNitro(attestation.evidence);
  const identity = Identity.decode(attestation.identity);
  const registers = IMAGE_REGISTERS.filter(
    (index) => index !== 8 || !isZero(document.pcrs[8] ?? new Uint8Array(0)),
  );
  const pcrs = registers.flatMap((index) => {
    const value = document.pcrs[index];
    // A debug enclave shows zeroes, and a policy that expects those could not tell any two images apart.
    if (value !== undefined && isZero(value)) fail('NITRO_DEBUG_MODE', `PCR${index} is zero`);
    return value === undefined ? [] : [[String(index), [toHex(value)]] as const];
  });
  const policy = buildTrustPolicy(
    {
      pcrs: Object.fromEntries(pcrs),
      origin: identity.origin,
      configDigest: toHex(identity.configDigest),
      authorities: 'any',
      simulatedRoots: identity.simulated ? [rootOf(document.cabundle[0] as Uint8Array)] : [],
    },
    { anyService: false, provenance: 'trust-on-first-use' },
  );
  const { verdict, failure } = await judgeAttestation(attestation, {
    mode: 'live',
    now,
    trust: policy,
    crypto: nodeCrypto,
    challenge,
    session: { proof, exporter, tlsSpkiHash },
  });
  if (failure !== null) throw failure;
  if (verdict.verdict !== 'trusted')
    throw new AssayError('INTERNAL', `verdict ${verdict.verdict} without a reason`);
  return policy;
}

/** Only for a service that itself says it is simulated, which every verdict and receipt then repeats. */
function rootOf(der: Uint8Array): { name: string; spkiSha256: string } {
  const root = parseCertificate(der, { path: 'document.payload.cabundle[0]' });
  const name = root.subject.commonName ?? fail('CHAIN_ROOT_UNTRUSTED', 'the root has no common name');
  return { name, spkiSha256: toHex(nodeCrypto.sha256(root.spki.raw)) };
}
