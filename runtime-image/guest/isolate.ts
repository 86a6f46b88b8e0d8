/**
 * The isolate's side of the pipe: takes evals in the order they come, at most `concurrency` at a time, and replies
 * to each exactly once. A supervisor in Python is on the other side.
 */
import { getHeapStatistics } from "node:v8";
import { type Channel, closeBackDoors, openChannel } from "./channel.ts";
import { captureConsole, leaveEval, openLog, withEval } from "./console.ts";
import { start } from "./evals.ts";
import { offering } from "./exports.ts";
import { indexOf, now, SafePromise, slice } from "./primordials.ts";
import { type Hello, type Order, parseHello, parseOrder, tagOf } from "./protocol.ts";
import { failure } from "./result.ts";
import { removeStorages } from "./storages.ts";
import { captureUncaught } from "./uncaught.ts";

const exit = Deno.exit;
const collectGarbage = (globalThis as { gc?: () => void }).gc;

let channel: Channel;
let hello: Hello;
let begin: (() => void) | null = null;
let first: Order | null = null;
let last: Order | null = null;
let taken = 0;
let running = 0;
let stopped = false;

/**
 * Starts the isolate: waits for the supervisor's first line, loads the pool's main module, reports, serves.
 * `load` must be a literal `import()` in the entry file, so that the module and its static imports need no
 * permission.
 */
export function boot(load: () => Promise<unknown>): Promise<void> {
  const greeted = new SafePromise<void>((resolve) => begin = resolve);
  channel = openChannel(Number(Deno.args[0]), received, startNext, () => exit(0));
  closeBackDoors();
  removeStorages();
  return greeted.then(offering(load)).then(
    () => report("ready", `${now()}`),
    (error) => report("failed", failure("execution_error", error)),
  );
}

function report(state: string, json: string): void {
  channel.send(`${hello.tag} ${state} ${json}\n`);
}

function received(lines: string): void {
  leaveEval();
  let from = 0;
  for (let end = indexOf(lines, "\n"); end >= 0; end = indexOf(lines, "\n", from)) {
    const line = slice(lines, from, end);
    from = end + 1;
    if (begin === null) queue(parseOrder(line));
    else welcome(parseHello(line));
  }
  startNext();
}

function welcome(received: Hello): void {
  hello = received;
  const print = openLog(hello.logToken);
  captureConsole(print);
  captureUncaught(print);
  report("started", `${now()}`);
  begin?.();
  begin = null;
}

function queue(order: Order): void {
  taken += 1;
  if (order.number !== taken) {
    stopped = true; // somebody took an order: this line is no reply, and the supervisor replaces us for it
    channel.send("an order is missing\n");
    return;
  }
  if (last === null) first = order;
  else last.next = order;
  last = order;
}

/** Starts what may start. A reply that is not out yet holds everything back: its caller must not wait for the next. */
function startNext(): void {
  while (first !== null && running < hello.concurrency && !channel.blocked() && !stopped) {
    const order = first;
    first = order.next;
    if (first === null) last = null;
    if (order.startBefore > 0 && now() >= order.startBefore) {
      reply(order, "declined", `${now()}`);
      continue;
    }
    running += 1;
    withEval(order.id, run, order);
  }
}

function run(order: unknown): void {
  start(order as Order, hello.resultLimit, finish);
}

function finish(order: Order, status: "result" | "error", json: string, later: boolean): void {
  running -= 1;
  if (overfull()) {
    stopped = true; // the supervisor replaces this process: nothing more may start in it
    reply(order, "overfull", "null");
  } else {
    reply(order, status, json);
  }
  if (later) startNext();
}

function reply(order: Order, status: string, json: string): void {
  channel.send(`${tagOf(order, hello.secrets)} ${status} ${json}\n`);
}

/** ArrayBuffers live outside V8's heap, and untouched ones not even in resident memory: they are counted here. */
function overfull(): boolean {
  if (getHeapStatistics().external_memory <= hello.bufferLimit) return false;
  collectGarbage?.();
  collectGarbage?.(); // the second one waits until the first one's buffers are really gone
  return getHeapStatistics().external_memory > hello.bufferLimit;
}
