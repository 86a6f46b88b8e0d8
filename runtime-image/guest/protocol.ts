/** The lines of the pipe, as values. `operator/tyrex_pool/runtime/channel.py` is the other side and describes them. */
import { parseJson } from "./primordials.ts";

/** The first line from the supervisor. The secrets make tags that only this side and the supervisor can make. */
type HelloLine = [
  tag: string,
  secretHigh: number,
  secretLow: number,
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
  readonly secretHigh: number;
  readonly secretLow: number;
  readonly logToken: string;
  readonly concurrency: number;
  readonly resultLimit: number;
  readonly bufferLimit: number;
}

/** An eval to do. `startBefore` is a time of this process's clock (ms), 0 for none; `number` counts up from 1. */
export interface Order {
  readonly tag: string;
  readonly number: number;
  readonly id: string;
  readonly kind: Kind;
  readonly startBefore: number;
  readonly code: string;
  readonly args: unknown[];
  next: Order | null;
}

export function parseHello(line: string): Hello {
  const fields = parseJson(line) as HelloLine;
  return {
    __proto__: null,
    tag: fields[0],
    secretHigh: fields[1],
    secretLow: fields[2],
    logToken: fields[3],
    concurrency: fields[4],
    resultLimit: fields[5],
    bufferLimit: fields[6],
  } as Hello;
}

export function parseOrder(line: string, hello: Hello): Order {
  const fields = parseJson(line) as OrderLine;
  const kind = fields[4];
  return {
    __proto__: null,
    tag: `${(fields[0] ^ hello.secretHigh) >>> 0}-${(fields[1] ^ hello.secretLow) >>> 0}`,
    number: fields[2],
    id: fields[3],
    kind,
    startBefore: fields[5],
    code: fields[6],
    args: kind === "call" ? fields[7] : null,
    next: null,
  } as unknown as Order;
}
