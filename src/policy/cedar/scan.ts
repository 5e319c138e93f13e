/**
 * Bounds Cedar text before the Cedar parser sees it.
 *
 * Cedar recurses on a fixed WebAssembly stack without a guard. Measured on version 4.13: 150 nested parentheses, or
 * a chain of 500 `+`, `.`, `&&`, `if` or `when` clauses, end in `memory access out of bounds` while parsing,
 * translating or evaluating, and an instance that trapped once traps for ever. So the height of each expression is
 * bounded here, from above: an operator adds one to its operand, a closed bracket adds its contents, `&&`, `||` and
 * `if` add one to whatever stands beside them, `,` starts anew. Strings and comments are skipped as Cedar lexes them.
 */
import { fail } from '../../base/errors.ts';

export const CEDAR_LIMITS = {
  /** UTF-16 units of the whole policy set. */
  text: 262_144,
  policies: 1_000,
  statement: 65_536,
  brackets: 32,
  height: 96,
} as const;

/** Splits a policy set into its policies, in order, each with its final semicolon. */
export function splitCedar(text: string): readonly string[] {
  if (text.length > CEDAR_LIMITS.text) tooComplex(`longer than ${CEDAR_LIMITS.text} characters`, 0);
  if (!text.isWellFormed()) fail('POLICY_CEDAR_INVALID', 'policy set: holds a lone surrogate');
  const scan = newScan(text);
  while (scan.at < text.length) token(scan);
  if (scan.levels.length > 1) fail('POLICY_CEDAR_INVALID', 'policy set: a bracket is not closed');
  if (scan.tokens > 0)
    fail('POLICY_CEDAR_INVALID', 'policy set: the last policy does not end with a semicolon');
  return scan.statements;
}

interface Level {
  readonly open: string;
  /** Height bound of the operand being read. */
  operand: number;
  /** The highest operand of the same list item so far. */
  highest: number;
  /** `&&`, `||`, `if` and clauses of the same item: each may put the others below itself. */
  joints: number;
  /** The highest list item before this one. */
  items: number;
}

interface Scan {
  readonly text: string;
  at: number;
  start: number;
  tokens: number;
  readonly levels: Level[];
  readonly statements: string[];
}

const CLOSES: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };
const WORD = /[A-Za-z0-9_]/;
const OPERATOR_WORDS: ReadonlySet<string> = new Set(['has', 'like', 'in', 'is']);
const OPERATORS = '.+-*<>=!';
const IGNORED = ':@?';

function newScan(text: string): Scan {
  return { text, at: 0, start: 0, tokens: 0, levels: [newLevel('')], statements: [] };
}

function newLevel(open: string): Level {
  return { open, operand: 0, highest: 0, joints: 0, items: 0 };
}

function token(scan: Scan): void {
  const { text } = scan;
  const char = text[scan.at] as string;
  if (char === ' ' || char === '\n' || char === '\t' || char === '\r') scan.at++;
  else if (char === '/' && text[scan.at + 1] === '/') skipComment(scan);
  else {
    scan.tokens++;
    if (char === '"') skipString(scan);
    else if (WORD.test(char)) word(scan);
    else symbol(scan, char);
  }
}

function skipComment(scan: Scan): void {
  while (scan.at < scan.text.length && scan.text[scan.at] !== '\n') scan.at++;
}

function skipString(scan: Scan): void {
  const from = scan.at++;
  while (scan.at < scan.text.length && scan.text[scan.at] !== '"')
    scan.at += scan.text[scan.at] === '\\' ? 2 : 1;
  if (scan.at >= scan.text.length)
    fail('POLICY_CEDAR_INVALID', `policy set: the string at ${from} does not end`);
  scan.at++;
}

function word(scan: Scan): void {
  const from = scan.at;
  while (scan.at < scan.text.length && WORD.test(scan.text[scan.at] as string)) scan.at++;
  const name = scan.text.slice(from, scan.at);
  const level = top(scan);
  if (name === 'if') join(scan, level);
  else if (OPERATOR_WORDS.has(name)) grow(scan, level, 1);
}

function symbol(scan: Scan, char: string): void {
  const level = top(scan);
  scan.at++;
  if (char === '(' || char === '[' || char === '{') open(scan, char);
  else if (CLOSES[char] !== undefined) close(scan, char);
  else if (char === ';' && scan.levels.length === 1) endStatement(scan);
  else if (char === ',') nextItem(level);
  else if ((char === '&' || char === '|') && scan.text[scan.at] === char) {
    scan.at++;
    join(scan, level);
  } else if (OPERATORS.includes(char)) grow(scan, level, 1);
  else if (!IGNORED.includes(char))
    fail('POLICY_CEDAR_INVALID', `policy set: the character at ${scan.at - 1} is not part of Cedar`);
}

function top(scan: Scan): Level {
  return scan.levels[scan.levels.length - 1] as Level;
}

function open(scan: Scan, char: string): void {
  if (scan.levels.length > CEDAR_LIMITS.brackets)
    tooComplex(`more than ${CEDAR_LIMITS.brackets} brackets inside each other`, scan.at);
  scan.levels.push(newLevel(char));
}

function close(scan: Scan, char: string): void {
  const inner = scan.levels.length > 1 ? scan.levels.pop() : undefined;
  if (inner === undefined || inner.open !== CLOSES[char])
    return fail('POLICY_CEDAR_INVALID', `policy set: unmatched ${char} at ${scan.at - 1}`);
  const height = Math.max(inner.items, heightOf(inner)) + 1;
  const outer = top(scan);
  if (scan.levels.length > 1) return grow(scan, outer, height);
  // Clauses of one policy stand beside each other and are joined like operands of `&&`.
  outer.highest = Math.max(outer.highest, height);
  join(scan, outer);
}

function heightOf(level: Level): number {
  return Math.max(level.operand, level.highest) + level.joints;
}

function grow(scan: Scan, level: Level, by: number): void {
  level.operand += by;
  bound(scan, level);
}

function join(scan: Scan, level: Level): void {
  level.highest = Math.max(level.highest, level.operand);
  level.operand = 0;
  level.joints++;
  bound(scan, level);
}

function bound(scan: Scan, level: Level): void {
  if (heightOf(level) > CEDAR_LIMITS.height)
    tooComplex(`an expression is more than ${CEDAR_LIMITS.height} operators high`, scan.at);
}

function nextItem(level: Level): void {
  level.items = Math.max(level.items, heightOf(level));
  level.operand = 0;
  level.highest = 0;
  level.joints = 0;
}

function endStatement(scan: Scan): void {
  const statement = scan.text.slice(scan.start, scan.at);
  if (statement.length > CEDAR_LIMITS.statement)
    tooComplex(`a policy is longer than ${CEDAR_LIMITS.statement} characters`, scan.start);
  if (scan.statements.length === CEDAR_LIMITS.policies)
    tooComplex(`more than ${CEDAR_LIMITS.policies} policies`, scan.at);
  scan.statements.push(statement);
  scan.start = scan.at;
  scan.tokens = 0;
  scan.levels[0] = newLevel('');
}

function tooComplex(problem: string, at: number): never {
  return fail('POLICY_CEDAR_TOO_COMPLEX', `policy set: ${problem} (at character ${at})`);
}
