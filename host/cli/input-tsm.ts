/**
 * Reports as Linux hands them out (Documentation/ABI/testing/configfs-tsm-report): a folder with the attributes
 * `outblob`, `auxblob` and `provider`, or the three in JSON as agents write them. The first is the evidence; the second,
 * of SEV-SNP, a table of certificates. Which hardware it is, the evidence says; the provider is not asked.
 */
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { AssayError, fail } from '../../src/base/errors.ts';
import { fromBase64 } from '../../src/codec/base64.ts';
import type { JsonObject, JsonValue } from '../../src/codec/json.ts';
import type { CollateralFile } from '../../src/collateral/index.ts';

export interface TsmReport {
  readonly bytes: Uint8Array;
  /** `auxblob`, where the hardware has one. */
  readonly collateral: readonly CollateralFile[];
}

/** Throws FILE_UNREADABLE for a folder that has no `outblob`: nothing else that is a folder is read as evidence. */
export function isTsmFolder(path: string): boolean {
  if (!isFolder(path)) return false;
  if (!existsSync(join(path, 'outblob')))
    fail('FILE_UNREADABLE', `${path}: a folder without outblob, so not one of configfs-tsm`);
  return true;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    // Reading it as a file says what is wrong.
    return false;
  }
}

export function readTsmFolder(path: string, readFile: (path: string) => Uint8Array): TsmReport {
  const bytes = readFile(join(path, 'outblob'));
  if (bytes.length === 0) fail('INPUT_UNRECOGNISED', `${path}: outblob is empty`);
  const beside = join(path, 'auxblob');
  return { bytes, collateral: existsSync(beside) ? auxiliary(beside, readFile(beside)) : [] };
}

/** Null for other JSON; INPUT_UNRECOGNISED when `outblob` or `auxblob` is not base64. */
export function readTsmJson(value: JsonObject): TsmReport | null {
  const outblob = blob(value, 'outblob');
  if (outblob === null) return null;
  if (outblob.length === 0) fail('INPUT_UNRECOGNISED', 'outblob is empty');
  return { bytes: outblob, collateral: auxiliary('auxblob', blob(value, 'auxblob')) };
}

/** A host that has no certificates gives none, or a table without entries. */
const auxiliary = (name: string, bytes: Uint8Array | null): readonly CollateralFile[] =>
  bytes === null || bytes.length === 0 ? [] : [{ name, bytes }];

function blob(object: JsonObject, key: string): Uint8Array | null {
  const value: JsonValue | undefined = Object.hasOwn(object, key) ? object[key] : undefined;
  if (typeof value !== 'string') return null;
  try {
    return fromAnyBase64(value);
  } catch (cause) {
    if (!(cause instanceof AssayError)) throw cause;
    return fail('INPUT_UNRECOGNISED', `${key} is not base64`, { cause });
  }
}

/** Of either alphabet (RFC 4648 sections 4 and 5), padded or not. Throws ParseError BASE64_INVALID. */
export function fromAnyBase64(text: string): Uint8Array {
  const standard = text.replaceAll('-', '+').replaceAll('_', '/');
  return fromBase64(standard.padEnd(Math.ceil(standard.length / 4) * 4, '='));
}
