/** `assay inspect`: what evidence and collateral say about themselves. Nothing is verified, and the output says so first. */
import { toHex } from '../../src/base/hex.ts';
import type { JsonObject } from '../../src/codec/json.ts';
import { type CollateralFile, readCollateral } from '../../src/collateral/index.ts';
import { decodeLeaf } from '../../src/log/leaf.ts';
import type { ReceiptFile } from '../../src/log/index.ts';
import type { Attestation } from '../../src/statement/attestation.ts';
import { Identity } from '../../src/statement/identity.ts';
import { readSourceAt, type Source } from './input.ts';
import { inspectBeside, inspectCollateral, type Inspected } from './inspect-collateral.ts';
import { inspectEvidence } from './inspect-evidence.ts';
import { plain } from './inspect-plain.ts';
import type { Io } from './io.ts';
import { readCommandLine } from './options.ts';
import { renderClaims } from './report.ts';

export const INSPECT_HELP = `Usage: assay inspect FILE|FOLDER|- [--json]

Shows what evidence, an attestation, a receipt or collateral (certificates, revocation lists, TCB info,
QE identities, bundles) say, without judging any of it. A folder is one of configfs-tsm.
`;

const OPTIONS = { json: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } } as const;

/** Exit status 0, or 2 through a thrown AssayError for bytes that cannot be read. */
export async function run(args: readonly string[], io: Io): Promise<number> {
  const line = readCommandLine('inspect', args, OPTIONS, [0, 1]);
  if (line.flag('help') || line.positionals.length === 0) {
    io.out(INSPECT_HELP);
    return line.flag('help') ? 0 : 2;
  }
  const { json, text } = inspectSource(await readSourceAt(line.positionals[0] as string, io));
  io.out(
    line.flag('json')
      ? `${JSON.stringify({ verified: false, ...json })}\n`
      : `NOT VERIFIED: what the bytes say of themselves; assay verify judges them\n${text.join('\n')}\n`,
  );
  return 0;
}

function inspectSource(source: Source): Inspected {
  switch (source.kind) {
    case 'collateral':
      return inspectCollateral(source.items);
    case 'attestation':
      return withBeside(
        claims(inspectAttestation(source.attestation)),
        'endorsements',
        endorsementsOf(source.attestation),
      );
    case 'receipt':
      return claims(inspectReceipt(source.receipt));
    case 'evidence':
      return withBeside(claims(inspectEvidence(source.bytes)), 'collateral', source.collateral ?? []);
  }
}

/** What came beside the evidence is collateral, whatever the form calls it. */
function withBeside(evidence: Inspected, name: string, files: readonly CollateralFile[]): Inspected {
  if (files.length === 0) return evidence;
  const beside = inspectBeside(readCollateral(files));
  return {
    json: { ...evidence.json, [name]: beside.json },
    text: [...evidence.text, `  ${name} beside it:`, ...beside.text],
  };
}

const endorsementsOf = ({ endorsements }: Attestation): readonly CollateralFile[] =>
  endorsements === null ? [] : [{ name: 'endorsements', bytes: endorsements }];

const claims = (json: JsonObject): Inspected => ({ json, text: renderClaims(json) });

function inspectReceipt({ receipt, attestation, seal }: ReceiptFile): JsonObject {
  return {
    leaf: plain(decodeLeaf(receipt.leaf)),
    index: receipt.index,
    proof: receipt.proof.map(toHex),
    checkpoint: receipt.checkpoint,
    sealed: seal !== null,
    attestation: inspectAttestation(attestation),
  };
}

function inspectAttestation(attestation: Attestation): JsonObject {
  return {
    ...inspectEvidence(attestation.evidence),
    identity: plain(Identity.decode(attestation.identity)),
    challenge: attestation.challenge === null ? null : plain(attestation.challenge),
    keys: attestation.keys.map(plain),
  };
}
