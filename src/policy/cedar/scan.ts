/**
 * Bounds Cedar text before the Cedar parser sees it.
 *
 * The parser and evaluator recurse on a fixed WebAssembly stack without a guard. Measured on version 4.13: 150
 * nested parentheses, or a chain of 500 `+`, `.` or `if`, end in `memory access out of bounds`, and an instance that
 * trapped once traps for ever. So the height of each expression is bounded here, from above: every operator adds
 * one, a closed bracket adds its contents, `&&`, `||` and `,` start a new operand (those chains are measured to be
 * safe), and `if` counts until its list or bracket ends. Strings and `//` comments are skipped as Cedar lexes them.
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

/** Splits a policy set into its policies, in order, without the final semicolons. */
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
  height: number;
  /** The highest operand before it. */
  max: number;
  ifs: number;
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
  return { open, height: 0, max: 0, ifs: 0 };
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
  if (name === 'if') level.ifs++;
  if (name === 'if' || OPERATOR_WORDS.has(name)) grow(scan, level, 1);
}

function symbol(scan: Scan, char: string): void {
  const level = top(scan);
  scan.at++;
  if (char === '(' || char === '[' || char === '{') open(scan, char);
  else if (CLOSES[char] !== undefined) close(scan, char);
  else if (char === ';' && scan.levels.length === 1) endStatement(scan);
  else if (char === ',') nextOperand(level, true);
  else if ((char === '&' || char === '|') && scan.text[scan.at] === char) {
    scan.at++;
    nextOperand(level, false);
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
  const height = Math.max(inner.max, inner.height) + inner.ifs + 1;
  const outer = top(scan);
  // Clauses of one policy stand beside each other; brackets within an expression contain each other.
  if (scan.levels.length === 1) outer.max = Math.max(outer.max, height);
  else grow(scan, outer, height);
}

function grow(scan: Scan, level: Level, by: number): void {
  level.height += by;
  if (level.height + level.ifs > CEDAR_LIMITS.height)
    tooComplex(`an expression is more than ${CEDAR_LIMITS.height} operators high`, scan.at);
}

function nextOperand(level: Level, endsIf: boolean): void {
  level.max = Math.max(level.max, level.height);
  level.height = 0;
  if (!endsIf) return;
  level.max += level.ifs;
  level.ifs = 0;
}

function endStatement(scan: Scan): void {
  const statement = scan.text.slice(scan.start, scan.at - 1);
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
