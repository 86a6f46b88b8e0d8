import { deepEqual, equal } from "node:assert/strict";
import * as ours from "./primordials.ts";

/** Puts something else in place of `owner[name]` while `body` runs. */
function replaced(owner: object, name: string, body: () => void): void {
  const descriptor = Object.getOwnPropertyDescriptor(owner, name) as PropertyDescriptor;
  Object.defineProperty(owner, name, {
    ...descriptor,
    value: () => {
      throw new Error(`the guest's ${name} was called`);
    },
  });
  try {
    body();
  } finally {
    Object.defineProperty(owner, name, descriptor);
  }
}

const text = "a,b,c";
const bytes = new Uint8Array([1, 2, 3, 2]) as Uint8Array<ArrayBuffer>;
const uses: [owner: object, name: string, use: () => unknown, expected: unknown][] = [
  [JSON, "parse", () => ours.parseJson("[1]"), [1]],
  [JSON, "stringify", () => ours.stringifyJson([1]), "[1]"],
  [globalThis, "eval", () => ours.evaluate("1 + 2"), 3],
  [Reflect, "apply", () => ours.apply((a: number) => a, undefined, [3]), 3],
  [Object, "keys", () => ours.keysOf({ a: 1 }), ["a"]],
  [Object, "hasOwn", () => ours.hasOwn({ a: 1 }, "a"), true],
  [Array, "isArray", () => ours.isArray([]), true],
  [String.prototype, "toWellFormed", () => ours.toWellFormed("\ud83d"), "\ufffd"],
  [String.prototype, "indexOf", () => ours.indexOf(text, ",", 2), 3],
  [String.prototype, "lastIndexOf", () => ours.lastIndexOf(text, ","), 3],
  [String.prototype, "slice", () => ours.slice(text, 2, 3), "b"],
  [String.prototype, "charCodeAt", () => ours.codeAt(text, 0), 97],
  [Object.getPrototypeOf(Uint8Array.prototype), "lastIndexOf", () => ours.lastByte(bytes, 2), 3],
  [TextDecoder.prototype, "decode", () => ours.decode(new Uint8Array([195, 169])), "é"],
  [TextEncoder.prototype, "encode", () => ours.encode("é").length, 2],
  [Function.prototype, "call", () => ours.slice(text, 4), "c"],
  [Function.prototype, "apply", () => ours.slice(text, 4), "c"],
  [Function.prototype, "bind", () => ours.slice(text, 4), "c"],
];
for (const [owner, name, use, expected] of uses) {
  Deno.test(`a replaced ${name} is not used`, () => {
    let result: unknown;
    replaced(owner, name, () => result = use());
    deepEqual(result, expected);
  });
}

Deno.test("setBytes copies to its place", () => {
  const target = new Uint8Array(4);
  replaced(Object.getPrototypeOf(Uint8Array.prototype), "set", () => ours.setBytes(target, bytes, 0));
  deepEqual(target, bytes);
});

Deno.test("whenSettled uses the real then", async () => {
  const settled: unknown[] = [];
  replaced(Promise.prototype, "then", () => {
    ours.whenSettled(Promise.resolve(1), (value) => settled.push(value), () => settled.push("failed"));
    ours.whenSettled(Promise.reject(2), () => settled.push("ok"), (reason) => settled.push(reason));
  });
  await Promise.resolve();
  await Promise.resolve();
  deepEqual(settled, [1, 2]);
});

Deno.test("evaluate runs in the global scope", () => {
  const local = 1;
  equal(ours.evaluate("typeof local"), "undefined", `not ${local}`);
  ours.evaluate("const once = 1");
  equal(ours.evaluate("typeof once"), "undefined");
});
