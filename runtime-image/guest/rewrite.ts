/**
 * Code that awaits at its top level, as a script: the body of an async function whose last value is its result. It is a
 * file of its own, rewrite.js, that an isolate evaluates when it first needs it: the parser is larger than all else.
 *
 * Nothing is moved but by what is put in, and the script has a name that says where that is, so that `places.ts` finds
 * the positions of the code again. What a script declares with `var` and `function` stays global: `var` is hoisted out
 * of the function and becomes an assignment.
 */
import { Parser } from "npm:acorn@8.15.0";
import { keepValue } from "./completion.ts";
import { type Edit, edited } from "./edits.ts";
import { hoist } from "./hoisting.ts";
import { awaits, beginsWithAwait, isFunction, nameOf, type Node, some } from "./tree.ts";

/** A script; or what is wrong with the code, with line and column from 1; or null: it is not for us. */
export type Rewritten =
  | { script: string }
  | { message: string; line: number; column: number }
  | null;

const OPTIONS = {
  ecmaVersion: "latest",
  sourceType: "script",
  allowAwaitOutsideFunction: true,
  allowHashBang: true,
} as const;
const TOP_LEVEL_USING = "Using declaration cannot appear in the top level";
const RETURN = "'return' outside of function";

/** Of the body of a function, where `using` may stand at the top, unlike in a script. */
class BodyParser extends (Parser as unknown as Open) {
  override raise(at: number, message: string): void {
    if (!message.startsWith(TOP_LEVEL_USING)) super.raise(at, message);
  }
}
interface Open {
  new (): { raise(at: number, message: string): void };
  parse: typeof Parser.parse;
}

/** With `again`, only code of which nothing has run yet when its first `await` is reached. */
export function rewrite(code: string, again: boolean): Rewritten {
  let program: Node;
  try {
    program = BodyParser.parse(code, OPTIONS) as unknown as Node;
  } catch (error) {
    return refused(error as SyntaxError & { loc?: { line: number; column: number } });
  }
  const body = program.body as Node[];
  if (!some(program, awaits) || (again && !beginsWithAwait(body))) return null;
  return { script: scriptOf(code, body) };
}

function refused(error: SyntaxError & { loc?: { line: number; column: number } }): Rewritten {
  if (error.loc === undefined) return null; // nested too deeply
  const said = error.message.slice(0, error.message.lastIndexOf(" ("));
  const message = said === RETURN ? "Illegal return statement" : said;
  return { message, line: error.loc.line, column: error.loc.column + 1 };
}

function scriptOf(code: string, body: Node[]): string {
  const edits: Edit[] = [];
  const value = unusedName(code);
  keepValue(code, body, value, (at, text) => edits.push({ at, removed: 0, text }));
  const strict = body.some((statement) => statement.directive === "use strict");
  const functions = strict ? [] : body.filter(isFunction).map((declared) => nameOf(declared.id as Node));
  const variables = strict ? [] : hoist(body, functions, edits);
  const declared = variables.length > 0 ? `var ${variables.join()};` : "";
  const kept = functions.map((name) => `this.${name}=${name};`).join("");
  const head = { at: 0, removed: 0, text: `${declared}(async(${value})=>{${kept}` };
  if (code.startsWith("#!")) edits.push({ at: 0, removed: 2, text: "//" });
  return edited(code, [head, ...edits], `\nreturn ${value}})()`);
}

function unusedName(code: string): string {
  let name = "$value";
  while (code.includes(name)) name += "_";
  return name;
}
