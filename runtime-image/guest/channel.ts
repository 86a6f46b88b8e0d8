/**
 * The pipe to the supervisor: one end of a socket pair that this process inherited. Lines of UTF-8 go both ways.
 * It is used through Deno's own pipe handle and not through a stream object, because streams hand every chunk to
 * prototypes that a guest can replace, and because a handle writes at once: a line is out before `send` returns,
 * so a reply leaves before the next eval starts, which may never end.
 */
import process from "node:process";
import {
  Bytes,
  decode,
  lastByte,
  partOf,
  SafeObject,
  SafePromise as Promise,
  setBytes,
  sizeOf,
} from "./primordials.ts";

const NEWLINE = 10;

interface WriteRequest {
  oncomplete: (status: number) => void;
}
interface PipeHandle {
  open(fd: number): number;
  readStart(): number;
  writeUtf8String(request: WriteRequest, text: string): number;
}
interface Binding {
  Pipe: new (type: number) => PipeHandle;
  constants: { SOCKET: number };
  WriteWrap: new () => WriteRequest;
  streamBaseState: Int32Array;
  kReadBytesOrError: number;
  kLastWriteWasAsync: number;
}

const thisProcess = process as unknown as {
  binding?(name: string): Binding;
  _linkedBinding?: unknown;
  argv: string[];
};
const binding = thisProcess.binding as (name: string) => Binding;
const { Pipe, constants } = binding("pipe_wrap");
const { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = binding("stream_wrap");
const define = SafeObject.defineProperty;

/** A text that waits for the end of a marked one. */
interface Waiting {
  readonly text: string;
  readonly mark: (() => string) | null;
  next: Waiting | null;
}

export interface Channel {
  /** Writes a line; `line` must end with a newline. */
  send(line: string): void;
  /**
   * Writes `lines`, which are longer than one write may be, and when all of it is out the line that `mark` makes: so
   * nobody who reads this thread's heap meanwhile finds the mark. What is sent before that waits.
   */
  sendMarked(lines: string, mark: () => string): void;
  /** True while something is not out yet: then no eval may start. */
  blocked(): boolean;
}

/**
 * Opens the inherited descriptor `fd`. `received` gets whole lines, possibly several at once, the last one with
 * its newline; `drained` is called when the last blocked write is out; `closed` when the supervisor is gone.
 */
export function openChannel(
  fd: number,
  received: (lines: string) => void,
  drained: () => void,
  closed: () => void,
): Channel {
  const handle = new Pipe(constants.SOCKET);
  const failure = handle.open(fd);
  if (failure) throw new Error(`cannot open the supervisor's pipe: error ${failure}`);
  let pending = new Bytes(0);
  let held = 0;
  let writing = 0;
  let mark: (() => string) | null = null;
  let next: Waiting | null = null;
  let last: Waiting | null = null;

  function onread(buffer: ArrayBuffer): void {
    const size = streamBaseState[kReadBytesOrError] as number;
    if (size <= 0) return closed();
    const chunk = new Bytes(buffer, 0, size);
    const end = lastByte(chunk, NEWLINE) + 1;
    if (held === 0 && end > 0) {
      if (end < size) hold(new Bytes(buffer, end, size - end));
      return received(decode(end === size ? chunk : new Bytes(buffer, 0, end)));
    }
    if (end === 0) return hold(chunk);
    hold(new Bytes(buffer, 0, end));
    const lines = decode(partOf(pending, 0, held));
    held = 0;
    if (end < size) hold(new Bytes(buffer, end, size - end));
    else if (sizeOf(pending) > 1 << 20) pending = new Bytes(0);
    received(lines);
  }

  function hold(chunk: Uint8Array): void {
    const size = sizeOf(chunk);
    if (held + size > sizeOf(pending)) {
      const larger = new Bytes((held + size) * 2);
      setBytes(larger, partOf(pending, 0, held), 0);
      pending = larger;
    }
    setBytes(pending, chunk, held);
    held += size;
  }

  function written(): void {
    writing -= 1;
    if (writing > 0) return;
    finishMarked();
    if (writing === 0) drained();
  }

  /** When all of a marked text is out: its mark, and what waited for it. */
  function finishMarked(): void {
    while (mark !== null && writing === 0) {
      const makeMark = mark;
      mark = null;
      put(makeMark());
      while (next !== null && mark === null) {
        const { text, mark: itsMark } = next;
        next = next.next;
        put(text);
        mark = itsMark;
      }
    }
  }

  function send(text: string, itsMark: (() => string) | null): void {
    if (mark === null) {
      put(text);
      mark = itsMark;
      return;
    }
    const waiting: Waiting = { __proto__: null, text, mark: itsMark, next: null } as Waiting;
    if (next === null) next = waiting;
    else (last as Waiting).next = waiting;
    last = waiting;
  }

  function put(text: string): void {
    write(request, text);
    if (streamBaseState[kLastWriteWasAsync]) {
      writing += 1;
      request = newRequest();
    }
  }

  /** A request can be used again when its write was done at once; making one costs as much as a small write. */
  function newRequest(): WriteRequest {
    const made = new WriteWrap();
    define(made, "oncomplete", { __proto__: null, value: written } as PropertyDescriptor);
    return made;
  }

  // Own properties, defined and not assigned: a setter on a prototype would see the functions.
  define(handle, "onread", { __proto__: null, value: onread } as PropertyDescriptor);
  const write = handle.writeUtf8String.bind(handle);
  let request = newRequest();
  handle.readStart();
  return {
    send: (line) => send(line, null),
    sendMarked(lines: string, makeMark: () => string): void {
      send(lines, makeMark);
      finishMarked();
    },
    blocked: () => writing > 0,
  };
}

/** Takes from guests what could reach the pipe's descriptor, or Deno's own operations, behind our back. */
export function closeBackDoors(): void {
  const refuse = () => {
    throw new Deno.errors.NotCapable("a file descriptor cannot be opened by its number here");
  };
  const handles: [string, string][] = [["pipe_wrap", "Pipe"], ["tcp_wrap", "TCP"], ["udp_wrap", "UDP"]];
  for (const [module, name] of handles) {
    const wrap = (binding(module) as unknown as Record<string, { prototype: object }>)[name] as {
      prototype: object;
    };
    define(wrap.prototype, "open", { value: refuse, writable: false, configurable: false });
  }
  keepPromises();
  const deno = Deno as unknown as Record<PropertyKey, unknown>;
  delete deno[deno.internal as symbol];
  delete deno.internal;
  delete thisProcess.binding;
  delete thisProcess._linkedBinding;
  define(Deno, "args", { value: [], configurable: true });
  thisProcess.argv.length = 2;
}

/**
 * `then` asks a promise's `constructor`, and its species, who makes the promise that it returns. A guest that replaced
 * them would decide over the promises of all others, so they stay; on promises and classes of its own it may set them.
 */
function keepPromises(): void {
  define(Promise, Symbol.species, { configurable: false });
  define(Promise.prototype, "constructor", {
    get: () => Promise,
    set(value: unknown) {
      if (this === Promise.prototype) return;
      define(this, "constructor", { value, writable: true, enumerable: true, configurable: true });
    },
    configurable: false,
  });
}
