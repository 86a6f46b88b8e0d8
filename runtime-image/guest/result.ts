/** What an eval came to, as JSON for the reply: a result, or an error with its detail, value and stack. */
import { carriedBy, withErrors } from "./carried.ts";
import { explained } from "./explain.ts";
import { WRAPPER_FRAME } from "./inputs.ts";
import { encode, indexOf, isNativeError, lastIndexOf, slice, stringifyJson, toText } from "./primordials.ts";
import { placedLine } from "./places.ts";
import { shown, wellFormedJson } from "./text.ts";

/** Stacks end where our frames begin. */
const ENTRY_FRAME = `${Deno.mainModule}:`;
const OUR_FRAMES = "tyrex:isolate:"; // `launch.py` gives the bundle this name
/** As in "at f (eval at start (…/isolate.ts:1:2), <anonymous>:1:7)", a frame of evaluated code. */
const EVALUATED = ", <anonymous>:";
/** Before where the code of a frame was evaluated. */
const EVAL_ORIGIN = "(eval at ";
const FRAME = "    at ";
const UNSHOWN = "a thrown value that cannot be shown";
const DETAIL_LENGTH = 8_192;
const STACK_LENGTH = 16_384;
const VALUE_LENGTH = 65_536;

export type ErrorName =
  | "execution_error"
  | "promise_rejection"
  | "conversion_error"
  | "unknown_function";

/** The result as JSON text, at most `limit` bytes; throws a text that says why it cannot be. */
export function toJson(value: unknown, limit: number): string {
  if (value === undefined) return "null";
  let json: string | undefined;
  try {
    json = stringifyJson(value);
  } catch (error) {
    throw `the result cannot be JSON: ${describe(error, jsonValue(error))}`;
  }
  if (json === undefined) throw `the result cannot be JSON: it is a ${typeof value}`;
  // A UTF-16 unit is at most three bytes: only results near the limit are measured exactly.
  if (json.length * 3 > limit && (json.length > limit || encode(json).length > limit)) {
    throw `the result is larger than limits.result (${limit} bytes)`;
  }
  return json;
}

/** The error reply for what a guest threw or rejected with. */
export function failure(name: ErrorName, thrown: unknown): string {
  const value = jsonValue(thrown);
  const head = refusal(name, describe(thrown, value));
  const stack = stackOf(thrown);
  const withValue = value === undefined ? "" : `,"value":${value}`;
  const withStack = stack === undefined ? "" : `,"stack":${stringifyJson(stack)}`;
  // The value comes last: the supervisor leaves it out when it cannot read it.
  return slice(head, 0, head.length - 1) + withStack + withValue + "}";
}

/** What to log for `thrown`, which nobody caught: its stack, and what it carries. */
export function uncaughtText(thrown: unknown): string {
  const value = jsonValue(thrown);
  const stack = stackOf(thrown);
  if (stack === undefined) return explained(shown(describe(thrown, value), DETAIL_LENGTH));
  return value === undefined ? stack : `${stack} ${value}`;
}

/** An error reply with no value. Its own fields only: `stringifyJson` must find nothing of the guest's. */
export function refusal(name: ErrorName, detail: string, stack?: string): string {
  const fields = {
    __proto__: null,
    name,
    detail: explained(shown(detail, DETAIL_LENGTH)),
    stack: stack === undefined ? undefined : explained(shown(stack, STACK_LENGTH)),
  };
  return stringifyJson(fields) as string;
}

/** Whether a line of a stack is of our side. */
export const frameIsOurs = (line: string): boolean =>
  indexOf(line, OUR_FRAMES) >= 0 || indexOf(line, ENTRY_FRAME) >= 0;

/** Whether a line of a stack is of the script that hands inputs to the code, which is the frame before. */
export const isOfWrapper = (line: string): boolean => {
  const first = indexOf(line, EVAL_ORIGIN);
  return first >= 0 && indexOf(line, WRAPPER_FRAME, first) === first + 1;
};

/** One line for a thrown value, which is `json`; guest code may run in it (getters, toString), and may throw again. */
function describe(thrown: unknown, json: string | undefined): string {
  try {
    if (isNativeError(thrown)) return toText(thrown);
    if (typeof thrown === "object" && thrown !== null) return json ?? UNSHOWN;
    return toText(thrown);
  } catch {
    return UNSHOWN;
  }
}

/** A thrown value as JSON; of an Error what it carries, if there is anything. */
function jsonValue(thrown: unknown): string | undefined {
  try {
    if (isNativeError(thrown)) {
      const carried = carriedBy(thrown, VALUE_LENGTH);
      return carried === undefined ? undefined : wellFormedJson(carried);
    }
    if (typeof thrown === "string" && thrown.length > VALUE_LENGTH) return undefined;
    const json = withErrors(thrown);
    return json === undefined || json.length > VALUE_LENGTH ? undefined : wellFormedJson(json);
  } catch {
    return undefined;
  }
}

function stackOf(thrown: unknown): string | undefined {
  try {
    if (!isNativeError(thrown) || typeof thrown.stack !== "string") return undefined;
    return explained(shown(withoutOurFrames(thrown.stack), STACK_LENGTH));
  } catch {
    return undefined;
  }
}

/** Shortens the frames of evaluated code to the place inside it, leaves out Deno's, and stops at the first of ours. */
function withoutOurFrames(stack: string): string {
  let result = "";
  for (let from = 0; from <= stack.length;) {
    const newline = indexOf(stack, "\n", from);
    const end = newline < 0 ? stack.length : newline;
    const line = slice(stack, from, end);
    const place = placedLine(line);
    if (place !== undefined) {
      if (place !== "") result += place + "\n";
    } else if (frameIsOurs(line)) {
      const inside = indexOf(line, EVALUATED);
      if (inside < 0) break;
      if (isOfWrapper(line)) {
        from = end + 1;
        continue;
      }
      result += slice(line, 0, indexOf(line, "eval at ")) + slice(line, inside + 2) + "\n";
    } else if (!isOfDeno(line)) result += line + "\n";
    from = end + 1;
  }
  return slice(result, 0, result.length - 1);
}

/** Whether a line is a frame of Deno's own code, as in "at fetch (ext:deno_fetch/26_fetch.js:2:7363)". */
function isOfDeno(line: string): boolean {
  if (indexOf(line, FRAME) !== 0) return false;
  const bracket = lastIndexOf(line, "(");
  const start = bracket < 0 ? lastIndexOf(line, " ") + 1 : bracket + 1;
  return indexOf(line, "ext:", start) === start || indexOf(line, "node:", start) === start;
}
