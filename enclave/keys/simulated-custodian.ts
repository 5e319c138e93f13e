/**
 * The custodian of a simulated TDX or SEV-SNP machine. AWS KMS takes documents of Nitro enclaves only; this one is shown
 * a quote or report, what it is judged with, and the release statement that names the recipient key by its hash. It
 * speaks AWS's protocol otherwise, and everything that it keeps says `sim-kms`. In simulated builds only.
 */
import type { Duplex } from 'node:stream';
import type { Hashing } from '../../src/base/crypto.ts';
import { toBase64 } from '../../src/codec/base64.ts';
import type { ReleaseBackend } from './keyring.ts';
import { createCustodian, KEY_ENCRYPTION } from './kms.ts';
import type { AttestReleaseTo } from './release.ts';

export interface SimulatedCustodianOptions {
  readonly connect: () => Promise<Duplex>;
  readonly keyId: string;
  readonly attestTo: AttestReleaseTo;
  readonly hashing: Hashing;
}

const KIND = 'sim-kms';

export function createSimulatedCustodian(options: SimulatedCustodianOptions): ReleaseBackend {
  const { attestTo, ...rest } = options;
  const attest = attestTo(KIND);
  return createCustodian({
    ...rest,
    host: 'kms.simulated',
    custody: `${KIND}:${options.keyId}`,
    async recipient(spki, purpose, context) {
      const { platform, evidence, endorsements, statement } = await attest(spki, purpose, context);
      return {
        KeyEncryptionAlgorithm: KEY_ENCRYPTION,
        Platform: platform,
        Evidence: toBase64(evidence),
        Endorsements: endorsements === null ? null : toBase64(endorsements),
        Statement: toBase64(statement),
        PublicKey: toBase64(spki),
      };
    },
  });
}
