/** ttrpc frames with any header, right or wrong, built without the code under test. */

export interface HeaderFaults {
  readonly length?: number;
  readonly type?: number;
  readonly flags?: number;
}

export function frame(streamId: number, payload: Uint8Array, over: HeaderFaults = {}): Uint8Array {
  const out = new Uint8Array(10 + payload.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, over.length ?? payload.length);
  view.setUint32(4, streamId);
  out[8] = over.type ?? 1;
  out[9] = over.flags ?? 0;
  out.set(payload, 10);
  return out;
}
