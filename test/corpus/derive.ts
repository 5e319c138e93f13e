/** Recorded cases that are small edits of another recorded file: made again from it, and checked by hash. */

const P384_ORDER =
  0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n;
const BASE = 'docs/turnkey-2025-09-16-a.cbor';

function malleate(document: Uint8Array): Uint8Array {
  const out = Uint8Array.from(document);
  const s = BigInt(`0x${Buffer.from(out.subarray(-48)).toString('hex')}`);
  out.set(Buffer.from((P384_ORDER - s).toString(16).padStart(96, '0'), 'hex'), out.length - 48);
  return out;
}

/** PCR0 is the value of key 0: `00 58 30 <48 bytes>` after the text key `pcrs`. */
function flipPcr0(document: Uint8Array): Uint8Array {
  const out = Uint8Array.from(document);
  const at = Buffer.from(out).indexOf(Buffer.from('005830', 'hex'), Buffer.from(out).indexOf('pcrs')) + 3;
  out[at] = (out[at] as number) ^ 1;
  return out;
}

const RECIPES: { readonly [file: string]: (base: Uint8Array) => Uint8Array } = {
  'derived/tag18.cbor': (base) => Uint8Array.of(0xd2, ...base),
  'derived/trailing-byte.cbor': (base) => Uint8Array.of(...base, 0),
  'derived/malleated-s.cbor': malleate,
  'derived/pcr0-bitflip.cbor': flipPcr0,
};

export function deriveFrom(file: string, read: (base: string) => Uint8Array | null): Uint8Array | null {
  const recipe = RECIPES[file];
  const base = recipe === undefined ? null : read(BASE);
  return recipe === undefined || base === null ? null : recipe(base);
}
