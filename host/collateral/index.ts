/**
 * collateral/: fetches from Intel and AMD what evidence is judged with, keeps it, and remembers the newest it has seen.
 * It must never decide that collateral is genuine: signatures, chains and dates are the verifier's. A server can only
 * withhold, and what it withholds is noticed.
 */
export { type Cache, defaultCacheFolder, type Kept, openCache } from './cache.ts';
export { type Absent, fetchAll, type Fetched, type FetchOptions, type FetchResult } from './fetch.ts';
export { createHttpGet, type HttpAnswer, type HttpGet, type HttpOptions } from './http.ts';
export { AMD_DISTANCE_MS, AMD_KDS, amdResources } from './kds.ts';
export {
  type Channel,
  checkAgainst,
  type Highest,
  type Memory,
  memoryPath,
  readMemory,
  remember,
} from './memory.ts';
export { type AmdNeed, describeNeed, type IntelNeed, type Need, needOf } from './needs.ts';
export { createPace, type Pace } from './pace.ts';
export { INTEL_PCS, INTEL_ROOT_CRL, intelResources, type PcsAddresses, pcsAddresses } from './pcs.ts';
export { readResource, type Resource } from './resource.ts';
export { getPatiently, type Retrying, type Waiting } from './retry.ts';
