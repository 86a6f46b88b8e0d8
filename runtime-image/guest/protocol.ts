/**
 * The lines of the pipe, as values. `operator/tyrex_pool/runtime/channel.py` is the other side and describes them.
 * A guest can take a snapshot of the heap and read every string and number in it, but not the contents of buffers: so
 * the secrets are kept in one, and a tag exists only while its reply is sent.
 */
import { Context } from "./console.ts";
import { isArray, Numbers, parseJson } from "./primordials.ts";

/** The first line from the supervisor. The secrets make tags and marks that only this side and the supervisor can make. */
type HelloLine = [
  tag: string,
  tagHigh: number,
  tagLow: number,
  markHigh: number,
  markLow: number,
  logToken: string,
  concurrency: number,
  resultLimit: number,
  bufferLimit: number,
];
type OrderLine = [
  nonceHigh: number,
  nonceLow: number,
  number: number,
  id: string,
  kind: Kind,
  startBefore: number,
  code: string,
  args: unknown[],
];
export type Kind = "js" | "ts" | "call";

export interface Hello {
  readonly tag: string;
  readonly secrets: Uint32Array;
  logToken: string;
  readonly concurrency: number;
  readonly resultLimit: number;
  readonly bufferLimit: number;
}

/** An eval to do. `startBefore` is a time of this process's clock (ms), 0 for none; `number` counts up from 1. */
export interface Order {
  readonly nonceHigh: number;
  readonly nonceLow: number;
  readonly number: number;
  readonly context: Context;
  readonly kind: Kind;
  readonly startBefore: number;
  readonly code: string;
  readonly args: unknown[];
  next: Order | null;
}

export function parseHello(line: string): Hello {
  const fields = parseJson(line) as HelloLine;
  const secrets = new Numbers(4);
  secrets[0] = fields[1];
  secrets[1] = fields[2];
  secrets[2] = fields[3];
  secrets[3] = fields[4];
  return {
    __proto__: null,
    tag: fields[0],
    secrets,
    logToken: fields[5],
    concurrency: fields[6],
    resultLimit: fields[7],
    bufferLimit: fields[8],
  } as Hello;
}

/** The order in `line`; null when the line is not whole, so that other code must have read a part of it. */
export function parseOrder(line: string): Order | null {
  let fields: OrderLine;
  try {
    fields = parseJson(line) as OrderLine;
  } catch {
    return null;
  }
  if (!isArray(fields)) return null;
  const kind = fields[4];
  return {
    __proto__: null,
    nonceHigh: fields[0],
    nonceLow: fields[1],
    number: fields[2],
    context: new Context(fields[3]),
    kind,
    startBefore: fields[5],
    code: fields[6],
    args: kind === "call" ? fields[7] : null,
    next: null,
  } as unknown as Order;
}

/** What the reply to `order` begins with. */
export const tagOf = (order: Order, secrets: Uint32Array): string => disguise(order, secrets, 0);

/** What comes after a long reply to `order`. */
export const markOf = (order: Order, secrets: Uint32Array): string => disguise(order, secrets, 2);

function disguise(order: Order, secrets: Uint32Array, first: number): string {
  const high = (order.nonceHigh ^ (secrets[first] as number)) >>> 0;
  const low = (order.nonceLow ^ (secrets[first + 1] as number)) >>> 0;
  return `${high}-${low}`;
}
