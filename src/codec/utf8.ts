/** UTF-8, strictly. */

// ignoreBOM keeps a leading U+FEFF: dropping it would give two encodings one value.
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Below this a loop over ASCII beats the call into the decoder. */
const SHORT = 24;

/** The text, or null when the bytes are not UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string | null {
  if (bytes.length <= SHORT) {
    let out = '';
    let i = 0;
    for (; i < bytes.length; i++) {
      const byte = bytes[i] as number;
      if (byte > 0x7f) break;
      out += String.fromCharCode(byte);
    }
    if (i === bytes.length) return out;
  }
  try {
    return decoder.decode(bytes);
  } catch {
    return null;
  }
}
