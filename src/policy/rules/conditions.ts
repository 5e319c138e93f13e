/** Conditions of the rules format, compiled to functions over the policy input. */
import { rootOf } from '../annotations.ts';
import type { PolicyInput } from '../engine.ts';
import { isArray, member, type JsonObject, type JsonValue } from '../json.ts';
import { parsePath, pathExists, resolvePath, type Path } from '../path.ts';
import { deny } from '../reasons.ts';
import { shapeOf, type Shape } from '../shape.ts';

/** True when the condition holds. Throws PolicyFailure when its path leads nowhere or its types do not fit. */
export type Condition = (input: PolicyInput) => boolean;

type Scalar = null | boolean | number | string;
type Test = (value: JsonValue) => boolean;

export const rulesShape: Shape = shapeOf('POLICY_RULES_INVALID');

const MAX_LIST = 4_096;

/** Every operator with how its operand becomes a test of the value at the path; `exists` asks about the path itself. */
const OPERATORS: Readonly<Record<string, (operand: JsonValue, at: string) => Test>> = {
  eq: (operand, at) => equals(scalar(operand, at)),
  neq: (operand, at) => not(equals(scalar(operand, at))),
  in: (operand, at) => oneOf(operand, at),
  not_in: (operand, at) => not(oneOf(operand, at)),
  lt: (operand, at) => compare(operand, at, (value, bound) => value < bound),
  lte: (operand, at) => compare(operand, at, (value, bound) => value <= bound),
  gt: (operand, at) => compare(operand, at, (value, bound) => value > bound),
  gte: (operand, at) => compare(operand, at, (value, bound) => value >= bound),
  contains: (operand, at) => contains(scalar(operand, at)),
  prefix: (operand, at) => {
    const start = rulesShape.text(operand, at);
    return (value) => text(value).startsWith(start);
  },
};

/** Reads one `{ path, <operator>: operand }`. Throws POLICY_RULES_INVALID. */
export function compileCondition(value: JsonValue, at: string): Condition {
  const condition = rulesShape.object(value, at);
  const path = readPath(member(condition, 'path'), `${at}.path`);
  const operators = Object.keys(condition).filter((key) => key !== 'path');
  const operator = operators[0];
  if (operator === undefined || operators.length > 1)
    rulesShape.fail(at, 'needs a path and exactly one operator');
  const operand = member(condition, operator) as JsonValue;
  if (operator === 'exists') return compileExists(path, operand, `${at}.exists`);
  if (!Object.hasOwn(OPERATORS, operator)) rulesShape.fail(`${at}.${operator}`, 'is not an operator');
  const test = (OPERATORS[operator] as (operand: JsonValue, at: string) => Test)(
    operand,
    `${at}.${operator}`,
  );
  return (input) => test(resolvePath(path, rootOf(path, input)));
}

function readPath(value: JsonValue | undefined, at: string): Path {
  return parsePath(rulesShape.text(value, at)) ?? rulesShape.fail(at, 'is not a path');
}

function compileExists(path: Path, operand: JsonValue, at: string): Condition {
  if (typeof operand !== 'boolean') rulesShape.fail(at, 'must be true or false');
  return (input) => pathExists(path, rootOf(path, input)) === operand;
}

function scalar(value: JsonValue, at: string): Scalar {
  if (typeof value === 'object' && value !== null)
    rulesShape.fail(at, 'must be text, a number, true, false or null');
  return value as Scalar;
}

/** Equality has no coercion: values of different types are different. */
function equals(wanted: Scalar): Test {
  return (value) => value === wanted;
}

function not(test: Test): Test {
  return (value) => !test(value);
}

function oneOf(operand: JsonValue, at: string): Test {
  const items = rulesShape.array(operand, at, MAX_LIST).map((item, index) => scalar(item, `${at}[${index}]`));
  const wanted: ReadonlySet<JsonValue> = new Set(items);
  return (value) => wanted.has(value);
}

function compare(operand: JsonValue, at: string, holds: (value: number, bound: number) => boolean): Test {
  if (typeof operand !== 'number') return rulesShape.fail(at, 'must be a number');
  return (value) => {
    if (typeof value !== 'number')
      return deny('runtime_error:path_type_mismatch', 'an ordered value is not a number');
    return holds(value, operand);
  };
}

/** An item of a list, or a part of a text. */
function contains(wanted: Scalar): Test {
  return (value) => {
    if (isArray(value)) return value.includes(wanted);
    if (typeof wanted === 'string') return text(value).includes(wanted);
    return deny('runtime_error:path_type_mismatch', 'neither a list nor a text');
  };
}

function text(value: JsonValue): string {
  return typeof value === 'string' ? value : deny('runtime_error:path_type_mismatch', 'not a text');
}

/** The set of tool names that a condition requires, when that is all it does: lets rules be found by tool. */
export function requiredTools(condition: JsonObject): readonly string[] | null {
  if (member(condition, 'path') !== '$tool.name') return null;
  const eq = member(condition, 'eq');
  if (typeof eq === 'string') return [eq];
  const among = member(condition, 'in');
  return isArray(among) && among.every((item) => typeof item === 'string')
    ? (among as readonly string[])
    : null;
}
