/**
 * `console` for guests: each message becomes one line on the log pipe, with the id of the eval it came from. The
 * line starts with a token that guests do not know, so their own writes on descriptors 1 and 2 cannot pass for it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import * as util from "node:util";
import { apply, Bytes, Console, encode, setBytes, sizeOf, slice, stringifyJson } from "./primordials.ts";
import { placed } from "./places.ts";
import { writeErrors } from "./stdio.ts";
import { shown } from "./text.ts";

const { format } = util;
const LEVELS = ["debug", "log", "info", "warn", "error", "trace"] as const;
const OTHERS = [
  "assert",
  "count",
  "countReset",
  "dir",
  "dirxml",
  "table",
  "time",
  "timeEnd",
  "timeLog",
] as const; // deno-fmt-ignore
/** As Deno numbers them. */
const LEVEL_OF = ["debug", "log", "warn", "error"] as const;
const MESSAGE_LENGTH = 8_192;

export type Callback = (...given: unknown[]) => void;
/** Writes one line of the log. */
export type Print = (level: typeof LEVELS[number], text: string) => void;

/** What all code of an eval has in common: its id, and whether it is over. Own fields, which no setter can take. */
export class Context {
  id: string;
  over = false;

  constructor(id: string) {
    this.id = id;
  }
}

const evals = new AsyncLocalStorage<Context>();
const getStore = evals.getStore.bind(evals);
const run = evals.run.bind(evals) as (
  context: Context,
  body: (argument: unknown) => void,
  argument: unknown,
) => void;

/** Runs `body(argument)`; what it prints, also later from a timer or a promise, is logged under the id in `context`. */
export const withEval = run;

const enter = evals.enterWith.bind(evals) as (context: Context | undefined) => void;

/** Leaves the context of an eval, which Deno keeps after some imports: what follows is no part of it. */
export function leaveEval(): void {
  if (getStore() !== undefined) enter(undefined);
}

let evalRuns = (): boolean => false;

/** While `runs` says so, code of no eval is taken for left behind: Deno does not say of all callbacks whose they are. */
export function whileEvalsRun(runs: () => boolean): void {
  evalRuns = runs;
}

/** Whether the code that runs comes from an eval that is over, or from none while others run. */
export function leftBehind(): boolean {
  const context = getStore();
  return context === undefined ? evalRuns() : context.over;
}

/** `body`, which also runs later as a part of the eval that runs now. */
export function keepEval(body: Callback): Callback {
  const context = getStore();
  if (context === undefined) return body;
  return function (this: unknown, ...given: unknown[]): void {
    run(context, () => apply(body, this, given), undefined);
  };
}

/** What begins a line of ours, as bytes: no guest can read a buffer in a snapshot of the heap, but any string. */
export const lineStart = (token: string): Uint8Array => encode(`\n${token} `);

export function openLog(start: Uint8Array): Print {
  return (level, text) => {
    const message = shown(placed(text), MESSAGE_LENGTH);
    // The newline before ends whatever unfinished line a guest wrote itself.
    const fields = encode(
      `${
        stringifyJson({
          __proto__: null,
          eval: getStore()?.id ?? null,
          level,
          message,
          cut: text.length > MESSAGE_LENGTH || undefined,
        })
      }\n`,
    );
    const line = new Bytes(sizeOf(start) + sizeOf(fields));
    setBytes(line, start, 0);
    setBytes(line, fields, sizeOf(start));
    writeErrors(line);
  };
}

export function captureConsole(print: Print): void {
  for (const level of LEVELS) {
    globalThis.console[level] = (...args: unknown[]): void => {
      print(level, apply(format, undefined, args) as string);
    };
  }
  // Of the others Deno makes the text, each with a newline at its end.
  const others = new Console((text, level) =>
    print(LEVEL_OF[level] ?? "log", slice(text, 0, text.length - 1))
  );
  for (const name of OTHERS) {
    globalThis.console[name] = (others[name] as Callback).bind(others);
  }
}
