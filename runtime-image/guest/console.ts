/**
 * `console` for guests: each message becomes one line on the log pipe, with the id of the eval it came from. The
 * line starts with a token that guests do not know, so their own writes on descriptors 1 and 2 cannot pass for it.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { format } from "node:util";
import { apply, encode, stringifyJson } from "./primordials.ts";
import { shown } from "./text.ts";

const LEVELS = ["debug", "log", "info", "warn", "error", "trace"] as const;
const MESSAGE_LENGTH = 8_192;

const evals = new AsyncLocalStorage<string>();
const getStore = evals.getStore.bind(evals);
const run = evals.run.bind(evals) as (
  id: string,
  body: (argument: unknown) => void,
  argument: unknown,
) => void;
const writeSync = Deno.stderr.writeSync.bind(Deno.stderr);

/** Runs `body(argument)`; what it prints, also later from a timer or a promise, is logged under `id`. */
export const withEval = run;

export function captureConsole(token: string): void {
  for (const level of LEVELS) {
    globalThis.console[level] = (...args: unknown[]): void => {
      const text = apply(format, undefined, args) as string;
      const message = shown(text, MESSAGE_LENGTH);
      // The newline before ends whatever unfinished line a guest wrote itself.
      const fields = stringifyJson({ __proto__: null, eval: getStore() ?? null, level, message });
      writeSync(encode(`\n${token} ${fields}\n`));
    };
  }
}
