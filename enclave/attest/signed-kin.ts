/** Evidence of kin that hardware signed: the whole chain to one of these roots, as any verifier checks it. */
import { parseNitro } from '../../src/evidence/nitro.ts';
import { type RootPin, verifyNitro } from '../../verifier/index.ts';
import type { ReadKin } from './kin.ts';

export const signedBy =
  (roots: readonly RootPin[]): ReadKin =>
  async (evidence, crypto) => {
    const document = parseNitro(evidence);
    // Its own time: what is asked is who made it, and the log that holds it gives its place in time.
    await verifyNitro(document, { crypto, at: document.timestamp, roots });
    return document;
  };
