/** Is an enclave acceptable: which code, whose, which version, and not debugged. */
import { fail } from '../../src/base/errors.ts';
import { toHex } from '../../src/base/hex.ts';
import type { SgxReport } from '../../src/evidence/intel/index.ts';
import type { Verified } from '../platform.ts';
import type { CheckLog, PlannedCheck } from '../verdict.ts';
import { appraiseCommon, commonChecks, type CommonTrust } from './appraise.ts';
import type { SgxTrust } from './trust.ts';
import type { IntelClaims } from './verify.ts';

const SDM = 'Intel SDM volume 3D, REPORT';

export const SGX_APPRAISE_CHECKS: readonly PlannedCheck[] = Object.freeze([
  { name: 'sgx.debug', clause: `${SDM}: ATTRIBUTES.DEBUG` },
  {
    name: 'sgx.attributes',
    clause: `${SDM}: reserved bits, and the keys of provisioning that no service needs`,
  },
  { name: 'sgx.mrenclave', clause: `${SDM}: MRENCLAVE; design 3.3` },
  { name: 'sgx.mrsigner', clause: `${SDM}: MRSIGNER` },
  { name: 'sgx.product', clause: `${SDM}: ISVPRODID, ISVSVN` },
  ...commonChecks('sgx'),
]);

/** Records every expectation in `log` (planned with SGX_APPRAISE_CHECKS) and throws the first that is not met. */
export function appraiseSgx(
  verified: Verified<IntelClaims>,
  expected: SgxTrust & CommonTrust,
  log: CheckLog,
): void {
  for (const name of [
    'mrenclave',
    'mrsigner',
    'isv_prod_id',
    'min_isv_svn',
    'debug',
    'tcb',
    'platform',
    'hardware',
  ] as const)
    if (expected?.[name] === undefined) fail('EXPECTATION_MISSING', `sgx.${name} is not stated`);
  const report = verified.claims.quote.body as SgxReport;
  const { mrenclave, mrsigner, isv_prod_id: products, min_isv_svn: least } = expected;
  if (expected.debug === 'allow') log.waive('sgx.debug');
  else
    log.judge('sgx.debug', () => {
      if (report.flags.debug) fail('SGX_DEBUG_MODE', 'ATTRIBUTES has the DEBUG bit');
    });
  log.judge('sgx.attributes', () => checkAttributes(report));
  if (mrenclave === 'any') log.waive('sgx.mrenclave');
  else log.judge('sgx.mrenclave', () => requireListed('mrenclave', report.mrenclave, mrenclave));
  if (mrsigner === 'any') log.waive('sgx.mrsigner');
  else log.judge('sgx.mrsigner', () => requireListed('mrsigner', report.mrsigner, mrsigner));
  if (products === 'any' && least === 'any') log.waive('sgx.product');
  else log.judge('sgx.product', () => checkProduct(report, products, least));
  appraiseCommon('sgx', verified, expected, expected, log);
  log.settle();
}

function checkAttributes({ flags, reservedAttributes }: SgxReport): void {
  if (reservedAttributes !== 0n)
    fail('SGX_ATTRIBUTES_REFUSED', `ATTRIBUTES has reserved bits: 0x${reservedAttributes.toString(16)}`);
  if (!flags.initialized) fail('SGX_ATTRIBUTES_REFUSED', 'ATTRIBUTES lacks INIT');
  if (flags.provisionKey)
    fail('SGX_ATTRIBUTES_REFUSED', 'ATTRIBUTES has PROVISION_KEY, which a service does not need');
  if (flags.einitTokenKey)
    fail('SGX_ATTRIBUTES_REFUSED', 'ATTRIBUTES has EINITTOKEN_KEY, which a service does not need');
}

function requireListed(name: string, value: Uint8Array, allowed: readonly string[]): void {
  const found = toHex(value);
  if (!allowed.some((one) => one.toLowerCase() === found))
    fail('SGX_MEASUREMENT_MISMATCH', `${name} is ${found}, which is not listed`);
}

function checkProduct(
  { isvProdId, isvSvn }: SgxReport,
  products: SgxTrust['isv_prod_id'],
  least: SgxTrust['min_isv_svn'],
): void {
  if (products !== 'any' && !products.includes(isvProdId))
    fail('SGX_PRODUCT_MISMATCH', `ISVPRODID is ${isvProdId}, allowed are ${products.join(', ')}`);
  if (least !== 'any' && isvSvn < least)
    fail('SGX_PRODUCT_MISMATCH', `ISVSVN is ${isvSvn}, at least ${least}: ${least - isvSvn} short`);
}
