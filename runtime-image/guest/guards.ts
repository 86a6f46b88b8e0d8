/**
 * What an eval could change in the process for all evals after it is refused here, or undone. It holds for this realm:
 * docs/permissions.md says what Web Workers can still do. Other modules of ours get no named import of `node:v8`: the
 * names of a module of Deno's are fixed when it is first imported, and this module changes some of them before.
 */
import process from "node:process";
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

const getBuiltinModule = (process as unknown as { getBuiltinModule(name: string): unknown }).getBuiltinModule;
const { registerHooks } = getBuiltinModule("node:module") as Hooks;
const exit = Deno.exit;
const Failure = Error;
let armed = false;

refuseOnceArmed(
  getBuiltinModule("node:v8") as object,
  "setFlagsFromString",
  "V8's flags are the process's: all evals after this one would run with them",
);

/** Call it when the main module is loaded, which may do what evals may not, and before the first eval. */
export function arm(): void {
  armed = true;
  keepStreams();
  keepPermissions();
  keepModuleHooks();
  throwFromWatch();
  define(globalThis, "close", { value: () => exit(0) }); // Deno's own ends the process later, in another's eval
}

function refuseOnceArmed(target: object, name: string, reason: string): void {
  const method = (target as Record<string, Method>)[name] as Method;
  const refuse = refuser(reason);
  define(target, name, { value: (...given: unknown[]) => armed ? refuse() : apply(method, target, given) });
}

/** What is revoked would be so for all evals after. To ask for more is answered as ever: nobody is asked. */
function keepPermissions(): void {
  const prototype = prototypeOf(Deno.permissions) as Deno.Permissions;
  const refuse = refuser("permissions are those of the whole runtime: they cannot be revoked by one eval");
  const { query, querySync } = prototype;
  define(prototype, "revokeSync", { value: refuse });
  define(prototype, "revoke", { value: () => new SafePromise(refuse) });
  define(prototype, "requestSync", { value: querySync });
  define(prototype, "request", { value: query });
}

/**
 * The hooks of modules are in a list of Deno's. It is the `this` with which a removal asks for the list's constructor;
 * a setter in its prototype then refuses what would be added.
 */
function keepModuleHooks(): void {
  const constructor = SafeObject.getOwnPropertyDescriptor(
    Array.prototype,
    "constructor",
  ) as PropertyDescriptor;
  const hook = registerHooks({});
  let list: unknown[] = [];
  define(Array.prototype, "constructor", {
    get(this: unknown[]) {
      list = this;
      return Array;
    },
    configurable: true,
  });
  hook.deregister();
  define(Array.prototype, "constructor", constructor);
  const prototype = SafeObject.create(Array.prototype) as object;
  const refuse = refuser(
    "module hooks are the process's: they would change the imports of all evals after this one",
  );
  for (let index = list.length; index >= 0; index--) define(prototype, index, { set: refuse });
  SafeObject.setPrototypeOf(list, prototype);
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
