/** Code to JavaScript, and the errors of code that cannot be parsed: with the position in what was sent. */
import * as nodeModule from "node:module";
import { codeAt, indexOf, isNativeError, lastIndexOf, slice, toNumber, toText } from "./primordials.ts";
import { frameIsOurs, isOfWrapper, refusal } from "./result.ts";

const { stripTypeScriptTypes } = nodeModule;
const STRIP = { __proto__: null, mode: "strip" } as const;
const TRANSFORM = { __proto__: null, mode: "transform" } as const;

/** Before the position in the messages of Deno's parser. */
const MARK = "file:///stripTypeScriptTypes.ts:";
const PREFIX = "SyntaxError: ";
const OBJECT_HINT = " (to write an object, put it in parentheses: ({…}))";
const UNEXPECTED = "SyntaxError: Invalid or unexpected token";
const NATIVE_FRAME = "\n    at eval (<anonymous>)\n";
/** Of these the parser knows nothing: what it says is of another place. */
const ENGINE_ONLY = [
  "await is only valid",
  "Illegal ",
  "Cannot use ",
  "Identifier '",
  "Missing init",
  "Duplicate ",
];
/** Deno's parser counts a tab as two columns, and a surrogate pair as one. */
const TAB_WIDTH = 2;

/** TypeScript without types: they are blanked, which keeps all positions; only what needs other code moves it. */
export function toJavaScript(code: string): string {
  try {
    return stripTypeScriptTypes(code, STRIP);
  } catch {
    return stripTypeScriptTypes(code, TRANSFORM);
  }
}

/** The error reply for `code` if `thrown` says that it cannot be parsed; else undefined. */
export function syntaxFailure(code: string, typescript: boolean, thrown: unknown): string | undefined {
  try {
    if (!isNativeError(thrown)) return undefined;
    const message = thrown.message as unknown;
    if (typescript && typeof message === "string" && indexOf(message, MARK) >= 0) {
      return parserFailure(code, message);
    }
    if (!isOfEvaluate(thrown)) return undefined;
    const found = parserMessage(code);
    return typescript && found !== null
      ? parserFailure(code, found)
      : engineFailure(code, toText(thrown), found);
  } catch {
    return undefined;
  }
}

/** Of TypeScript: the parser's first line and position, and what it shows of the code. */
function parserFailure(code: string, message: string): string {
  const at = placeIn(code, message).position;
  const start = indexOf(message, PREFIX) === 0 ? PREFIX.length : 0;
  const end = lastIndexOf(message, "\n    at ");
  const text = PREFIX + slice(message, start, end < 0 ? message.length : end);
  const line = indexOf(text, "\n");
  return refusal(
    "execution_error",
    `${line < 0 ? text : slice(text, 0, line)} (${at})${isObject(code) ? OBJECT_HINT : ""}`,
    `${text}\n    at <anonymous>:${at}`,
  );
}

/** Of JavaScript: the engine's message, which has no position, and the position of the parser's, if there is one. */
function engineFailure(code: string, text: string, found: string | null): string {
  const place = found === null ? null : placeIn(code, found);
  const at = place !== null && isOf(text, code, place) ? `\n    at <anonymous>:${place.position}` : "";
  const explained = text + hintFor(code, text, found === null);
  return refusal("execution_error", explained, explained + at);
}

/** Whether the engine's `text` may be of this place. The parser reads modules in TypeScript, and refuses other things. */
function isOf(text: string, code: string, place: Place): boolean {
  for (let i = 0; i < ENGINE_ONLY.length; i++) {
    if (indexOf(text, PREFIX + ENGINE_ONLY[i]) === 0) return false;
  }
  if (indexOf(text, `${PREFIX}Unexpected `) !== 0) return true;
  const quote = indexOf(text, " '");
  if (quote < 0) return true;
  const token = slice(text, quote + 2, text.length - 1);
  return slice(code, place.at, place.at + token.length) === token;
}

function hintFor(code: string, text: string, parsed: boolean): string {
  if (isObject(code)) return OBJECT_HINT;
  // The parser takes decorators, and the engine does not know them.
  if (text === UNEXPECTED && parsed && indexOf(code, "@") >= 0) {
    return " (decorators work in a main module only)";
  }
  return "";
}

/** Whether `thrown` comes from `evaluate` itself, before the code ran. */
export function isOfEvaluate(thrown: Error): boolean {
  const stack = thrown.stack as unknown;
  if (typeof stack !== "string" || indexOf(stack, PREFIX) !== 0) return false;
  const first = indexOf(stack, "\n    at ");
  const native = indexOf(stack, NATIVE_FRAME);
  if (native < 0) return false;
  if (native !== first && native !== indexOf(stack, "\n    at ", first + 1)) return false;
  if (native !== first && !isOfWrapper(slice(stack, first + 1, native))) return false;
  const from = native + NATIVE_FRAME.length;
  const end = indexOf(stack, "\n", from);
  return frameIsOurs(slice(stack, from, end < 0 ? stack.length : end));
}

/** What the parser says against `code`; null if it says nothing with a position. */
function parserMessage(code: string): string | null {
  try {
    stripTypeScriptTypes(code, TRANSFORM);
  } catch (error) {
    const { message } = error as Error;
    if (indexOf(message, MARK) >= 0) return message;
  }
  return null;
}

/** Whether `code`, which cannot be parsed, is an object in parentheses: `{a: 1, b: 2}` alone is a block with labels. */
function isObject(code: string): boolean {
  let end = code.length;
  while (end > 0 && isSpace(codeAt(code, end - 1))) end -= 1;
  if (codeAt(code, end - 1) === 0x3b) end -= 1;
  const from = startOf(code, end);
  if (codeAt(code, from) !== 0x7b) return false;
  try {
    stripTypeScriptTypes(`(${slice(code, from, end)}\n)`, TRANSFORM);
    return true;
  } catch {
    return false;
  }
}

/** Behind spaces and comments. */
function startOf(code: string, end: number): number {
  let from = 0;
  while (from < end) {
    const two = slice(code, from, from + 2);
    if (isSpace(codeAt(code, from))) from += 1;
    else if (two === "//") from = endOf(code, "\n", from);
    else if (two === "/*") from = endOf(code, "*/", from + 2);
    else break;
  }
  return from;
}

function endOf(code: string, mark: string, from: number): number {
  const at = indexOf(code, mark, from);
  return at < 0 ? code.length : at + mark.length;
}

const isSpace = (character: number): boolean => character === 0x20 || (character >= 9 && character <= 13);

interface Place {
  at: number;
  /** "line:column" in UTF-16 units from 1, as the engine counts. */
  position: string;
}

/** The place in `code` of the position that `message` ends with. */
function placeIn(code: string, message: string): Place {
  const from = lastIndexOf(message, MARK) + MARK.length;
  const colon = indexOf(message, ":", from);
  const line = toNumber(slice(message, from, colon));
  const column = toNumber(slice(message, colon + 1)) - 1;
  let start = 0;
  for (let i = 1; i < line; i++) {
    const newline = indexOf(code, "\n", start);
    if (newline < 0) break; // no message of the parser
    start = newline + 1;
  }
  let at = start;
  for (let shown = 0; shown < column && at < code.length; at++) {
    const unit = codeAt(code, at);
    if (unit === 9) shown += TAB_WIDTH;
    else if (unit < 0xdc00 || unit > 0xdfff) shown += 1; // a pair counts with its first half
    if (shown === column && unit >= 0xd800 && unit <= 0xdbff) at += 1;
  }
  return { __proto__: null, at, position: `${line}:${at - start + 1}` } as Place;
}
