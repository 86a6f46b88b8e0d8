/**
 * Code that an eval left behind and that runs when it is over: in timers, promises and listeners. It must not end the
 * process under an eval that runs meanwhile, so its calls of `exit` are refused, and its isolate is replaced when no eval
 * runs any more.
 */
import process from "node:process";
import { leftBehind } from "./console.ts";
import { apply, SafeObject } from "./primordials.ts";

type Method = (...given: unknown[]) => unknown;
/** Why the isolate must be replaced. */
export type Spoiler = "exit" | "buffers";

const define = SafeObject.defineProperty;
const Failure = Error;
const node: unknown = process;
const ENDS: [target: unknown, name: string][] = [
  [Deno, "exit"],
  [node, "exit"],
  [node, "reallyExit"],
  [node, "abort"],
];

/** Ends the process, whoever asks. */
export const end: () => never = Deno.exit.bind(Deno, 0);

let spoil: (by: Spoiler) => void = () => {};
for (const [target, name] of ENDS) {
  const unguarded = (target as Record<string, Method>)[name] as Method;
  const value = function (this: unknown, ...given: unknown[]): unknown {
    if (!leftBehind()) return apply(unguarded, this, given);
    spoil("exit");
    throw new Failure(`${name}: the eval that this code comes from is over, and others may run here now`);
  };
  define(target as object, name, { value, writable: true, configurable: true });
}

/** `Deno.exit` with this guard. */
export const { exit } = Deno;

/** From now on `refused` is called instead of ending the process, if what would end it was left behind. */
export function onRefusedExit(refused: (by: Spoiler) => void): void {
  spoil = refused;
}
