/**
 * host/policy/: policy folders as people write them (YAML, Cedar text, principals) to bundles, and signing keys.
 * It must never decide anything: the enclave compiles the bundle again and trusts none of this.
 */
export { readAuthorityKey, writeAuthorityKey, type AuthorityKey } from './authority.ts';
export { buildPolicyFolder, readPrincipals, resolveManifest, type PolicyFolderOptions } from './folder.ts';
export { loadCedarModule } from './cedar-module.ts';
export { parseYaml } from './yaml.ts';
