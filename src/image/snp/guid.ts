/** GUIDs as EFI writes them (UEFI 2.10 appendix A): the first three fields little-endian, the rest as it is read. */
import { fromHex } from '../../base/hex.ts';

export const GUID_SIZE = 16;

/** 16 bytes of `96b582de-1fb2-45f7-baea-a366c55a082d`. */
export function guidBytes(text: string): Uint8Array {
  const [first = '', second = '', third = '', ...rest] = text.split('-');
  const little = [first, second, third].flatMap((field) => [...fromHex(field).reverse()]);
  return Uint8Array.from([...little, ...fromHex(rest.join(''))]);
}
