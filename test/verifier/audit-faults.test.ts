/** Logs that are whole, signed and sealed, and that an honest enclave would not have written. */
import { describe, expect, it } from 'vitest';
import { nodeCrypto } from '../../native/crypto.ts';
import { utf8 } from '../../src/base/bytes.ts';
import { type Code } from '../../src/base/errors.ts';
import { draftLeaf } from '../../src/log/index.ts';
import { formatAttestation } from '../../src/statement/attestation.ts';
import { audit } from '../support/audit.ts';
import { TestLog } from '../support/log.ts';

/** What code that runs measured and still writes a bad log is told. */
const FAULTS: readonly [name: string, code: Code, write: (log: TestLog) => void][] = [
  [
    'a leaf with another index',
    'LEAF_INDEX_MISMATCH',
    (log) => void log.append(draftLeaf({ kind: 'padding' }), { index: 40 }),
  ],
  [
    'a leaf from the past',
    'LEAF_TIME_BACKWARDS',
    (log) => void log.append(draftLeaf({ kind: 'padding' }), { time: 1 }),
  ],
  [
    'a leaf of another epoch',
    'EPOCH_SPLICED',
    (log) => void log.append(draftLeaf({ kind: 'padding' }), { epoch: 2 }),
  ],
  [
    'a decision under another policy',
    'POLICY_DIGEST_MISMATCH',
    (log) => void log.decide({ policyDigest: new Uint8Array(32) }),
  ],
  [
    'a decision for a tenant without one',
    'DECISION_WITHOUT_POLICY',
    (log) => void log.decide({ tenant: 'other', policyDigest: new Uint8Array(32) }),
  ],
  [
    'a change to a policy it does not name',
    'POLICY_DIGEST_MISMATCH',
    (log) =>
      void log.append(draftLeaf({ kind: 'policy_change', tenant: 'acme', policyDigest: new Uint8Array(32) })),
  ],
  [
    'a seal of another policy',
    'POLICY_DIGEST_MISMATCH',
    (log) => void log.seal({ fields: { policyDigest: null } }),
  ],
  ['a leaf that is no leaf', 'CBOR_TYPE', (log) => void log.appendBytes(utf8('leaf'))],
  [
    'a seal that no one has made',
    'SEAL_MISSING',
    (log) => void log.append(draftLeaf({ kind: 'seal_ref', references: { statement: new Uint8Array(32) } })),
  ],
  [
    'a seal with other evidence than was kept',
    'SEAL_EVIDENCE_MISMATCH',
    (log) => {
      log.seal({ leaf: false });
      const references = { statement: log.seals.at(-1)!.digest, evidence: new Uint8Array(32) };
      log.append(draftLeaf({ kind: 'seal_ref', references }));
    },
  ],
  ['a seal of a smaller tree', 'SEAL_CHAIN_BROKEN', (log) => void log.seal({ fields: { treeSize: 1 } })],
  ['a seal that is older', 'SEAL_CHAIN_BROKEN', (log) => void log.seal({ fields: { time: 1 } })],
  [
    'a seal over another previous size',
    'SEAL_CHAIN_BROKEN',
    (log) => void log.seal({ fields: { previousSize: 1 } }),
  ],
  ['a seal after no other', 'SEAL_CHAIN_BROKEN', (log) => void log.seal({ fields: { previousSeal: null } })],
  [
    'a seal of another configuration',
    'SEAL_SERVICE_MISMATCH',
    (log) => void log.seal({ fields: { configDigest: new Uint8Array(32) } }),
  ],
  [
    'a seal of another boot',
    'SEAL_SERVICE_MISMATCH',
    (log) => void log.seal({ fields: { bootId: new Uint8Array(32) } }),
  ],
  [
    'a seal with another root',
    'LOG_FORKED',
    (log) => void log.seal({ fields: { root: new Uint8Array(32) } }),
  ],
  [
    'a seal with a parent in the first epoch',
    'EPOCH_SPLICED',
    (log) => void log.seal({ fields: { parentSeal: new Uint8Array(32) } }),
  ],
  [
    'a boot from an older seal: rolled back',
    'EPOCH_SPLICED',
    (log) => {
      log.decide();
      log.seal();
      log.startEpoch({ parentSeal: log.seals[0]!.digest });
    },
  ],
  [
    'seals of a boot that descend from an older seal',
    'EPOCH_SPLICED',
    (log) => {
      log.startEpoch();
      log.seal({ fields: { parentSeal: null } });
    },
  ],
  [
    'an epoch that starts twice',
    'EPOCH_SPLICED',
    (log) => void log.append(draftLeaf({ kind: 'epoch_start' })),
  ],
  [
    'an epoch without its first leaf',
    'EPOCH_SPLICED',
    (log) => {
      log.startEpoch({ leaf: false });
      log.decide();
    },
  ],
  [
    'an epoch whose number goes back',
    'EPOCH_SPLICED',
    (log) => void log.append(draftLeaf({ kind: 'epoch_start' }), { epoch: 0 }),
  ],
];

describe('a log that the enclave itself wrote wrongly', () => {
  it.each(FAULTS)('%s is %s', async (_name, code, write) => {
    const log = new TestLog();
    log.startEpoch();
    log.loadPolicy();
    log.decide();
    log.seal();
    write(log);
    log.decide();
    const report = await audit(log.files(), log);
    expect(`${report.code}: ${report.findings[0]?.message}`).toContain(`${code}: `);
    expect(report.verdict).toBe('rejected');
  });

  it('in two epochs of two services', async () => {
    const log = new TestLog();
    log.startEpoch();
    const other = new TestLog();
    Object.assign(other, { hardware: log.hardware });
    other.startEpoch();
    other.startEpoch();
    log.epochs.push(other.epochs[1]!);
    expect(await audit(log.files(), log)).toMatchObject({ code: 'EPOCH_KEY_CHANGED' });
  });

  it('with a seal of a boot that no leaf begins', async () => {
    const log = new TestLog();
    log.startEpoch();
    log.seal();
    log.startEpoch({ leaf: false });
    log.seal({ leaf: false });
    expect(await audit(log.files(), log)).toMatchObject({ verdict: 'rejected', code: 'EPOCH_SPLICED' });
  });

  it('with a first leaf of a boot that names another boot or another attestation', async () => {
    for (const name of ['boot', 'attestation']) {
      const log = new TestLog();
      const { attestation, service } = log.startEpoch({ leaf: false });
      const references = {
        boot: service.bootId,
        attestation: nodeCrypto.sha256(utf8(formatAttestation(attestation))),
      };
      log.append(
        draftLeaf({ kind: 'epoch_start', references: { ...references, [name]: new Uint8Array(32) } }),
      );
      expect(await audit(log.files(), log)).toMatchObject({ verdict: 'rejected', code: 'EPOCH_SPLICED' });
    }
  });

  it('in two epochs of one log key and two names', async () => {
    const log = new TestLog();
    log.startEpoch();
    const { service, ...rest } = log.startEpoch();
    log.epochs[1] = { ...rest, service: { ...service, origin: 'sim.other.example' } };
    expect(await audit(log.files(), log)).toMatchObject({ code: 'EPOCH_KEY_CHANGED' });
  });

  it('whose origin does not say that it is simulated', async () => {
    const log = new TestLog();
    const { service, ...rest } = log.startEpoch();
    log.epochs[0] = { ...rest, service: { ...service, simulated: false } };
    expect(await audit(log.files(), log)).toMatchObject({ code: 'SIMULATED_MISMATCH' });
  });
});
