/**
 * The lines of the pipe, as values. `operator/tyrex_pool/runtime/channel.py` is the other side and describes them.
 * A guest can take a snapshot of the heap and read every string and number in it, but not the contents of buffers: so
 * the secrets are kept in one, and a tag exists only while its reply is sent.
 */
import { Context } from "./console.ts";
import { isArray, Numbers, parseJson, setPrototypeOf } from "./primordials.ts";

/** The first line from the supervisor. The secrets make tags and marks that only this side and the supervisor can make. */
type HelloLine = readonly [
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
type OrderLine = readonly [
  nonceHigh: number,
  nonceLow: number,
  number: number,
  id: string,
  kind: Kind,
  startBefore: number,
  code: string,
  data: unknown,
];
export type Kind = "js" | "ts" | "call";

const NONE: unknown[] = [];

/** What the first line says. Own fields, and a prototype that has none: no guest can add to it. */
export class Hello {
  readonly tag: string;
  readonly secrets: Uint32Array;
  logToken: string;
  readonly concurrency: number;
  readonly resultLimit: number;
  readonly bufferLimit: number;

  constructor(fields: HelloLine) {
    this.tag = fields[0];
    this.secrets = new Numbers(4);
    for (let i = 0; i < 4; i++) this.secrets[i] = fields[i + 1] as number;
    this.logToken = fields[5];
    this.concurrency = fields[6];
    this.resultLimit = fields[7];
    this.bufferLimit = fields[8];
  }
}

/**
 * An eval to do. `startBefore` is a time of this process's clock (ms), 0 for none; `number` counts up from 1.
 * A class, as objects that are written with a null prototype take ten times as long to make and to read.
 */
export class Order {
  readonly nonceHigh: number;
  readonly nonceLow: number;
  readonly number: number;
  readonly context: Context;
  readonly kind: Kind;
  readonly startBefore: number;
  readonly code: string;
  readonly args: unknown[];
  /** What the code sees under that name; undefined if it sees nothing. */
  readonly inputs: unknown;
  next: Order | null = null;

  constructor(fields: OrderLine) {
    this.nonceHigh = fields[0];
    this.nonceLow = fields[1];
    this.number = fields[2];
    this.context = new Context(fields[3]);
    this.kind = fields[4];
    this.startBefore = fields[5];
    this.code = fields[6];
    const isCall = this.kind === "call";
    const data = fields.length > 7 ? fields[7] : undefined; // else a guest's getter in a prototype would be asked
    this.args = isCall ? data as unknown[] : NONE;
    this.inputs = isCall ? undefined : data;
  }
}

for (const { prototype } of [Hello, Order]) setPrototypeOf(prototype, null);

export const parseHello = (line: string): Hello => new Hello(parseJson(line) as HelloLine);

/** The order in `line`; null when the line is not whole, so that other code must have read a part of it. */
export function parseOrder(line: string): Order | null {
  let fields: OrderLine;
  try {
    fields = parseJson(line) as OrderLine;
  } catch {
    return null;
  }
  return isArray(fields) ? new Order(fields) : null;
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
