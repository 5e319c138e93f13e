/** Evidence of kin that Nitro hardware signed: the whole chain to one of these roots, as any verifier checks it. */
import { parseNitro } from '../../src/evidence/nitro.ts';
import { verifyNitro } from '../../verifier/nitro/index.ts';
import type { RootPin } from '../../verifier/roots.ts';
import { nitroKin, type ReadKin } from './kin.ts';

export const signedBy =
  (roots: readonly RootPin[]): ReadKin =>
  async (evidence, _endorsements, crypto) => {
    const document = parseNitro(evidence);
    // Its own time: what is asked is who made it, and the log that holds it gives its place in time.
    await verifyNitro(document, { crypto, at: document.timestamp, roots });
    return nitroKin(document);
  };
