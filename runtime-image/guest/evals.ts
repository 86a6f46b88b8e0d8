/** One eval from its start to its one reply. */
import { types } from "node:util";
import { findFunction } from "./functions.ts";
import { evaluateWith } from "./inputs.ts";
import { apply, evaluate, SafePromise, whenSettled } from "./primordials.ts";
import type { Order } from "./protocol.ts";
import { failure, refusal, toJson } from "./result.ts";
import { syntaxFailure, toJavaScript } from "./syntax.ts";
import { mustLoad, scriptFor, Unparsable } from "./top_level_await.ts";

const { isPromise } = types;

/** Gets the reply: `later` if it comes after `start` has returned. */
export type Finish = (order: Order, status: "result" | "error", json: string, later: boolean) => void;

/** Runs `order`, and calls `finish` exactly once, at once or when the promise it came to is settled. */
export function start(order: Order, resultLimit: number, finish: Finish): void {
  let { code } = order;
  let value: unknown;
  try {
    if (order.kind === "call") {
      const found = findFunction(code);
      if (typeof found === "string") return finish(order, "error", refusal("unknown_function", found), false);
      value = apply(found.callable, found.owner, order.args);
    } else {
      if (order.kind === "ts") code = toJavaScript(code);
      value = evaluateScript(order, code);
    }
  } catch (error) {
    if (order.kind !== "call") return startAgain(order, code, error, resultLimit, finish);
    return finish(order, "error", thrown(order, error), false);
  }
  settle(order, value, resultLimit, finish);
}

/** Goes on with code that came to `error`: it may await at its top level, and then nothing of it has run. */
function startAgain(order: Order, code: string, error: unknown, resultLimit: number, finish: Finish): void {
  const later: Finish = (order, status, json) => finish(order, status, json, true);
  if (mustLoad(code, error, () => startAgain(order, code, error, resultLimit, later))) return;
  let value: unknown;
  try {
    value = evaluateScript(order, scriptFor(code, error));
  } catch (failed) {
    return finish(order, "error", thrown(order, failed), false);
  }
  settle(order, value, resultLimit, finish);
}

const evaluateScript = (order: Order, code: string): unknown =>
  order.inputs === undefined ? evaluate(code) : evaluateWith(order.inputs, code);

function thrown(order: Order, error: unknown): string {
  if (error instanceof Unparsable) return error.reply;
  const syntax = order.kind === "call" ? undefined : syntaxFailure(order.code, order.kind === "ts", error);
  return syntax ?? failure("execution_error", error);
}

function settle(order: Order, value: unknown, resultLimit: number, finish: Finish): void {
  try {
    const promise = promiseOf(value);
    if (promise === null) return convert(order, value, resultLimit, finish, false);
    whenSettled(
      promise,
      (result) => convert(order, result, resultLimit, finish, true),
      (reason) => finish(order, "error", failure("promise_rejection", reason), true),
    );
  } catch (error) {
    finish(order, "error", failure("promise_rejection", error), false);
  }
}

/** What `await` would wait for; null if there is nothing to wait for. A `then` is looked up once. */
function promiseOf(value: unknown): Promise<unknown> | null {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return null;
  if (isPromise(value)) return value;
  const then = (value as PromiseLike<unknown>).then;
  if (typeof then !== "function") return null;
  return new SafePromise((resolve, reject) => apply(then, value, [resolve, reject]));
}

function convert(order: Order, value: unknown, resultLimit: number, finish: Finish, later: boolean): void {
  let json: string;
  try {
    json = toJson(value, resultLimit);
  } catch (reason) {
    return finish(order, "error", refusal("conversion_error", reason as string), later);
  }
  finish(order, "result", json, later);
}
