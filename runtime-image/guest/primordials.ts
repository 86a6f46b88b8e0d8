/**
 * Everything of the language that our side needs, taken before guest code runs: a guest shares our globals and
 * prototypes and may replace any of them, so code on our side looks nothing up later. Rules that follow from it:
 * no method calls on strings, arrays or promises, no array writes (a setter on `Array.prototype` would see them),
 * no iteration, objects with a null prototype, no `await` on promises of our own.
 */
import { types } from "node:util";

interface Core {
  byteLength(text: string): number;
  runMicrotasks(): void;
  /** What a script with this name comes to, and how it failed. */
  evalContext(script: string, name: string): [unknown, unknown];
  setReportExceptionCallback(callback: (error: unknown) => void): void;
  setUnhandledPromiseRejectionHandler(handler: (promise: unknown, reason: unknown) => boolean): void;
}

interface Internals {
  core: Core;
  Console: new (
    print: (text: string, level: number) => void,
  ) => Record<string, (...given: unknown[]) => void>;
}

/** Deno's own operations, and its class of `console`, which guests cannot reach after `closeBackDoors`. */
export const { core, Console } = (Deno as unknown as Record<symbol, Internals>)[
  (Deno as unknown as { internal: symbol }).internal
] as Internals;

export const uncurry = Function.prototype.bind.bind(Function.prototype.call) as <
  This,
  Args extends unknown[],
  Result,
>(
  method: (this: This, ...args: Args) => Result,
) => (self: This, ...args: Args) => Result;

export const isNativeError: (value: unknown) => value is Error = types.isNativeError;
export const parseJson: (text: string) => unknown = JSON.parse;
export const stringifyJson: (
  value: unknown,
  replacer?: (key: string, value: unknown) => unknown,
) => string | undefined = JSON.stringify;
/** An indirect eval: it runs the code as a script in the global scope. */
export const evaluate: (code: string) => unknown = globalThis.eval;
export const apply = Reflect.apply;
export const construct = Reflect.construct;
export const toText = String;
export const toNumber: (text: string) => number = Number;
export const keysOf = Object.keys;
export const hasOwn = Object.hasOwn;
export const isArray = Array.isArray;
export const SafePromise = Promise;
export const SafeMap = Map;
export const SafeObject = Object;
export const SafeProxy = Proxy;
export const NotCapable = Deno.errors.NotCapable;
export const define = Object.defineProperty;
export const prototypeOf = Object.getPrototypeOf as (value: object) => object;
export const setPrototypeOf: (value: object, prototype: null) => void = Object.setPrototypeOf;
export const Bytes = Uint8Array;
export const Numbers = Uint32Array;
export const now: () => number = performance.now.bind(performance);

export const indexOf = uncurry(String.prototype.indexOf);
export const lastIndexOf = uncurry(String.prototype.lastIndexOf);
export const slice = uncurry(String.prototype.slice) as (self: string, from: number, to?: number) => string;
export const codeAt = uncurry(String.prototype.charCodeAt);
export const toWellFormed = uncurry(String.prototype.toWellFormed);
export const lastByte = uncurry(Uint8Array.prototype.lastIndexOf) as (
  self: Uint8Array,
  byte: number,
) => number;
export const setBytes = uncurry(Uint8Array.prototype.set) as (
  self: Uint8Array,
  from: Uint8Array,
  at: number,
) => void;

export const getOf = uncurry(Map.prototype.get) as <K, V>(self: Map<K, V>, key: K) => V | undefined;
export const setOf = uncurry(Map.prototype.set) as <K, V>(self: Map<K, V>, key: K, value: V) => void;
// What an array of bytes is asked for is a getter in a prototype, which guests can replace.
const views = prototypeOf(Bytes.prototype);
const bufferOf = uncurry(getterOf(views, "buffer")) as (bytes: Uint8Array) => ArrayBuffer;
const offsetOf = uncurry(getterOf(views, "byteOffset")) as (bytes: Uint8Array) => number;
/** The number of bytes in an array of them. */
export const sizeOf = uncurry(getterOf(views, "byteLength")) as (bytes: Uint8Array) => number;
/** The bytes from the one at `from` up to that at `to`; no copy. */
export const partOf = (bytes: Uint8Array, from: number, to: number): Uint8Array<ArrayBuffer> =>
  new Bytes(bufferOf(bytes), offsetOf(bytes) + from, to - from);

const then = uncurry(Promise.prototype.then);
/** `promise.then(ok, failed)` with the real `then`, whatever a guest put in its place. */
export function whenSettled(
  promise: Promise<unknown>,
  ok: (value: unknown) => void,
  failed: (reason: unknown) => void,
): void {
  then(promise as Promise<never>, ok as never, failed as never);
}

const decoder = new TextDecoder();
const decodeWith = uncurry(TextDecoder.prototype.decode);
export const decode = (bytes: Uint8Array<ArrayBuffer>): string => decodeWith(decoder, bytes);

/** The number of bytes of a text in UTF-8. */
export const byteLength: (text: string) => number = core.byteLength;

const encoder = new TextEncoder();
const encodeWith = uncurry(TextEncoder.prototype.encode);
export const encode = (text: string): Uint8Array => encodeWith(encoder, text);

/** The getter of an accessor of `owner` itself. */
export function getterOf(owner: object, name: string): (this: unknown, ...given: unknown[]) => unknown {
  return Object.getOwnPropertyDescriptor(owner, name)?.get as () => unknown;
}

/** A function that throws, as what Deno denies does, with this reason. */
export function refuser(reason: string): () => never {
  return () => {
    throw new NotCapable(reason);
  };
}
