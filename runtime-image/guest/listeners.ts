/**
 * Listeners of guests: Deno reports what one throws by asking that value for its message, and whatever this runs (a trap
 * of a Proxy, another listener that throws) ends the process. So listeners are guarded when they are added.
 */
import type { Callback } from "./console.ts";
import { apply, define, uncurry } from "./primordials.ts";

type Listen = (this: unknown, type: unknown, listener: unknown, ...rest: unknown[]) => void;

const { prototype } = EventTarget;
const guardedOnes = new WeakMap<object, Callback>();
const guardedOne = uncurry(WeakMap.prototype.get).bind(null, guardedOnes) as (
  listener: object,
) => Callback | undefined;
const remember = uncurry(WeakMap.prototype.set).bind(null, guardedOnes) as (
  listener: object,
  one: Callback,
) => void;

/** Has `guard` change all listeners that are added from now on; the same listener always to the same one. */
export function guardListeners(guard: (callback: Callback) => Callback): void {
  const guarded = (listener: unknown): unknown => {
    if (typeof listener !== "function" && (typeof listener !== "object" || listener === null)) {
      return listener;
    }
    const known = guardedOne(listener);
    if (known !== undefined) return known;
    const made = guard(callbackOf(listener));
    remember(listener, made);
    remember(made, made); // Deno removes a listener of a signal by what it was given
    return made;
  };
  for (const name of ["addEventListener", "removeEventListener"] as const) {
    const listen = prototype[name] as unknown as Listen;
    const { [name]: value } = {
      [name](this: unknown, ...given: unknown[]): void {
        if (given.length > 1) given[1] = guarded(given[1]);
        return apply(listen, this, given as Parameters<Listen>);
      },
    };
    define(prototype, name, { value });
  }
}

/** What is called for `listener`; an object's `handleEvent` is looked up at each event. */
function callbackOf(listener: object): Callback {
  if (typeof listener === "function") return listener as Callback;
  return (event) => {
    const { handleEvent } = listener as EventListenerObject;
    if (typeof handleEvent === "function") apply(handleEvent, listener, [event as Event]);
  };
}
