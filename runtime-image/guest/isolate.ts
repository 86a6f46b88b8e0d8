/**
 * The isolate's side of the pipe: takes evals in the order they come, at most `concurrency` at a time, and replies
 * to each exactly once. A supervisor in Python is on the other side.
 */
import process from "node:process";
import { type Channel, closeBackDoors, openChannel } from "./channel.ts";
import { captureConsole, leaveEval, lineStart, openLog, whileEvalsRun, withEval } from "./console.ts";
import { start } from "./evals.ts";
import { offering } from "./exports.ts";
import { arm } from "./guards.ts";
import { byteLength, indexOf, now, SafePromise, slice } from "./primordials.ts";
import { type Hello, markOf, type Order, parseHello, parseOrder, tagOf } from "./protocol.ts";
import { failure } from "./result.ts";
import { end, onRefusedExit, type Spoiler } from "./leftovers.ts";
import { openStarted } from "./started.ts";
import { removeStorages } from "./storages.ts";
import { captureUncaught } from "./uncaught.ts";

/** Bytes: a line that is not longer goes into a socket as a whole or not at all, whoever else writes into it. */
const ONE_WRITE = 32_768;
const TAG_LENGTH = 64;
/** Said instead of an order's number. */
const LEFTOVER = 0;
const { getHeapStatistics } = process.getBuiltinModule("node:v8"); // no import: see guards.ts
const collectGarbage = (globalThis as { gc?: () => void }).gc;

let channel: Channel;
let hello: Hello;
let begin: (() => void) | null = null;
let first: Order | null = null;
let last: Order | null = null;
let taken = 0;
let running = 0;
let stopped = false;
let spoiler: Spoiler | null = null;
let measured = false;
let sayBegun: (number: number) => void;
let saidBegun = 0;
let saidLast = 0;

/**
 * Starts the isolate: waits for the supervisor's first line, loads the pool's main module, reports, serves.
 * `load` must be a literal `import()` in the entry file, so that the module and its static imports need no
 * permission.
 */
export function boot(load: () => Promise<unknown>): Promise<void> {
  const greeted = new SafePromise<void>((resolve) => begin = resolve);
  channel = openChannel(Number(Deno.args[0]), received, startNext, end);
  closeBackDoors();
  removeStorages();
  return greeted.then(offering(load)).then(arm).then(
    () => report("ready", `${now()}`),
    (error) => report("failed", failure("execution_error", error)),
  );
}

function report(state: string, json: string): void {
  channel.send(`${hello.tag} ${state} ${json}\n`);
}

function received(lines: string): void {
  leaveEval();
  measured = false;
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
  const start = lineStart(received.logToken);
  received.logToken = ""; // a guest can read every string that is kept
  hello = received;
  const print = openLog(start);
  sayBegun = openStarted(start);
  captureConsole(print);
  captureUncaught(print, { begin: leftoverBegins, end: leftoverEnds });
  onRefusedExit(spoil);
  whileEvalsRun(() => running > 0);
  report("started", `${now()}`);
  begin?.();
  begin = null;
}

function queue(order: Order | null): void {
  taken += 1;
  if (order === null || order.number !== taken) return giveUp("an order is missing");
  if (last === null) first = order;
  else last.next = order;
  last = order;
}

/** Somebody reads our orders, or closed what we write to: this line is no reply, and the supervisor replaces us for it. */
function giveUp(reason: string): void {
  stopped = true;
  channel.send(`${reason}\n`);
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
    if (!measured && running === 0 && overfull()) return spoil("buffers");
    measured = true;
    // One at a time, those that are here begin right behind one another, with nothing between: they are said at once.
    if (order.number > saidBegun && !say(hello.concurrency === 1 ? taken : order.number)) return;
    running += 1;
    withEval(order.context, run, order);
  }
  if (first !== null && first.number <= saidBegun) say(first.number - 1); // something comes between
}

/** Says that the orders up to `number` have begun, and no others, or LEFTOVER; false if it cannot be written. */
function say(number: number): boolean {
  saidLast = number;
  if (number !== LEFTOVER) saidBegun = number;
  try {
    sayBegun(number);
    return true;
  } catch {
    giveUp("descriptor 1 is closed");
    return false;
  }
}

function run(order: unknown): void {
  start(order as Order, hello.resultLimit, finish);
}

function finish(order: Order, status: "result" | "error", json: string, later: boolean): void {
  running -= 1;
  order.context.over = true;
  if (spoiler === null && overfull()) {
    stopped = true; // the supervisor replaces this process: nothing more may start in it
    reply(order, "overfull", "null");
  } else {
    reply(order, status, json);
  }
  if (spoiler !== null && running === 0) spoil(spoiler);
  if (later) startNext();
}

/** While code of an eval that is over runs beside others, it is said: what it does is not theirs. */
function leftoverBegins(): void {
  if (running > 0) say(LEFTOVER);
}

function leftoverEnds(): void {
  if (saidLast === LEFTOVER) say(saidBegun);
  if (overfull()) spoil("buffers");
}

/** Has this process replaced, for what earlier evals left behind, when no eval runs in it. Nothing more starts. */
function spoil(by: Spoiler): void {
  stopped = true;
  spoiler = by;
  if (running === 0) report("spoiled", `"${by}"`);
}

/** A reply of more than one write has its length before it and a mark behind it: nobody else can write that into it. */
function reply(order: Order, status: string, json: string): void {
  const tag = tagOf(order, hello.secrets);
  if (json.length * 3 + TAG_LENGTH > ONE_WRITE) {
    const length = byteLength(json);
    if (length + TAG_LENGTH > ONE_WRITE) {
      return channel.sendMarked(
        `${tag}:${status}:${length}\n${json}\n`,
        () => `${markOf(order, hello.secrets)}\n`,
      );
    }
  }
  channel.send(`${tag} ${status} ${json}\n`);
}

/** ArrayBuffers live outside V8's heap, and untouched ones not even in resident memory: they are counted here. */
function overfull(): boolean {
  if (getHeapStatistics().external_memory <= hello.bufferLimit) return false;
  collectGarbage?.();
  collectGarbage?.(); // the second one waits until the first one's buffers are really gone
  return getHeapStatistics().external_memory > hello.bufferLimit;
}
