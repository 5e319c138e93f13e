/** intel/: quotes of SGX enclaves and TDX guests, and the certificates of the keys behind them, read and not judged. */
export type { Certification } from './certification.ts';
export { bitsOf, type SgxFlags, type TdFlags } from './flags.ts';
export { isIntelQuote, quoteTee, type BodyType, type Tee } from './header.ts';
export { isPck, readPck, type PckConfiguration, type PckExtension } from './pck.ts';
export { MAX_QUOTE, parseQuote, type Quote, type QuotingEnclave } from './quote.ts';
export { readSgxReport, SGX_REPORT_SIZE, type SgxReport } from './sgx-report.ts';
export { readTdReport, type TdReport } from './td-report.ts';
