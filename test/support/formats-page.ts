/** docs/formats.md, made from the records: `make docs` writes it, a test compares it. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { LeafRecord } from '../../src/log/leaf.ts';
import { DOMAINS } from '../../src/statement/bind.ts';
import { Gpu } from '../../src/statement/gpu.ts';
import { Identity } from '../../src/statement/identity.ts';
import { Keyring } from '../../src/statement/keyring.ts';
import { GenesisOrder, PolicyOrder } from '../../src/statement/order.ts';
import { Release } from '../../src/statement/release.ts';
import { Seal } from '../../src/statement/seal.ts';
import { Session } from '../../src/statement/session.ts';
import { ROOT } from './tree.ts';

interface Row {
  readonly title: string;
  readonly domain: string | null;
  readonly where: string;
  readonly keys: readonly (readonly [name: string, key: number])[];
}

const ROWS: readonly Row[] = [
  {
    title: 'Identity',
    domain: DOMAINS.identity,
    where: 'quoted; Nitro nonce is `challengeRoot`',
    keys: Identity.keys,
  },
  {
    title: 'Session',
    domain: DOMAINS.session,
    where: 'signed by the session key, over the 64 bytes of `bind`',
    keys: Session.keys,
  },
  { title: 'Seal', domain: DOMAINS.seal, where: 'quoted', keys: Seal.keys },
  {
    title: 'Keyring',
    domain: DOMAINS.keyring,
    where: 'quoted at the birth of the keyring; header of its file',
    keys: Keyring.keys,
  },
  {
    title: 'Release',
    domain: DOMAINS.release,
    where: 'quoted with the recipient key in `public_key`',
    keys: Release.keys,
  },
  { title: 'GPU', domain: DOMAINS.gpu, where: '32-byte slots; no GPU is attested yet', keys: Gpu.keys },
  {
    title: 'Policy order',
    domain: DOMAINS.policyOrder,
    where: 'signed by authorities',
    keys: PolicyOrder.keys,
  },
  {
    title: 'Genesis order',
    domain: DOMAINS.genesisOrder,
    where: 'signed by authorities',
    keys: GenesisOrder.keys,
  },
  { title: 'Leaf v1', domain: null, where: 'an entry of the log', keys: LeafRecord.keys },
];

const HEAD = `# Formats

Made from the records in \`src\` by \`make docs\`. Everything that the enclave binds, signs or logs is deterministic CBOR (RFC 8949 section 4.2.1): a map with the integer keys below, in order, where a null or empty field is absent. There is exactly one encoding, and readers take no other. Examples with their bytes: \`test/vectors/statements.json\`.

\`bind(domain, s)\` = SHA-512(\`assay/<domain>/v1\` ‖ 0x00 ‖ u64be(length of s) ‖ s). For slots of 32 bytes: SHA-256 of the same under \`assay/<domain>/32/v1\`. Evidence made for one domain fails in every other.

The log is C2SP: tlog-tiles on disk, checkpoints as signed notes with two signatures, \`<origin>\` (log key) and \`<origin>/epoch/<n>\` (key of one boot). A receipt is a tlog-proof whose \`extra\` line is the leaf. Attestations, seals, receipts and orders travel as JSON files of the types \`assay/attestation/v1\`, \`assay/seal/v1\`, \`assay/receipt/v1\` and \`assay/order/v1\`. The wire is ttrpc with \`src/rpc/schema.proto\`. Where evidence needs what its vendor publishes, \`endorsements\` of an attestation is a bundle of it, of the type \`assay/collateral/v1\`.
`;

export function formatsPage(): string {
  const sections = ROWS.map(({ title, domain, where, keys }) => {
    const rows = keys.map(([name, key]) => `| ${key} | \`${name}\` |`);
    return `## ${title}\n\n${domain === null ? '' : `Domain \`${domain}\`; `}${where}.\n\n| key | field |\n|---|---|\n${rows.join('\n')}\n`;
  });
  return `${HEAD}\n${sections.join('\n')}`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(join(ROOT, 'docs/formats.md'), formatsPage());
