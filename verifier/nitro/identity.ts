/**
 * Who a Nitro document says it is: module id, instance, region, launch time. AWS documents none of this; it holds in
 * every recorded document of real hardware and in none of a mock server, so a contradiction is a forgery.
 */
import type { Millis } from '../../src/base/clock.ts';
import { fail } from '../../src/base/errors.ts';
import type { Certificate } from '../../src/codec/x509.ts';
import type { NitroDocument } from '../../src/evidence/nitro.ts';

export interface NitroIdentity {
  /** EC2 instance: `i-` and 17 hex digits. */
  readonly instanceId: string;
  readonly region: string;
  /** First 48 bits of the enclave id, as milliseconds. Undocumented: shown, and never a reason to accept anything. */
  readonly launchedAt: Millis | null;
  /** Common name of the leaf. */
  readonly leafName: string;
}

const ROOT_SUFFIX = '.nitro-enclaves';
const MODULE = /^(i-[0-9a-f]{8,17})-(enc|tpm)([0-9a-f]{16})$/;
const REGION = /^[a-z0-9-]{1,64}$/;

/** Throws NITRO_IDENTITY_MISMATCH. `certificates`: root first, leaf last. */
export function nitroIdentity(document: NitroDocument, certificates: readonly Certificate[]): NitroIdentity {
  const { moduleId } = document;
  const match = MODULE.exec(moduleId) ?? mismatch(`document.payload.module_id is not that of a Nitro module`);
  const [, instanceId = '', module, enclaveId = ''] = match;
  if ((module === 'enc') !== (document.kind === 'enclave'))
    mismatch(`document.payload.module_id ends in -${module}, the document is of kind ${document.kind}`);
  const names = certificates.map(commonName);
  const root = names[0] as string;
  const partition = root.endsWith(ROOT_SUFFIX)
    ? root.slice(0, -ROOT_SUFFIX.length)
    : mismatch(`root is named ${root}`);
  const leafName = names[names.length - 1] as string;
  const region = between(leafName, `${moduleId}.`, `.${partition}`);
  if (region === null || !REGION.test(region))
    return mismatch(`document.payload.certificate names ${leafName}, not ${moduleId}.<region>.${partition}`);
  names.slice(1, -1).forEach((authority, i) => {
    if (!authority.endsWith(`.${region}.${root}`))
      mismatch(`document.payload.cabundle[${i + 1}] names ${authority}, not a part of ${region}`);
  });
  // The issuer of the leaf is the instance itself.
  if (names.length > 2 && names[names.length - 2] !== `${instanceId}.${region}.${root}`)
    mismatch(`document.payload.cabundle[${names.length - 2}] is not that of ${instanceId}`);
  const launchedAt = module === 'enc' ? Number.parseInt(enclaveId.slice(0, 12), 16) : null;
  return { instanceId, region, launchedAt, leafName };
}

function commonName({ subject }: Certificate, index: number): string {
  return subject.commonName ?? mismatch(`certificate ${index} of the chain has no single common name`);
}

function between(text: string, prefix: string, suffix: string): string | null {
  const fits =
    text.length > prefix.length + suffix.length && text.startsWith(prefix) && text.endsWith(suffix);
  return fits ? text.slice(prefix.length, -suffix.length) : null;
}

function mismatch(why: string): never {
  return fail('NITRO_IDENTITY_MISMATCH', why);
}
