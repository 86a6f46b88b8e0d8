/**
 * Code that awaits at its top level. Nobody asks for it beforehand: it is what remains when a script cannot be parsed,
 * or when the first thing that it does is to call `await (…)`, a function that there is not.
 */
import {
  construct,
  core,
  getOf,
  indexOf,
  isNativeError,
  SafeMap,
  setOf,
  toText,
  whenSettled,
} from "./primordials.ts";
import { refusal } from "./result.ts";
import type { Rewritten } from "./rewrite.ts";
import { isOfEvaluate } from "./syntax.ts";

/** Loads the text of rewrite.js: a parameter of the bundle, which `launch.py` gives. */
declare const rewriter: () => Promise<{ default: string }>;

type Rewrite = (code: string, again: boolean) => Rewritten;

const AWAIT = "await";
const NO_SUCH_FUNCTION = "await is not defined";
/** Said by the engine of code that ends the function around it. */
const NO_BODY = "Single function literal required";
const AsyncFunction = (async () => {}).constructor as FunctionConstructor;
/** Scripts that are kept, and characters of the code of one: callers send the same code again. */
const MOST_KEPT = 64;
const LONGEST_KEPT = 16_384;

/** Null before it is loaded. */
let rewrite: Rewrite | null = null;
let kept = new SafeMap<string, Rewritten>();
let count = 0;

/** Is thrown for code that cannot be parsed either way; `reply` is the error reply. */
export class Unparsable {
  constructor(readonly reply: string) {}
}

/** Whether code that came to `thrown` may await, and nothing can be said of it before `loaded` is called. */
export function mustLoad(code: string, thrown: unknown, loaded: () => void): boolean {
  if (rewrite !== null || !isOurs(code, thrown)) return false;
  whenSettled(rewriter(), (module) => {
    load((module as { default: string }).default);
    loaded();
  }, () => {
    rewrite ??= () => null;
    loaded();
  });
  return true;
}

/** The script to run in the place of `code`, which came to `thrown`. Throws Unparsable, or `thrown` itself. */
export function scriptFor(code: string, thrown: unknown): string {
  const made = isOurs(code, thrown) ? rewritten(code, callsAwait(thrown)) : null;
  if (made !== null && "script" in made) return made.script;
  if (made === null || callsAwait(thrown)) throw thrown;
  const found = errorOf(code) ?? `SyntaxError: ${made.message}`;
  if (found === toText(thrown)) throw thrown; // it has nothing to do with await
  throw new Unparsable(
    refusal("execution_error", found, `${found}\n    at <anonymous>:${made.line}:${made.column}`),
  );
}

function isOurs(code: string, thrown: unknown): boolean {
  if (indexOf(code, AWAIT) < 0) return false;
  try {
    return isNativeError(thrown) && (isOfEvaluate(thrown) || callsAwait(thrown));
  } catch {
    return false;
  }
}

const callsAwait = (thrown: unknown): boolean => (thrown as Error).message === NO_SUCH_FUNCTION;

/** The parser runs among what guests may have changed: whatever it does then, it is no worse than their own code. */
function rewritten(code: string, again: boolean): Rewritten {
  const known = getOf(kept, code);
  if (known !== undefined) return known;
  try {
    const made = (rewrite as Rewrite)(code, again);
    if (made !== null) keep(code, made);
    return made;
  } catch {
    return null;
  }
}

function keep(code: string, made: Rewritten): void {
  if (code.length > LONGEST_KEPT) return;
  if (++count > MOST_KEPT) {
    kept = new SafeMap();
    count = 1;
  }
  setOf(kept, code, made);
}

function load(text: string): void {
  const module = { exports: { rewrite: (() => null) as Rewrite } };
  const run = core.evalContext(`(function (module) {${text}\n})`, "tyrex:isolate:rewrite")[0];
  try {
    (run as (module: unknown) => void)(module);
  } catch {
    /* guests have changed what it needs: then code that awaits is what it was, a script that is wrong */
  }
  rewrite = module.exports.rewrite;
}

/** What the engine says against `code` as the body of an async function, as text; null if it says nothing of use. */
function errorOf(code: string): string | null {
  try {
    construct(AsyncFunction, [code]);
    return null;
  } catch (error) {
    const said = toText(error);
    return indexOf(said, NO_BODY) < 0 ? said : null;
  }
}
