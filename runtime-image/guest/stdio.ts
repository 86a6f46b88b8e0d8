/**
 * Descriptors 0, 1 and 2, which all evals of the process share: what one eval closed, those after it would miss. What can
 * be refused is. Other ways (`node:fs` knows several) close a descriptor of Deno's table only: the process still has it,
 * and output goes there through a handle of our own from then on.
 */
import process from "node:process";
import {
  apply,
  define,
  getterOf,
  partOf,
  prototypeOf,
  refuser,
  SafePromise,
  sizeOf,
  uncurry,
} from "./primordials.ts";

/** Writes all bytes, in the order of the calls. */
export type Write = (bytes: Uint8Array) => void;

interface Handle {
  open(fd: number): number;
  writeBuffer(request: object, bytes: Uint8Array): number;
}
interface Binding {
  Pipe: new (type: number) => Handle;
  constants: { SOCKET: number };
  WriteWrap: new () => object;
}
interface Output {
  writeSync(bytes: Uint8Array): number;
}
interface NodeStream {
  write(...given: unknown[]): boolean;
  emit(...given: unknown[]): boolean;
}

const node = process as unknown as { binding(name: string): Binding };
const { binding } = node;
const { Pipe, constants } = binding("pipe_wrap");
const { WriteWrap } = binding("stream_wrap");
const open = uncurry(Pipe.prototype.open as (this: Handle, fd: number) => number);
const writeBuffer = uncurry(
  Pipe.prototype.writeBuffer as (this: Handle, request: object, bytes: Uint8Array) => number,
);
const later = queueMicrotask;
const WebOutput = WritableStream;
const WebInput = ReadableStream;

export const writeOutput: Write = writer(Deno.stdout, 1);
export const writeErrors: Write = writer(Deno.stderr, 2);

/** Writes to `output`, and to the descriptor `fd` itself once that is closed. */
function writer(output: Output, fd: number): Write {
  const writeSync = output.writeSync.bind(output);
  let handle: Handle | null = null;
  return (bytes) => {
    let rest = bytes;
    let size = sizeOf(rest);
    try {
      while (handle === null && size > 0) {
        const written = writeSync(rest);
        if (written === size) return;
        rest = partOf(rest, written, size);
        size -= written;
      }
    } catch {
      handle = new Pipe(constants.SOCKET);
      open(handle, fd);
    }
    if (handle !== null && size > 0) writeBuffer(handle, new WriteWrap(), rest);
  };
}

/** From now on guests close neither what they print to nor the input. */
export function keepStreams(): void {
  const refuse = refuser("this stream is the runtime's: it stays open");
  for (const stream of [Deno.stdin, Deno.stdout, Deno.stderr]) {
    define(prototypeOf(stream), "close", { value: refuse });
  }
  keepOutput(prototypeOf(Deno.stdout), writeOutput);
  keepOutput(prototypeOf(Deno.stderr), writeErrors);
  define(prototypeOf(Deno.stdin), "readable", {
    get: () => new WebInput({ start: (input) => input.close() }),
  });
  keepNodeStream("stdout");
  keepNodeStream("stderr");
}

function keepOutput(prototype: object, write: Write): void {
  const writeSync = (bytes: Uint8Array): number => {
    write(bytes);
    return sizeOf(bytes);
  };
  define(prototype, "writeSync", { value: writeSync });
  define(prototype, "write", {
    value: (bytes: Uint8Array) => new SafePromise((resolve) => resolve(writeSync(bytes))),
  });
  define(prototype, "writable", { get: () => new WebOutput({ write }) });
}

/** Deno makes these streams when they are first used. As in Node.js, to end or destroy them closes nothing. What would
 * hold back or garble the output of others (`cork`) does nothing either. */
function keepNodeStream(name: "stdout" | "stderr"): void {
  const get = getterOf(node, name);
  let kept: NodeStream | null = null;
  define(node, name, {
    get: () => {
      if (kept === null) {
        kept = apply(get, node, []) as NodeStream;
        keepOpen(kept);
      }
      return kept;
    },
  });
}

function keepOpen(stream: NodeStream): void {
  const { write, emit } = stream;
  const stay = () => stream;
  const end = (...given: unknown[]): NodeStream => {
    const callback = given[given.length - 1];
    if (given.length > 0 && typeof given[0] !== "function") apply(write, stream, given);
    else if (typeof callback === "function") apply(callback as () => void, stream, []);
    later(() => apply(emit, stream, ["finish"])); // pipelines wait for it
    return stream;
  };
  const kept = [
    ["end", end],
    ["destroy", stay],
    ["destroySoon", stay],
    ["cork", () => {}],
    ["setDefaultEncoding", stay],
    [Symbol.asyncDispose, () => new SafePromise<void>((resolve) => resolve())], // it would wait for the end
  ] as const;
  for (let i = 0; i < kept.length; i++) {
    const pair = kept[i] as readonly [PropertyKey, unknown]; // guests may have replaced what iterates
    define(stream, pair[0], { __proto__: null, value: pair[1] } as PropertyDescriptor);
  }
}
