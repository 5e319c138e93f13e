/** Who may read which leaf: the service's own leaves are everybody's, a decision is its tenant's alone. */
import { describe, expect, it } from 'vitest';
import { enclaveServices, type ServiceParts } from '../../enclave/services.ts';
import type { CallContext } from '../../enclave/server/index.ts';
import { draftLeaf, encodeLeaf, type LeafDraft, placeLeaf } from '../../src/log/leaf.ts';
import { decisionDraft } from '../support/log.ts';

const ACME = new Uint8Array(32).fill(1);
const OTHER = new Uint8Array(32).fill(2);
const context = (peerSpkiHash: Uint8Array | null): CallContext => ({
  peerSpkiHash,
  exporter: () => new Uint8Array(32),
});

function getReceipt(draft: LeafDraft): (caller: Uint8Array | null) => Promise<unknown> {
  const leaf = encodeLeaf(placeLeaf(draft, { index: 4, epoch: 1, time: 1 }));
  const tenantOf = (hash: Uint8Array): string | null =>
    hash[0] === 1 ? 'acme' : hash[0] === 2 ? 'other' : null;
  const parts = {
    ledger: { receipt: async (index: number) => ({ leaf, index, proof: [], checkpoint: '' }) },
    policies: {
      find: (hash: Uint8Array) => {
        const tenant = tenantOf(hash);
        return tenant === null ? null : { principal: { id: 'a', tenant, agent: 'a', key: '' }, force: null };
      },
    },
  } as unknown as ServiceParts;
  const found = enclaveServices(parts).find(({ method }) => method.name === 'GetReceipt');
  return async (caller) => found?.handle({ index: 4 }, context(caller));
}

describe('GetReceipt', () => {
  const decision = getReceipt(decisionDraft({ tenant: 'acme' }));

  it('gives a decision to its tenant', async () => {
    await expect(decision(ACME)).resolves.toMatchObject({ index: 4 });
  });

  it('gives it to no other tenant', async () => {
    await expect(decision(OTHER)).toRejectWith('LEAF_FORBIDDEN');
  });

  it('gives nothing to strangers', async () => {
    await expect(decision(null)).toRejectWith('PRINCIPAL_UNKNOWN');
    await expect(decision(new Uint8Array(32).fill(9))).toRejectWith('PRINCIPAL_UNKNOWN');
  });

  it("gives the service's own leaves to every principal", async () => {
    await expect(getReceipt(draftLeaf({ kind: 'epoch_start' }))(OTHER)).resolves.toMatchObject({ index: 4 });
  });
});
