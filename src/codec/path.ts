/** Names the place of an error inside a value: `document.payload.pcrs[4]`. */

/** A text key, or an index or integer key. */
export type Step = string | number;

const PLAIN = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

/** Keys come from outside, so whatever is not a short plain word is quoted, cut and kept to printable ASCII. */
export function renderPath(root: string, steps: readonly Step[]): string {
  let out = root;
  for (const step of steps) {
    if (step === '') continue;
    if (typeof step === 'number') out += `[${step}]`;
    else if (PLAIN.test(step)) out += out === '' ? step : `.${step}`;
    else out += `["${step.slice(0, 64).replace(/[^ !#-[\]-~]/g, '?')}"]`;
  }
  return out;
}
