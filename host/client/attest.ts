/** Asks an endpoint for evidence on a channel of its own or of the caller's, without judging it. */
import type { Attestation, SessionProof } from '../../src/statement/attestation.ts';
import { Enclave } from '../../src/rpc/service.ts';
import { attestationFromWire } from '../../src/rpc/convert.ts';
import { type Channel, type ChannelOptions, openChannel } from './channel.ts';

export interface Endpoint {
  readonly attestation: Attestation;
  readonly proof: SessionProof;
  /** TLS exporter of the channel the answer came through, 32 bytes. */
  readonly exporter: Uint8Array;
  /** SHA-256 of the key that the peer used in TLS. */
  readonly tlsSpkiHash: Uint8Array;
}

/** `fresh` asks for a quote that was made after this call and carries the challenge itself. */
export async function askEvidence(
  channel: Channel,
  challenge: Uint8Array,
  fresh: boolean,
): Promise<Endpoint> {
  const answer = await channel.call(Enclave.Attest, { challenge, fresh });
  return {
    attestation: attestationFromWire(answer.attestation),
    proof: { statement: answer.session, signature: answer.sessionSignature },
    exporter: channel.exporter(challenge),
    tlsSpkiHash: channel.peerSpkiHash,
  };
}

export async function attestEndpoint(
  url: string,
  challenge: Uint8Array,
  options?: Partial<ChannelOptions> & { fresh?: boolean },
): Promise<Endpoint> {
  const channel = await openChannel(url, { tls: {}, ...options });
  try {
    return await askEvidence(channel, challenge, options?.fresh ?? true);
  } finally {
    channel.close();
  }
}
