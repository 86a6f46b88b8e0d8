import { equal, ok } from "node:assert/strict";
import { findFunction, type Found } from "./functions.ts";

const space = {
  f() {
    return this;
  },
  inner: { g: () => "g" },
  nothing: null,
  number: 7,
  "": { "": () => "empty" },
};
const globals = globalThis as unknown as Record<string, unknown>;
globals.testSpace = space;
globals.testFunction = () => "f";

const found: [path: string, owner: unknown][] = [
  ["testFunction", globalThis],
  ["testSpace.f", space],
  ["testSpace.inner.g", space.inner],
  ["globalThis.testFunction", globalThis],
  ["testSpace..", space[""]],
  ["Math.max", Math],
  ["testSpace.f.call", space.f],
];
for (const [path, owner] of found) {
  Deno.test(`finds ${path}`, () => {
    const there = findFunction(path) as Found;
    equal(typeof there.callable, "function");
    equal(there.owner, owner);
  });
}

const NOTHING_OFFERED = "; the pool has no main module, so there are global functions only";
const missing: [path: string, why: string][] = [
  ["nowhere", "nowhere is not a function: it is undefined"],
  ["nowhere.f", "nowhere is undefined"],
  ["testSpace.nothing", "testSpace.nothing is not a function: it is null"],
  ["testSpace.nothing.f", "testSpace.nothing is null"],
  ["testSpace.number", "testSpace.number is not a function: it is number"],
  ["testSpace", "testSpace is not a function: it is object"],
  ["testSpace.", "testSpace. is not a function: it is object"],
  ["", " is not a function: it is undefined"],
  [".", " is undefined"],
];
for (const [path, why] of missing) {
  Deno.test(`does not find ${JSON.stringify(path)}`, () => equal(findFunction(path), why + NOTHING_OFFERED));
}

Deno.test("replaced string methods are not asked", () => {
  const { indexOf, slice } = String.prototype;
  try {
    String.prototype.indexOf = () => -1;
    String.prototype.slice = () => "testFunction";
    ok(typeof findFunction("testSpace.inner.g") === "object");
  } finally {
    Object.assign(String.prototype, { indexOf, slice });
  }
});
