/**
 * What a file holds, told by its content alone: names and folders are the user's. PEM, DER, bodies of Intel's service,
 * AMD's certificate table, what Azure's hosts serve of it, dcap-qvl's bundles and our own. A folder of evidence has other files as well, so what has the
 * form of none of these is no collateral and no fault.
 */
import { decodeUtf8 } from '../codec/utf8.ts';
import { parsePem } from '../codec/pem.ts';
import { isAmdTable, readAmdTable } from './amd-table.ts';
import { COLLATERAL_TYPE, parseBundle } from './bundle.ts';
import { DCAP_MARKS, readDcapBundle } from './dcap-bundle.ts';
import { derForm } from './der-form.ts';
import { isObject } from '../codec/json-shape.ts';
import { parseJson } from '../codec/json.ts';
import { invalid, memberOf } from './intel/fields.ts';
import { certificateItem, type CollateralItem, crlItem, MAX_ITEMS, statementItem } from './item.ts';
import { STATEMENTS } from './signed-json.ts';

export interface CollateralFile {
  /** For messages alone. */
  readonly name: string;
  readonly bytes: Uint8Array;
}

export const MAX_FILE = 16_777_216;

const BUNDLE_MARK = `"${COLLATERAL_TYPE}"`;
const STATEMENT_MARKS: readonly string[] = Object.keys(STATEMENTS).map((member) => `"${member}"`);

/**
 * What one file holds: [] when it is no collateral at all. Throws for what has the form of a kind and is broken:
 * COLLATERAL_INVALID, CRL_INVALID, BUNDLE_INVALID, PEM_INVALID, or a DER_, X509_ or JSON_ code. The items' bytes are
 * views of the file where the file has them as they are.
 */
export function recogniseCollateral({ name, bytes }: CollateralFile): readonly CollateralItem[] {
  if (bytes.length > MAX_FILE) invalid(name, `is longer than ${MAX_FILE} bytes`);
  // A Buffer is turned into a plain view: its subarray() and slice() would hand out Buffers.
  const plain = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const items = isAmdTable(plain) ? tableItems(plain) : (derItems(plain) ?? textItems(plain));
  return Object.freeze(items);
}

function tableItems(bytes: Uint8Array): readonly CollateralItem[] {
  return readAmdTable(bytes).flatMap((content) => partItems(content, 'certificate_table'));
}

/** A part of a container, which must be DER or PEM. */
function partItems(bytes: Uint8Array, path: string): readonly CollateralItem[] {
  const items = derItems(bytes) ?? pemItems(decodeUtf8(bytes) ?? '');
  return items.length > 0 ? items : invalid(path, 'has a part that is neither a certificate nor a list');
}

function derItems(bytes: Uint8Array): readonly CollateralItem[] | null {
  const form = derForm(bytes);
  if (form === null) return null;
  return [form === 'certificate' ? certificateItem(bytes) : crlItem(bytes)];
}

function textItems(bytes: Uint8Array): readonly CollateralItem[] {
  const text = decodeUtf8(bytes);
  if (text === null) return [];
  return firstGlyph(text) === '{' ? jsonItems(bytes, text) : pemItems(text);
}

/** The first character that is not JSON's white space. */
function firstGlyph(text: string): string {
  let at = 0;
  while (at < text.length && ' \t\r\n'.includes(text.charAt(at))) at++;
  return text.charAt(at);
}

/** Marks are looked for before anything is parsed, so that other JSON, however long, costs a search. */
function jsonItems(bytes: Uint8Array, text: string): readonly CollateralItem[] {
  if (text.includes(BUNDLE_MARK)) return parseBundle(bytes).items;
  if (STATEMENT_MARKS.some((mark) => text.includes(mark))) return statementItems(bytes);
  if (DCAP_MARKS.some((mark) => text.includes(mark))) return dcapItems(bytes);
  return text.includes(HOST_MARK) ? hostItems(bytes) : [];
}

function statementItems(body: Uint8Array): readonly CollateralItem[] {
  const item = statementItem(body);
  return item === null ? [] : [item];
}

/**
 * The certificates of a host of Azure as its host agent (THIM) serves them: PEM in `vcekCert` and `certificateChain`.
 * Nothing else in it is of AMD's.
 */
function hostItems(bytes: Uint8Array): readonly CollateralItem[] {
  const host = parseJson(bytes, { maxBytes: MAX_HOST, maxDepth: 2, path: 'host certificates' });
  return HOST_MEMBERS.flatMap((name) => {
    const pem = isObject(host) ? memberOf(host, name) : undefined;
    return typeof pem === 'string' ? pemItems(pem) : [];
  });
}

const HOST_MEMBERS = ['vcekCert', 'certificateChain'] as const;
const HOST_MARK = '"vcekCert"';
const MAX_HOST = 262_144;

function dcapItems(bytes: Uint8Array): readonly CollateralItem[] {
  const parts = readDcapBundle(bytes);
  if (parts === null) return [];
  return [
    ...parts.bodies.flatMap(statementItems),
    ...parts.others.flatMap((part) => partItems(part, 'bundle')),
  ];
}

function pemItems(text: string): readonly CollateralItem[] {
  return [...pemBlocks(text, 'CERTIFICATE', certificateItem), ...pemBlocks(text, 'X509 CRL', crlItem)];
}

function pemBlocks(
  text: string,
  label: string,
  read: (der: Uint8Array) => CollateralItem,
): readonly CollateralItem[] {
  if (!text.includes(`-----BEGIN ${label}-----`)) return [];
  const blocks = parsePem(text, label, 'pem');
  if (blocks.length > MAX_ITEMS) invalid('pem', `has more than ${MAX_ITEMS} blocks`);
  return blocks.map(read);
}
