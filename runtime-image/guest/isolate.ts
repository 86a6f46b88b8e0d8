/**
 * The isolate's side of the pipe: takes evals in the order they come, at most `concurrency` at a time, and replies
 * to each exactly once. A supervisor in Python is on the other side; `tests/contract/channel.json` has the lines.
 */
import { stripTypeScriptTypes } from "node:module";
import { types } from "node:util";
import { getHeapStatistics } from "node:v8";
import { type Channel, closeBackDoors, openChannel } from "./channel.ts";
import { captureConsole, withEval } from "./console.ts";
import { findFunction } from "./functions.ts";
import { apply, evaluate, indexOf, now, parseJson, SafePromise, slice, whenSettled } from "./primordials.ts";
import { failure, refusal, toJson } from "./result.ts";

const { isPromise } = types;
const collectGarbage = (globalThis as { gc?: () => void }).gc;

/** The first line from the supervisor. */
type Hello = [nonce: string, logToken: string, concurrency: number, resultLimit: number, bufferLimit: number];
/** Each further line; `startBefore` is a time of this process's clock (ms), 0 for none. */
type Order = [
  nonce: string,
  id: string,
  kind: "js" | "ts" | "call",
  startBefore: number,
  code: string,
  args: unknown[],
];

interface Waiting {
  order: Order;
  next: Waiting | null;
}

let channel: Channel;
let hello: Hello | null = null;
let begin: (() => void) | null = null;
let first: Waiting | null = null;
let last: Waiting | null = null;
let running = 0;
let stopped = false;

/**
 * Starts the isolate: waits for the supervisor's first line, loads the pool's main module, reports, serves.
 * `load` must be a literal `import()` in the entry file, so that the module and its static imports need no
 * permission.
 */
export function boot(load: () => Promise<unknown>): Promise<void> {
  const fd = Number(Deno.args[0]);
  channel = openChannel(fd, received, startNext, () => Deno.exit(0));
  closeBackDoors();
  return new SafePromise<void>((resolve) => begin = resolve).then(load).then(
    () => report("ready", `${now()}`),
    (error) => report("failed", failure("execution_error", error)),
  );
}

function report(state: string, json: string): void {
  channel.send(`${(hello as Hello)[0]} ${state} ${json}\n`);
}

function received(lines: string): void {
  let from = 0;
  for (let end = indexOf(lines, "\n"); end >= 0; end = indexOf(lines, "\n", from)) {
    const line = parseJson(slice(lines, from, end));
    from = end + 1;
    if (hello === null) welcome(line as Hello);
    else queue(line as Order);
  }
  startNext();
}

function welcome(line: Hello): void {
  hello = line;
  captureConsole(hello[1]);
  report("started", `${now()}`);
  begin?.();
}

function queue(order: Order): void {
  const entry: Waiting = { __proto__: null, order, next: null } as Waiting;
  if (last === null) first = entry;
  else last.next = entry;
  last = entry;
}

/** Starts what may start. A reply that is not out yet holds everything back: its caller must not wait for the next. */
function startNext(): void {
  while (first !== null && running < (hello as Hello)[2] && !channel.blocked() && !stopped) {
    const order = first.order;
    first = first.next;
    if (first === null) last = null;
    if (order[3] > 0 && now() >= order[3]) {
      channel.send(`${order[0]} declined ${now()}\n`);
      continue;
    }
    running += 1;
    withEval(order[1], start, order);
  }
}

function start(argument: unknown): void {
  const order = argument as Order;
  let value: unknown;
  try {
    if (order[2] === "call") {
      const found = findFunction(order[4]);
      if (typeof found === "string") return finish(order, "error", refusal("unknown_function", found));
      value = apply(found.callable, found.owner, order[5]);
    } else {
      value = evaluate(order[2] === "ts" ? stripTypeScriptTypes(order[4], { mode: "transform" }) : order[4]);
    }
  } catch (error) {
    return finish(order, "error", failure("execution_error", error));
  }
  settle(order, value);
}

function settle(order: Order, value: unknown): void {
  try {
    if ((typeof value !== "object" || value === null) && typeof value !== "function") {
      return convert(order, value);
    }
    if (!isPromise(value)) {
      if (typeof (value as PromiseLike<unknown>).then !== "function") return convert(order, value);
      value = new SafePromise((resolve) => resolve(value));
    }
    whenSettled(value as Promise<unknown>, (result) => {
      convert(order, result);
      startNext();
    }, (reason) => {
      finish(order, "error", failure("promise_rejection", reason));
      startNext();
    });
  } catch (error) {
    finish(order, "error", failure("promise_rejection", error));
  }
}

function convert(order: Order, value: unknown): void {
  let json: string;
  try {
    json = toJson(value, (hello as Hello)[3]);
  } catch (reason) {
    return finish(order, "error", refusal("conversion_error", reason as string));
  }
  finish(order, "result", json);
}

function finish(order: Order, kind: "result" | "error", json: string): void {
  running -= 1;
  if (overBuffers()) {
    stopped = true; // the supervisor replaces this process: nothing more may start in it
    channel.send(`${order[0]} overfull null\n`);
  } else {
    channel.send(`${order[0]} ${kind} ${json}\n`);
  }
}

/** ArrayBuffers live outside V8's heap, and untouched ones not even in resident memory: they are counted here. */
function overBuffers(): boolean {
  const limit = (hello as Hello)[4];
  if (getHeapStatistics().external_memory <= limit) return false;
  collectGarbage?.();
  return getHeapStatistics().external_memory > limit;
}
