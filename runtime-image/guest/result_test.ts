import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { failure, refusal, toJson } from "./result.ts";

const LIMIT = 1_000;

const results: [name: string, value: unknown, json: string][] = [
  ["a number", 3, "3"],
  ["undefined", undefined, "null"],
  ["null", null, "null"],
  ["an invalid number", Infinity, "null"],
  ["a string with lines", "a\nb", '"a\\nb"'],
  ["half a surrogate pair", "\ud83d", '"\\ud83d"'],
  ["members that JSON has not", { a: undefined, b: () => 1, c: [undefined] }, '{"c":[null]}'],
  ["a toJSON of its own", { toJSON: () => 7 }, "7"],
  ["a Map", new Map([[1, 2]]), "{}"],
];
for (const [name, value, json] of results) {
  Deno.test(`toJson: ${name}`, () => equal(toJson(value, LIMIT), json));
}

const cycle: { self?: unknown } = {};
cycle.self = cycle;
const unconvertible: [name: string, value: unknown, why: RegExp][] = [
  ["a function", () => 1, /cannot be JSON: it is a function/],
  ["a symbol", Symbol("s"), /cannot be JSON: it is a symbol/],
  ["a BigInt", 1n, /cannot be JSON: TypeError: .*BigInt/],
  ["a cycle", cycle, /cannot be JSON: TypeError: .*circular/],
  ["a getter that throws", Object.create(null, { a: { enumerable: true, get: thrower("no") } }), /JSON: no/],
  ["a toJSON that throws a function", { toJSON: thrower(() => 1) }, /cannot be JSON/],
];
for (const [name, value, why] of unconvertible) {
  Deno.test(`toJson refuses ${name}`, () => throws(() => toJson(value, LIMIT), matches(why)));
}

const sizes: [name: string, value: string, bytes: number][] = [
  ["ASCII", "x".repeat(98), 100],
  ["two bytes each", "é".repeat(49), 100],
  ["three bytes each", "漢".repeat(32), 98],
  ["four bytes each", "😀".repeat(24), 98],
  ["escapes", "\n".repeat(49), 100],
];
for (const [name, value, bytes] of sizes) {
  Deno.test(`toJson measures bytes: ${name}`, () => {
    equal(toJson(value, bytes), JSON.stringify(value));
    throws(() => toJson(value, bytes - 1), matches(/larger than limits.result/));
  });
}

Deno.test("failure: an error's own members are its value, its stack ends where we begin", () => {
  const error = Object.assign(new RangeError("far"), { code: 7 });
  const parsed = JSON.parse(failure("execution_error", error));
  equal(parsed.name, "execution_error");
  equal(parsed.detail, "RangeError: far");
  deepEqual(parsed.value, { code: 7 });
  equal(parsed.stack.split("\n")[0], "RangeError: far");
});

Deno.test("failure: a cause and errors are in the value, and the value comes last", () => {
  const error = Object.assign(new AggregateError([new Error("a")], "m", { cause: new Error("b") }), {
    code: 7,
  });
  const json = failure("execution_error", error);
  const value = '{"code":7,"cause":{"name":"Error","message":"b"},"errors":[{"name":"Error","message":"a"}]}';
  ok(json.endsWith(`,"value":${value}}`), json);
});

Deno.test("failure: frames of evaluated code are shown, with their place in it, and none of ours", () => {
  const stack = [
    "Error: no",
    "    at f (eval at start (tyrex:isolate:7:1), <anonymous>:2:9)",
    "    at async eval (eval at start (tyrex:isolate:7:1), <anonymous>:4:1)",
    "    at start (tyrex:isolate:7:1)",
    "    at tyrex:isolate:8:1",
  ].join("\n");
  const parsed = JSON.parse(failure("execution_error", Object.assign(new Error("no"), { stack })));
  deepEqual(parsed.stack.split("\n"), [
    "Error: no",
    "    at f (<anonymous>:2:9)",
    "    at async eval (<anonymous>:4:1)",
  ]);
});

Deno.test("failure: a plain error has no value", () => {
  ok(!("value" in JSON.parse(failure("execution_error", new Error("no")))));
});

const hostile: [name: string, thrown: unknown][] = [
  ["a toString that throws", { __proto__: null, toString: thrower("x"), toJSON: thrower("x") }],
  [
    "a proxy that throws",
    new Proxy({}, { get: thrower("x"), ownKeys: thrower("x"), getPrototypeOf: thrower("x") }),
  ],
  ["a stack that is no text", Object.assign(new Error("no"), { stack: 7 })],
  ["a stack that throws", Object.defineProperty(new Error("no"), "stack", { get: thrower("x") })],
  ["a message that throws", Object.defineProperty(new Error("no"), "message", { get: thrower("x") })],
  ["a cycle", cycle],
];
for (const [name, thrown] of hostile) {
  Deno.test(`failure survives ${name}`, () => {
    const parsed = JSON.parse(failure("promise_rejection", thrown));
    equal(parsed.name, "promise_rejection");
    equal(typeof parsed.detail, "string");
    ok(parsed.stack === undefined || typeof parsed.stack === "string");
  });
}

Deno.test("failure cuts what is long", () => {
  const error = Object.assign(new Error("x".repeat(1e6)), { big: "y".repeat(1e6) });
  ok(failure("execution_error", error).length < 50_000);
});

Deno.test("what guests put on prototypes makes no member of an error", () => {
  const names = ["detail", "name", "value", "stack", "toJSON"];
  try {
    for (const name of names) {
      Object.defineProperty(Object.prototype, name, { value: "forged", configurable: true, writable: true });
    }
    equal(refusal("unknown_function", "no f"), '{"name":"unknown_function","detail":"no f"}');
    equal(failure("execution_error", 7), '{"name":"execution_error","detail":"7","value":7}');
  } finally {
    for (const name of names) delete (Object.prototype as Record<string, unknown>)[name];
  }
});

function thrower(value: unknown): () => never {
  return () => {
    throw value;
  };
}

/** As `evaluate` does in isolate.ts, whose frames look the same. */

/** `toJson` throws texts. */
function matches(pattern: RegExp): (thrown: unknown) => boolean {
  return (thrown) => typeof thrown === "string" && pattern.test(thrown);
}
