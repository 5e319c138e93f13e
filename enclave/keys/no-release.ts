/**
 * No release backend. AWS KMS answers an enclave only over TLS that ends inside it, with the role's credentials:
 * that is not built yet, and nothing weaker takes its place. An enclave without a backend stays locked.
 */
import { AssayError } from '../../src/base/errors.ts';
import type { ReleaseBackend } from './keyring.ts';

export function createNoRelease(): ReleaseBackend {
  const refuse = async (): Promise<never> => {
    throw new AssayError('KEY_RELEASE_UNAVAILABLE', 'this build has no key release for real hardware');
  };
  return { custody: 'none', generateDataKey: refuse, decrypt: refuse };
}
