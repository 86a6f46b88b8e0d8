/**
 * What an eval could change in the process for all evals after it is refused here, or undone. It holds for this realm:
 * docs/permissions.md says what Web Workers can still do. Other modules of ours get no named import of `node:v8`: the
 * names of a module of Deno's are fixed when it is first imported, and this module changes some of them before.
 */
import process from "node:process";
import { exit } from "./leftovers.ts";
import {
  apply,
  define,
  indexOf,
  NotCapable,
  prototypeOf,
  refuser,
  SafeObject,
  SafePromise,
  SafeProxy,
} from "./primordials.ts";
import { keepStreams } from "./stdio.ts";

type Method = (...given: unknown[]) => unknown;
interface Hooks {
  registerHooks(hooks: object): { deregister(): void };
}
interface AsyncHooks {
  createHook(callbacks: object): object;
}

const getBuiltinModule = (process as unknown as { getBuiltinModule(name: string): unknown }).getBuiltinModule;
const Failure = Error;
const ArrayPrototype = Array.prototype;
const { setPrototypeOf } = SafeObject;
const hooks = moduleHooks();
let armed = false;

keepStreams();
keepPermissions();
refuseOnceArmed(
  getBuiltinModule("node:v8") as object,
  "setFlagsFromString",
  refuser("V8's flags are the process's: all evals after this one would run with them"),
);
refuseOnceArmed(
  prototypeOf((getBuiltinModule("node:async_hooks") as AsyncHooks).createHook({})),
  "enable",
  refuser("async hooks are the process's: they would run in all evals after this one"),
);
throwFromWatch();
define(globalThis, "close", { value: () => exit(0) }); // Deno's own ends the process later, in another's eval

/** Call it when the main module is loaded, which may do what evals may not, and before the first eval. */
export function arm(): void {
  armed = true;
  keepModuleHooks();
}

function refuseOnceArmed(target: object, name: string, refuse: () => unknown): void {
  const method = (target as Record<string, Method>)[name] as Method;
  define(target, name, {
    value: function (this: unknown, ...given: unknown[]): unknown {
      return armed ? refuse() : apply(method, this, given);
    },
  });
}

/** What is revoked would be so for all evals after. To ask for more is answered as ever: nobody is asked. */
function keepPermissions(): void {
  const prototype = prototypeOf(Deno.permissions) as Deno.Permissions;
  const refuse = refuser("permissions are those of the whole runtime: they cannot be revoked by one eval");
  refuseOnceArmed(prototype, "revokeSync", refuse);
  refuseOnceArmed(prototype, "revoke", () => new SafePromise(refuse));
  define(prototype, "requestSync", { value: prototype.querySync });
  define(prototype, "request", { value: prototype.query });
}

/** Deno's own list of the module hooks: the `this` with which a removal asks for the constructor of what it returns. */
function moduleHooks(): unknown[] {
  const own = SafeObject.getOwnPropertyDescriptor(Array.prototype, "constructor") as PropertyDescriptor;
  const hook = (getBuiltinModule("node:module") as Hooks).registerHooks({});
  let list: unknown[] = [];
  const get = function (this: unknown[]) {
    list = this;
    return Array;
  };
  define(Array.prototype, "constructor", { get, configurable: true });
  hook.deregister();
  define(Array.prototype, "constructor", own);
  return list;
}

/** What would be added to the list meets a setter in its prototype. */
function keepModuleHooks(): void {
  const prototype = { __proto__: ArrayPrototype };
  const set = refuser(
    "module hooks are the process's: they would change the imports of all evals after this one",
  );
  for (let index = hooks.length; index >= 0; index--) {
    define(prototype, index, { __proto__: null, set } as PropertyDescriptor);
  }
  setPrototypeOf(hooks, prototype);
}

/**
 * `watch` of node:fs catches what Deno.lstatSync throws, and reports it later, to nobody. What it cannot classify it
 * throws: an error that does not tell its prototype.
 */
function throwFromWatch(): void {
  const { lstatSync } = Deno;
  define(Deno, "lstatSync", {
    value: (path: string | URL) => {
      try {
        return lstatSync(path);
      } catch (error) {
        if (!(error instanceof NotCapable) || !calledByWatch()) throw error;
        throw new SafeProxy(error, {
          __proto__: null,
          getPrototypeOf: () => {
            throw error;
          },
        } as ProxyHandler<Error>);
      }
    },
  });
}

function calledByWatch(): boolean {
  const stack = new Failure().stack as unknown;
  return typeof stack === "string" && indexOf(stack, ".watch (ext:deno_node/") >= 0;
}
