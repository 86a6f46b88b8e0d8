/** The vectors of tests/contract/channel.json, from the guest's side of the pipe. */
import { deepEqual, equal } from "node:assert/strict";
import { decode, encode, evaluate, parseJson } from "./primordials.ts";
import { markOf, type Order, parseHello, parseOrder, tagOf } from "./protocol.ts";
import { type ErrorName, failure, toJson } from "./result.ts";

interface Vectors {
  hello: { line: string; secrets: number[] } & Record<string, unknown>;
  tags: { nonces: number[]; secrets: number[]; tag: string; mark: string }[];
  tornOrders: string[];
  orders: { id: string; line: string; fields: unknown[] }[];
  results: { id: string; code: string; payload: string; value: unknown }[];
  errors: { id: string; throws: string; as: ErrorName; payload: string }[];
}
const file = `${import.meta.dirname}/../../tests/contract/channel.json`;
const vectors: Vectors = JSON.parse(Deno.readTextFileSync(file));

Deno.test("the first line", () => {
  const { secrets, line, ...rest } = vectors.hello;
  deepEqual({ ...parseHello(line) }, { ...rest, secrets: Uint32Array.from(secrets) });
});

for (const { id, line, fields } of vectors.orders) {
  Deno.test(`order: ${id}`, () => {
    const received = decode(encode(line) as Uint8Array<ArrayBuffer>);
    equal(received.indexOf("\n"), received.length - 1, "one line");
    deepEqual(parseJson(received), fields);
  });
}

for (const { nonces, secrets, tag, mark } of vectors.tags) {
  Deno.test(`tag: ${tag}`, () => {
    const order = parseOrder(`[${nonces},1,"id","js",0,"1"]`) as Order;
    equal(tagOf(order, Uint32Array.from(secrets)), tag);
    equal(markOf(order, Uint32Array.from(secrets)), mark);
  });
}

for (const line of vectors.tornOrders) {
  Deno.test(`a torn order: ${line}`, () => equal(parseOrder(line), null));
}

for (const { id, code, payload, value } of vectors.results) {
  Deno.test(`result: ${id}`, () => {
    const json = toJson(evaluate(code), 1_000);
    equal(json, payload);
    equal(json.indexOf("\n"), -1, "it stays on its line");
    deepEqual(parseJson(json), value);
  });
}

for (const { id, throws, as, payload } of vectors.errors) {
  Deno.test(`error: ${id}`, () => equal(failure(as, evaluate(throws)), payload));
}
