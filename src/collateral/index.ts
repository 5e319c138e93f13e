/**
 * collateral/: what vendors publish and evidence is judged with (certificates, revocation lists, signed statements),
 * recognised by its content and read into typed values, and the bundle that keeps it beside the evidence.
 * It must never fetch any of it, verify a signature or a time, or decide what an item means for a piece of evidence.
 */
export { COLLATERAL_TYPE, parseBundle, writeBundle } from './bundle.ts';
export { mergeCollateral, readCollateral } from './collateral.ts';
export * from './intel/index.ts';
export {
  certificateItem,
  type CertificateItem,
  type Collateral,
  type CollateralItem,
  type CollateralKind,
  crlItem,
  type CrlItem,
  itemBegins,
  itemEnds,
  NO_COLLATERAL,
  type QeIdentityItem,
  statementItem,
  type TcbEvaluationNumbersItem,
  type TcbInfoItem,
} from './item.ts';
export { type CollateralFile, recogniseCollateral } from './recognise.ts';
export { readSignedJson, type SignedDocument, type SignedJson, type StatementName } from './signed-json.ts';
