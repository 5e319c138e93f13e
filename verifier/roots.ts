/**
 * Roots of trust are pins, not files (design section 3, rule 8): the certificate comes with the evidence and is
 * taken only if it carries the pinned key, name and validity. Pins of each vendor: `<platform>-roots.ts`.
 */
import type { Hashing } from '../src/base/crypto.ts';
import type { Millis } from '../src/base/clock.ts';
import { fail } from '../src/base/errors.ts';
import { toHex } from '../src/base/hex.ts';
import type { Certificate } from '../src/codec/x509.ts';

export interface RootPin {
  readonly platform: string;
  /** Part of the vendor's world: `aws`, `aws-us-gov`; `simulated` for a simulated root. */
  readonly partition: string;
  /** Common name of the certificate's subject. */
  readonly name: string;
  /** SHA-256 of the DER SubjectPublicKeyInfo, lower-case hex. */
  readonly spkiSha256: string;
  /** Null for a simulated root, whose certificate must then be signed by itself. */
  readonly validity: { readonly notBefore: Millis; readonly notAfter: Millis } | null;
  /** Where the pin was taken from. */
  readonly source: string;
  readonly simulated: boolean;
}

/** The pin of a simulated root: a trust policy must name it, nothing else makes one acceptable. */
export function simulatedRoot(platform: string, name: string, spkiSha256: string): RootPin {
  return Object.freeze({
    platform,
    partition: 'simulated',
    name,
    spkiSha256: spkiSha256.toLowerCase(),
    validity: null,
    source: 'trust policy',
    simulated: true,
  });
}

/** The pin that this certificate matches in key, name and validity; CHAIN_ROOT_UNTRUSTED when there is none. */
export function matchRoot(pins: readonly RootPin[], root: Certificate, hashing: Hashing): RootPin {
  const spkiSha256 = toHex(hashing.sha256(root.spki.raw));
  // A vendor may have issued its root again: one key and name, two validities, two pins.
  const known = pins.filter((candidate) => candidate.spkiSha256 === spkiSha256);
  const [first] = known;
  if (first === undefined)
    return fail('CHAIN_ROOT_UNTRUSTED', `no pinned root has the key with SHA-256 ${spkiSha256}`);
  if (root.subject.commonName !== first.name)
    return fail('CHAIN_ROOT_UNTRUSTED', `the key of root ${first.name} comes under another name`);
  // The evidence's copy is not signature checked when the pin says all that matters, so it may not say otherwise.
  return (
    known.find(({ validity }) => validity === null || sameValidity(validity, root)) ??
    fail('CHAIN_ROOT_UNTRUSTED', `the key of root ${first.name} comes with another validity`)
  );
}

function sameValidity(validity: NonNullable<RootPin['validity']>, root: Certificate): boolean {
  return validity.notBefore === root.notBefore && validity.notAfter === root.notAfter;
}
