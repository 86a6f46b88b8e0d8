/**
 * What guests throw where nobody catches it: in a timer, a microtask, a listener or a promise that nobody handles. It
 * becomes a line of the log, with the id of the eval it came from, and ends nothing.
 *
 * Deno's own hooks are taken, and not the global events `error` and `unhandledrejection`: listeners can be hidden by
 * others, and what a listener throws ends the process. So these events reach no listener of a guest.
 */
import { type Callback, keepEval, leftBehind, type Print } from "./console.ts";
import { explained } from "./explain.ts";
import { guardListeners } from "./listeners.ts";
import { apply, core, SafeObject } from "./primordials.ts";
import { uncaughtText } from "./result.ts";
import { shown } from "./text.ts";

const define = SafeObject.defineProperty;
const { dispatchEvent } = EventTarget.prototype;
const { preventDefault } = Event.prototype;
const { runMicrotasks } = core;
const typeOf = getterOf(Event.prototype, "type");
const errorOf = getterOf(ErrorEvent.prototype, "error");
const messageOf = getterOf(ErrorEvent.prototype, "message");

const MESSAGE_LENGTH = 8_192;

type Report = (error: unknown) => void;
/** Logs `head` and a text that is made inside, where nothing that goes wrong with it reaches Deno. */
type Log = (head: string, textOf: () => string) => void;

/** Is notified when a timer or listener of an eval that is over begins to run, and when it has run. */
export interface Leftovers {
  begin(): void;
  end(): void;
}

/** Logs with `print` whatever nobody catches from now on. */
export function captureUncaught(print: Print, leftovers: Leftovers): void {
  const log: Log = (head, textOf) => {
    try {
      print("error", head + textOf());
    } catch { /* a guest closed the log, or nothing more fits on the stack */ }
  };
  const report = (error: unknown): void => log("Uncaught ", () => uncaughtText(error));
  core.setReportExceptionCallback(report);
  core.setUnhandledPromiseRejectionHandler((_promise, reason) => {
    log("Uncaught (in promise) ", () => uncaughtText(reason));
    return true;
  });
  captureEvents(report, log);
  const guard = (callback: Callback): Callback => guarded(callback, report, leftovers);
  guardTimers(guard);
  guardListeners(guard);
}

/** Deno dispatches an event `error` for what a listener throws, by this name: guests must not replace it. */
function captureEvents(report: Report, log: Log): void {
  const dispatch = function (this: unknown, event: unknown): boolean {
    const target = this ?? globalThis;
    const error = target === globalThis ? thrownIn(event) : null;
    if (error === null) return apply(dispatchEvent, target, [event]);
    apply(preventDefault, event, []);
    if (error.thrown !== null && error.thrown !== undefined) report(error.thrown);
    else log("", () => explained(shown(error.message, MESSAGE_LENGTH))); // of a worker
    return false;
  };
  define(globalThis, "dispatchEvent", { value: dispatch, writable: false, configurable: false });
  define(globalThis, "reportError", { value: report, writable: true, configurable: true });
}

/** What an event `error` is about; null for another event. */
function thrownIn(event: unknown): { thrown: unknown; message: string } | null {
  try {
    if (apply(typeOf, event, []) !== "error") return null;
    return { thrown: apply(errorOf, event, []), message: apply(messageOf, event, []) as string };
  } catch {
    return null;
  }
}

/**
 * Deno reports what a timer throws when its context is left: only inside it is known whose timer it is. All timers keep
 * their callbacks in such a member, those of `node:timers` too. Immediates have no context at all.
 */
function guardTimers(guard: (callback: Callback) => Callback): void {
  const timer = setTimeout(() => {});
  const immediate = setImmediate(() => {});
  guardMember(timer as unknown as object, "_onTimeout", guard);
  guardMember(immediate, "_onImmediate", (callback) => keepEval(guard(callback)));
  clearTimeout(timer);
  clearImmediate(immediate);
}

/** Has `guard` change the callbacks of all objects of the class of `timer`, when they are made. */
function guardMember(timer: object, member: string, guard: (callback: Callback) => Callback): void {
  define(SafeObject.getPrototypeOf(timer), member, {
    set(this: object, callback: unknown) {
      const value = typeof callback === "function" ? guard(callback as Callback) : callback;
      define(
        this,
        member,
        { __proto__: null, value, writable: true, enumerable: true, configurable: true } as object,
      );
    },
    configurable: false,
  });
}

function guarded(callback: Callback, report: Report, leftovers: Leftovers): Callback {
  return function (this: unknown, ...given: unknown[]): void {
    const left = leftBehind();
    if (left) leftovers.begin();
    try {
      apply(callback, this, given);
    } catch (error) {
      report(error);
    }
    if (left) {
      runMicrotasks(); // else they would run after the end: what the callback has set going is left behind too
      leftovers.end();
    }
  };
}

function getterOf(prototype: object, name: string): (...args: unknown[]) => unknown {
  return SafeObject.getOwnPropertyDescriptor(prototype, name)?.get as () => unknown;
}
