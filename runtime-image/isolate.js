// Made from guest/*.ts by bundle.py (make guest): change those.
"use strict"; // of other functions a guest gets at the arguments, with `caller`
var __create = Object.create;
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __getProtoOf = Object.getPrototypeOf;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toESM = (mod, isNodeMode, target) => (target = mod != null ? __create(__getProtoOf(mod)) : {}, __copyProps(
  // If the importer is in node compatibility mode or this is not an ESM
  // file that has been converted to a CommonJS file using a Babel-
  // compatible transform (i.e. "__esModule" has not been set), then set
  // "default" to the CommonJS "module.exports" for node compatibility.
  1 ? __defProp(target, "default", { value: mod, enumerable: true }) : target,
  mod
));
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// isolate.ts
var isolate_exports = {};
__export(isolate_exports, {
  boot: () => boot
});
module.exports = __toCommonJS(isolate_exports);
var import_node_process5 = __toESM(require("node:process"));

// channel.ts
var import_node_process = __toESM(require("node:process"));

// primordials.ts
var import_node_util = require("node:util");
var { core, Console } = Deno[Deno.internal];
var uncurry = Function.prototype.bind.bind(Function.prototype.call);
var isNativeError = import_node_util.types.isNativeError;
var parseJson = JSON.parse;
var stringifyJson = JSON.stringify;
var evaluate = globalThis.eval;
var apply = Reflect.apply;
var construct = Reflect.construct;
var toText = String;
var toNumber = Number;
var keysOf = Object.keys;
var hasOwn = Object.hasOwn;
var isArray = Array.isArray;
var SafePromise = Promise;
var SafeMap = Map;
var SafeObject = Object;
var SafeProxy = Proxy;
var NotCapable = Deno.errors.NotCapable;
var define = Object.defineProperty;
var prototypeOf = Object.getPrototypeOf;
var setPrototypeOf = Object.setPrototypeOf;
var Bytes = Uint8Array;
var Numbers = Uint32Array;
var now = performance.now.bind(performance);
var indexOf = uncurry(String.prototype.indexOf);
var lastIndexOf = uncurry(String.prototype.lastIndexOf);
var slice = uncurry(String.prototype.slice);
var codeAt = uncurry(String.prototype.charCodeAt);
var toWellFormed = uncurry(String.prototype.toWellFormed);
var lastByte = uncurry(Uint8Array.prototype.lastIndexOf);
var setBytes = uncurry(Uint8Array.prototype.set);
var getOf = uncurry(Map.prototype.get);
var setOf = uncurry(Map.prototype.set);
var views = prototypeOf(Bytes.prototype);
var bufferOf = uncurry(getterOf(views, "buffer"));
var offsetOf = uncurry(getterOf(views, "byteOffset"));
var sizeOf = uncurry(getterOf(views, "byteLength"));
var partOf = (bytes, from, to) => new Bytes(bufferOf(bytes), offsetOf(bytes) + from, to - from);
var then = uncurry(Promise.prototype.then);
function whenSettled(promise, ok, failed) {
  then(promise, ok, failed);
}
var decoder = new TextDecoder();
var decodeWith = uncurry(TextDecoder.prototype.decode);
var decode = (bytes) => decodeWith(decoder, bytes);
var byteLength = core.byteLength;
var encoder = new TextEncoder();
var encodeWith = uncurry(TextEncoder.prototype.encode);
var encode = (text) => encodeWith(encoder, text);
function getterOf(owner, name) {
  return Object.getOwnPropertyDescriptor(owner, name)?.get;
}
function refuser(reason) {
  return () => {
    throw new NotCapable(reason);
  };
}

// channel.ts
var NEWLINE = 10;
var thisProcess = import_node_process.default;
var binding = thisProcess.binding;
var { Pipe, constants } = binding("pipe_wrap");
var { WriteWrap, streamBaseState, kReadBytesOrError, kLastWriteWasAsync } = binding("stream_wrap");
var define2 = SafeObject.defineProperty;
function openChannel(fd, received2, drained, closed) {
  const handle = new Pipe(constants.SOCKET);
  const failure2 = handle.open(fd);
  if (failure2) throw new Error(`cannot open the supervisor's pipe: error ${failure2}`);
  let pending = new Bytes(0);
  let held = 0;
  let writing = 0;
  let mark = null;
  let next = null;
  let last2 = null;
  function onread(buffer) {
    const size = streamBaseState[kReadBytesOrError];
    if (size <= 0) return closed();
    const chunk = new Bytes(buffer, 0, size);
    const end2 = lastByte(chunk, NEWLINE) + 1;
    if (held === 0 && end2 > 0) {
      if (end2 < size) hold(new Bytes(buffer, end2, size - end2));
      return received2(decode(end2 === size ? chunk : new Bytes(buffer, 0, end2)));
    }
    if (end2 === 0) return hold(chunk);
    hold(new Bytes(buffer, 0, end2));
    const lines = decode(partOf(pending, 0, held));
    held = 0;
    if (end2 < size) hold(new Bytes(buffer, end2, size - end2));
    else if (sizeOf(pending) > 1 << 20) pending = new Bytes(0);
    received2(lines);
  }
  function hold(chunk) {
    const size = sizeOf(chunk);
    if (held + size > sizeOf(pending)) {
      const larger = new Bytes((held + size) * 2);
      setBytes(larger, partOf(pending, 0, held), 0);
      pending = larger;
    }
    setBytes(pending, chunk, held);
    held += size;
  }
  function written() {
    writing -= 1;
    if (writing > 0) return;
    finishMarked();
    if (writing === 0) drained();
  }
  function finishMarked() {
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
  function send(text, itsMark) {
    if (mark === null) {
      put(text);
      mark = itsMark;
      return;
    }
    const waiting = {
      __proto__: null,
      text,
      mark: itsMark,
      next: null
    };
    if (next === null) next = waiting;
    else last2.next = waiting;
    last2 = waiting;
  }
  function put(text) {
    write(request, text);
    if (streamBaseState[kLastWriteWasAsync]) {
      writing += 1;
      request = newRequest();
    }
  }
  function newRequest() {
    const made = new WriteWrap();
    define2(made, "oncomplete", {
      __proto__: null,
      value: written
    });
    return made;
  }
  define2(handle, "onread", {
    __proto__: null,
    value: onread
  });
  const write = handle.writeUtf8String.bind(handle);
  let request = newRequest();
  handle.readStart();
  return {
    send: (line) => send(line, null),
    sendMarked(lines, makeMark) {
      send(lines, makeMark);
      finishMarked();
    },
    blocked: () => writing > 0
  };
}
function closeBackDoors() {
  const refuse = () => {
    throw new Deno.errors.NotCapable("a file descriptor cannot be opened by its number here");
  };
  const handles = [
    [
      "pipe_wrap",
      "Pipe"
    ],
    [
      "tcp_wrap",
      "TCP"
    ],
    [
      "udp_wrap",
      "UDP"
    ]
  ];
  for (const [module2, name] of handles) {
    const wrap = binding(module2)[name];
    define2(wrap.prototype, "open", {
      value: refuse,
      writable: false,
      configurable: false
    });
  }
  keepPromises();
  const deno = Deno;
  delete deno[deno.internal];
  delete deno.internal;
  delete thisProcess.binding;
  delete thisProcess._linkedBinding;
  define2(Deno, "args", {
    value: [],
    configurable: true
  });
  thisProcess.argv.length = 2;
}
function keepPromises() {
  define2(SafePromise, Symbol.species, {
    configurable: false
  });
  define2(SafePromise.prototype, "constructor", {
    get: () => SafePromise,
    set(value) {
      if (this === SafePromise.prototype) return;
      define2(this, "constructor", {
        value,
        writable: true,
        enumerable: true,
        configurable: true
      });
    },
    configurable: false
  });
}

// console.ts
var import_node_async_hooks = require("node:async_hooks");
var util = __toESM(require("node:util"));

// edits.ts
var NAME = "tyrex:isolate:await:";

// places.ts
var START = `(${NAME}`;
var EVALUATED = ", <anonymous>:";
function placedLine(line) {
  const start2 = indexOf(line, START);
  const comma = start2 < 0 ? -1 : indexOf(line, EVALUATED, start2);
  if (comma < 0 || indexOf(line, ")", start2) < comma) return void 0;
  const name = slice(line, start2 + START.length, comma);
  const from = comma + EVALUATED.length;
  const colon = indexOf(line, ":", from);
  const end2 = indexOf(line, ")", colon);
  const row = toNumber(slice(line, from, colon));
  if (row > numberAt(name, 0)) return "";
  const column = columnOf(name, row, toNumber(slice(line, colon + 1, end2)) - 1) + 1;
  return `${slice(line, 0, start2)}(<anonymous>:${row}:${column}${slice(line, end2)}`;
}
function placed(text) {
  if (indexOf(text, START) < 0) return text;
  let result = "";
  for (let from = 0; from <= text.length; ) {
    const newline = indexOf(text, "\n", from);
    const end2 = newline < 0 ? text.length : newline;
    const line = slice(text, from, end2);
    const place = placedLine(line);
    if (place !== "") result += `${place ?? line}
`;
    from = end2 + 1;
  }
  return slice(result, 0, result.length - 1);
}
function columnOf(name, row, column) {
  let shift = 0;
  for (let at = after(name, 0); at > 0; at = after(name, after(name, after(name, at)))) {
    if (numberAt(name, at) !== row) continue;
    const place = numberAt(name, after(name, at));
    const length = numberAt(name, after(name, after(name, at)));
    if (column - shift >= place + length) shift += length;
    else return column - shift < place ? column - shift : place;
  }
  return column - shift;
}
function numberAt(name, at) {
  const colon = indexOf(name, ":", at);
  return toNumber(slice(name, at, colon < 0 ? name.length : colon));
}
var after = (name, at) => indexOf(name, ":", at) + 1;

// stdio.ts
var import_node_process2 = __toESM(require("node:process"));
var node = import_node_process2.default;
var { binding: binding2 } = node;
var { Pipe: Pipe2, constants: constants2 } = binding2("pipe_wrap");
var { WriteWrap: WriteWrap2 } = binding2("stream_wrap");
var open = uncurry(Pipe2.prototype.open);
var writeBuffer = uncurry(Pipe2.prototype.writeBuffer);
var later = queueMicrotask;
var WebOutput = WritableStream;
var WebInput = ReadableStream;
var writeOutput = writer(Deno.stdout, 1);
var writeErrors = writer(Deno.stderr, 2);
function writer(output, fd) {
  const writeSync = output.writeSync.bind(output);
  let handle = null;
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
      handle = new Pipe2(constants2.SOCKET);
      open(handle, fd);
    }
    if (handle !== null && size > 0) writeBuffer(handle, new WriteWrap2(), rest);
  };
}
function keepStreams() {
  const refuse = refuser("this stream is the runtime's: it stays open");
  for (const stream of [
    Deno.stdin,
    Deno.stdout,
    Deno.stderr
  ]) {
    define(prototypeOf(stream), "close", {
      value: refuse
    });
  }
  keepOutput(prototypeOf(Deno.stdout), writeOutput);
  keepOutput(prototypeOf(Deno.stderr), writeErrors);
  define(prototypeOf(Deno.stdin), "readable", {
    get: () => new WebInput({
      start: (input) => input.close()
    })
  });
  keepNodeStream("stdout");
  keepNodeStream("stderr");
}
function keepOutput(prototype2, write) {
  const writeSync = (bytes) => {
    write(bytes);
    return sizeOf(bytes);
  };
  define(prototype2, "writeSync", {
    value: writeSync
  });
  define(prototype2, "write", {
    value: (bytes) => new SafePromise((resolve) => resolve(writeSync(bytes)))
  });
  define(prototype2, "writable", {
    get: () => new WebOutput({
      write
    })
  });
}
function keepNodeStream(name) {
  const get = getterOf(node, name);
  let kept2 = null;
  define(node, name, {
    get: () => {
      if (kept2 === null) {
        kept2 = apply(get, node, []);
        keepOpen(kept2);
      }
      return kept2;
    }
  });
}
function keepOpen(stream) {
  const { write, emit } = stream;
  const stay = () => stream;
  const end2 = (...given) => {
    const callback = given[given.length - 1];
    if (given.length > 0 && typeof given[0] !== "function") apply(write, stream, given);
    else if (typeof callback === "function") apply(callback, stream, []);
    later(() => apply(emit, stream, [
      "finish"
    ]));
    return stream;
  };
  const kept2 = [
    [
      "end",
      end2
    ],
    [
      "destroy",
      stay
    ],
    [
      "destroySoon",
      stay
    ],
    [
      "cork",
      () => {
      }
    ],
    [
      "setDefaultEncoding",
      stay
    ],
    [
      Symbol.asyncDispose,
      () => new SafePromise((resolve) => resolve())
    ]
  ];
  for (let i = 0; i < kept2.length; i++) {
    const pair = kept2[i];
    define(stream, pair[0], {
      __proto__: null,
      value: pair[1]
    });
  }
}

// text.ts
var LONE = "\\ufffd";
function shown(text, length) {
  if (text.length <= length) return toWellFormed(text);
  const last2 = codeAt(text, length - 1);
  const pairCut = last2 >= 55296 && last2 <= 56319;
  return toWellFormed(slice(text, 0, pairCut ? length - 1 : length)) + "\u2026";
}
function wellFormedJson(json) {
  let from = 0;
  let result = "";
  for (let at = indexOf(json, "\\", 0); at >= 0; at = indexOf(json, "\\", at)) {
    if (!isSurrogateEscape(json, at)) at += 2;
    else {
      result += slice(json, from, at) + LONE;
      at += LONE.length;
      from = at;
    }
  }
  return from === 0 ? json : result + slice(json, from);
}
function isSurrogateEscape(json, at) {
  const digit = codeAt(json, at + 3) | 32;
  return codeAt(json, at + 1) === 117 && (codeAt(json, at + 2) | 32) === 100 && (digit === 56 || digit === 57 || digit >= 97 && digit <= 102);
}

// console.ts
var { format } = util;
var LEVELS = [
  "debug",
  "log",
  "info",
  "warn",
  "error",
  "trace"
];
var OTHERS = [
  "assert",
  "count",
  "countReset",
  "dir",
  "dirxml",
  "table",
  "time",
  "timeEnd",
  "timeLog"
];
var LEVEL_OF = [
  "debug",
  "log",
  "warn",
  "error"
];
var MESSAGE_LENGTH = 8192;
var Context = class {
  id;
  over = false;
  constructor(id) {
    this.id = id;
  }
};
var evals = new import_node_async_hooks.AsyncLocalStorage();
var getStore = evals.getStore.bind(evals);
var run = evals.run.bind(evals);
var withEval = run;
var enter = evals.enterWith.bind(evals);
function leaveEval() {
  if (getStore() !== void 0) enter(void 0);
}
var evalRuns = () => false;
function whileEvalsRun(runs) {
  evalRuns = runs;
}
function leftBehind() {
  const context = getStore();
  return context === void 0 ? evalRuns() : context.over;
}
function keepEval(body) {
  const context = getStore();
  if (context === void 0) return body;
  return function(...given) {
    run(context, () => apply(body, this, given), void 0);
  };
}
var lineStart = (token) => encode(`
${token} `);
function openLog(start2) {
  return (level, text) => {
    const message = shown(placed(text), MESSAGE_LENGTH);
    const fields = encode(`${stringifyJson({
      __proto__: null,
      eval: getStore()?.id ?? null,
      level,
      message,
      cut: text.length > MESSAGE_LENGTH || void 0
    })}
`);
    const line = new Bytes(sizeOf(start2) + sizeOf(fields));
    setBytes(line, start2, 0);
    setBytes(line, fields, sizeOf(start2));
    writeErrors(line);
  };
}
function captureConsole(print) {
  for (const level of LEVELS) {
    globalThis.console[level] = (...args) => {
      print(level, apply(format, void 0, args));
    };
  }
  const others = new Console((text, level) => print(LEVEL_OF[level] ?? "log", slice(text, 0, text.length - 1)));
  for (const name of OTHERS) {
    globalThis.console[name] = others[name].bind(others);
  }
}

// evals.ts
var import_node_util3 = require("node:util");

// exports.ts
var import_node_util2 = require("node:util");
var COMMON_JS = "module.exports";
var MOST_NAMES = 20;
var LONGEST_NAME = 60;
var OF_EVERY_FUNCTION = {
  __proto__: null,
  length: 1,
  name: 1,
  prototype: 1,
  arguments: 1,
  caller: 1
};
var { isModuleNamespaceObject, isProxy } = import_node_util2.types;
var { getOwnPropertyDescriptor, getOwnPropertyNames } = SafeObject;
var builtIn = {
  __proto__: null
};
var namespace = null;
var commonJs = null;
var offered = "";
function offering(load2) {
  return () => {
    const globals = keysOf(globalThis);
    for (let i = 0; i < globals.length; i++) builtIn[globals[i]] = true;
    return load2().then(offer);
  };
}
function offer(module2) {
  namespace = isModuleNamespaceObject(module2) ? module2 : null;
  const exported = namespace === null ? void 0 : getOwnPropertyDescriptor(namespace, COMMON_JS)?.value;
  commonJs = isHolder(exported) ? exported : null;
  const names = {
    __proto__: null,
    text: "",
    count: 0
  };
  const exporter = commonJs ?? namespace;
  const exports = exporter === null ? [] : getOwnPropertyNames(exporter);
  const globals = keysOf(globalThis);
  try {
    if (exporter !== null) addFunctions(names, exporter, "", exports);
    addFunctions(names, globalThis, "", globals, builtIn);
    if (exporter !== null) addMembers(names, exporter, exports);
    addMembers(names, globalThis, globals, builtIn);
  } catch {
  }
  offered = names.text;
}
function exporterOf(name) {
  if (commonJs !== null && hasOwn(commonJs, name)) return commonJs;
  if (namespace === null || !hasOwn(namespace, name)) return null;
  return commonJs === null || name === "default" ? namespace : null;
}
var calledOn = (owner) => owner === namespace ? void 0 : owner;
function whatIsOffered() {
  if (offered !== "") return `; functions of the main module: ${offered}`;
  return namespace === null ? "; the pool has no main module, so there are global functions only" : "; the main module exports no function, and adds none to globalThis";
}
function addFunctions(names, holder, path, members, except = OF_EVERY_FUNCTION) {
  for (let i = 0; i < members.length && names.count <= MOST_NAMES; i++) {
    const name = members[i];
    if (name === COMMON_JS || name in except) continue;
    const descriptor = getOwnPropertyDescriptor(holder, name);
    const value = descriptor?.value;
    const callable = typeof value === "function" && !isClass(value);
    if (callable || descriptor?.get !== void 0) add(names, path + name);
  }
}
function addMembers(names, holder, members, except = OF_EVERY_FUNCTION) {
  for (let i = 0; i < members.length && names.count <= MOST_NAMES; i++) {
    const name = members[i];
    if (name === COMMON_JS || name in except) continue;
    const value = getOwnPropertyDescriptor(holder, name)?.value;
    if (isHolder(value) && value !== globalThis) {
      addFunctions(names, value, `${name}.`, getOwnPropertyNames(value));
    }
  }
}
function add(names, name) {
  if (name.length > LONGEST_NAME || names.count > MOST_NAMES) return;
  names.count += 1;
  const comma = names.text === "" ? "" : ", ";
  names.text += comma + (names.count > MOST_NAMES ? "\u2026" : name);
}
var isClass = (value) => getOwnPropertyDescriptor(value, "prototype")?.writable === false;
var isHolder = (value) => (typeof value === "function" || typeof value === "object" && value !== null) && !isProxy(value);

// functions.ts
function findFunction(path) {
  const dot = indexOf(path, ".");
  let owner = void 0;
  let value = exporterOf(dot < 0 ? path : slice(path, 0, dot)) ?? globalThis;
  for (let from = 0; from <= path.length; ) {
    const dot2 = indexOf(path, ".", from);
    const end2 = dot2 < 0 ? path.length : dot2;
    if (value === void 0 || value === null) {
      return `${slice(path, 0, from - 1)} is ${value}${whatIsOffered()}`;
    }
    owner = value;
    value = value[slice(path, from, end2)];
    from = end2 + 1;
  }
  if (typeof value !== "function") {
    const kind = value === null ? "null" : typeof value;
    return `${path} is not a function: it is ${kind}${whatIsOffered()}`;
  }
  return {
    __proto__: null,
    callable: value,
    owner: calledOn(owner)
  };
}

// inputs.ts
var HANDED = "__tyrex__";
var WITH_INPUTS = `try{throw ${HANDED}}catch(eval){try{throw ${HANDED}}catch(inputs){eval(${HANDED})}}`;
var handed = 0;
var inputs;
var code = "";
function hand() {
  handed -= 1;
  if (handed === 2) return evaluate;
  if (handed === 1) return inputs;
  if (handed === 0) return code;
  handed = 0;
  return void 0;
}
define(globalThis, HANDED, {
  get: hand
});
function evaluateWith(given, javascript) {
  inputs = given;
  code = javascript;
  handed = 3;
  try {
    return evaluate(WITH_INPUTS);
  } finally {
    handed = 0;
    inputs = void 0;
    code = "";
  }
}
var WRAPPER_FRAME = `eval at ${evaluateWith.name} (`;

// sentences.ts
var import_node_module = require("node:module");
var KINDS = [
  "net",
  "read",
  "write",
  "env",
  "run",
  "ffi",
  "sys",
  "import"
];
var LONGEST_TARGET = 200;
var BUNDLE = "bundle it with the program (docs/programs.md)";
var OF_NPM = '\n    0: npm package not found in cache: "';
var ONLY_CACHED = '", --cached-only is specified.';
var ONLY_LOCAL = '", but --no-remote is specified.';
var UNSTABLE = [
  "openKv",
  "cron",
  "listenDatagram",
  "bundle"
];
var OF_COMMON_JS = [
  "module",
  "exports",
  "__dirname",
  "__filename"
];
var ofNode = {
  __proto__: null
};
for (const name of import_node_module.builtinModules) ofNode[name] = true;
var folderOf = (path, scheme = "") => slice(path, scheme.length, lastIndexOf(path, "/"));
var POOLS = folderOf(folderOf(folderOf(Deno.mainModule, "file://")));
var CLOSED_SYS = [
  "inspector",
  "setPriority",
  "umask",
  "setuid",
  "seteuid",
  "setgid",
  "setegid"
];
var CLOSED_PATHS = [
  POOLS,
  "/proc",
  "/dev/core",
  "/dev/fd",
  "/dev/stdin",
  "/dev/stdout",
  "/dev/stderr",
  "/etc/mtab"
];
var SENTENCES = [
  ...KINDS.map((kind) => sentence([
    `Requires ${kind} access`,
    `, run again with the --allow-${kind} flag`
  ], (to) => access(kind, to))),
  sentence([
    "Requires all access",
    ", run again with the --allow-all flag"
  ], (to) => `No pool gives access${to}`),
  sentence([
    "requires unscoped --allow-read and --allow-write permissions",
    "when the link is traversed"
  ], () => 'needs spec.permissions.allow.read: ["*"] and allow.write: ["*"], since a link may lead anywhere'),
  sentence([
    "Requires --allow-run permissions to spawn subprocess with ",
    ". Alternatively, spawn with the",
    " unset."
  ], (names) => `To start a program with ${names}, spec.permissions.allow.run must be ["*"], and deny.run empty`),
  sentence([
    "npm specifiers were requested; but --no-npm is specified"
  ], () => `An npm package cannot be imported at run time: ${BUNDLE}, or write spec.permissions.allow.import: ["*"] and leave deny.import empty`),
  sentence([
    "Failed loading ",
    OF_NPM,
    ONLY_CACHED
  ], (_, name) => notCached(`The npm package "${name}"`, "*")),
  sentence([
    "Failed caching npm package ",
    OF_NPM,
    ONLY_CACHED
  ], (name) => notCached(`The npm package ${name}`, "*")),
  sentence([
    'npm package not found in cache: "',
    ONLY_CACHED
  ], (name) => notCached(`The npm package "${name}"`, "*")),
  sentence([
    'Specifier not found in cache: "',
    ONLY_CACHED
  ], (url) => notCached(`The module "${shortened(url)}"`, hostOf(url))),
  sentence([
    "JSR package manifest for '",
    `' failed to load. A remote specifier was requested: "`,
    ONLY_LOCAL
  ], (name, url) => notCached(`The package "jsr:${name}"`, hostOf(url))),
  sentence([
    'A remote specifier was requested: "',
    ONLY_LOCAL
  ], (url) => notCached(`The module "${shortened(url)}"`, hostOf(url))),
  sentence([
    "Could not resolve version constraint using only cached data. ",
    "Try running again without --cached-only"
  ], () => notCached("A version of the package that fits", "jsr.io:443")),
  sentence([
    'Import "',
    '" not a dependency'
  ], bareImport, "hint"),
  sentence([
    "invalid URL: relative URL with a cannot-be-a-base base"
  ], () => 'Evals have no folder that "./" could mean: import the file in the main module, or write its file:/// URL'),
  sentence([
    'The import attribute type of "',
    '" is unsupported.',
    "\n  hint: run with --unstable-raw-imports"
  ], (type) => `Imports with type "${type}" do not work in a pool: ${BUNDLE}, or write json or text`),
  sentence([
    "Could not find referrer npm package '",
    "'."
  ], () => `require finds no package here: ${BUNDLE}`),
  sentence([
    "require is not defined"
  ], () => 'require works in a main module in CommonJS (a .cjs file) only: write import("node:fs") for what Node has, and bundle packages with the program (docs/programs.md)'),
  ...OF_COMMON_JS.map((name) => sentence([
    `${name} is not defined`
  ], () => `${name} is known in a main module in CommonJS (a .cjs file) only: ${insteadOf(name)}`)),
  ...UNSTABLE.map((name) => sentence([
    `Deno.${name} is not a function`
  ], () => `Deno.${name} is an unstable feature of Deno, and pools have none of these`)),
  sentence([
    "Deno.jupyter is only available in `deno jupyter` subcommand"
  ], () => "A pool has no Deno.jupyter"),
  sentence([
    "`Deno.lint.runPlugin` is only available in `deno test` subcommand"
  ], () => "A pool has no Deno.lint"),
  sentence([
    "getaddrinfo EPERM "
  ], (host) => access("net", ` to "${host}"`), "line")
];
function sentence(parts, say2, ends = "here") {
  return {
    __proto__: null,
    parts,
    say: say2,
    ends
  };
}
function access(kind, to) {
  const target = slice(to, " to ".length);
  if (kind === "sys" && target === '"inspector"') return "No pool gives access to the inspector";
  if (kind === "read" && isIn(target, POOLS)) {
    return "The pool's own files cannot be read while it runs: import them statically in the main module, or bundle the program into one file (docs/programs.md)";
  }
  if (isClosed(kind, target)) return `No pool gives access to ${target}`;
  const grant = `spec.permissions.allow.${kind}: [${entryFor(target)}] would grant it, unless deny.${kind} covers it`;
  const isPackage = kind === "read" && indexOf(target, '/node_modules"') >= 0;
  return `No ${kind} access${to}: ${isPackage || kind === "import" ? `${BUNDLE}; or ${grant}` : grant}`;
}
function isClosed(kind, target) {
  const isPath = kind === "read" || kind === "write";
  const closed = isPath ? CLOSED_PATHS : kind === "sys" ? CLOSED_SYS : [];
  for (let i = 0; i < closed.length; i++) if (isIn(target, closed[i])) return true;
  return false;
}
var isIn = (target, folder) => target === `"${folder}"` || indexOf(target, `"${folder}/`) === 0;
function entryFor(target) {
  if (target === "<TMP>") return '"/tmp"';
  return target === "" || target.length > LONGEST_TARGET || codeAt(target, 0) !== 34 ? '"*"' : target;
}
function notCached(what, host) {
  return `${what} is not in Deno's cache, and nothing is downloaded: ${BUNDLE}, cache it before the pool starts (docs/permissions.md), or grant spec.permissions.allow.import: ["${host}"]`;
}
function bareImport(name, hint) {
  if (indexOf(hint, 'add a "node:" prefix') >= 0 || name in ofNode) {
    return `Modules of Node have a prefix here: write "node:${shortened(name)}"`;
  }
  return `"${shortened(name)}" is neither a URL nor a path, and pools have no import map or installed packages: ${BUNDLE}`;
}
function insteadOf(name) {
  return name === "module" || name === "exports" ? "write export" : "write import.meta.dirname or import.meta.filename, in a main module";
}
function hostOf(url) {
  const scheme = indexOf(url, "://");
  const start2 = scheme < 0 ? 0 : scheme + 3;
  const slash = indexOf(url, "/", start2);
  const host = slice(url, start2, slash < 0 ? url.length : slash);
  const port = indexOf(url, "http:") === 0 ? 80 : 443;
  return shortened(lastIndexOf(host, ":") > lastIndexOf(host, "]") ? host : `${host}:${port}`);
}
var shortened = (text) => text.length <= LONGEST_TARGET ? text : slice(text, 0, LONGEST_TARGET) + "\u2026";

// explain.ts
var LONGEST_GAP = 5e3;
var MOST_SENTENCES = 16;
var HINT = "\n  hint: ";
function explained(text) {
  let result = "";
  let from = 0;
  for (let count2 = 0; count2 < MOST_SENTENCES; count2++) {
    const found = firstIn(text, from);
    if (found === null) break;
    const { sentence: sentence2, to, a, b } = found;
    result += slice(text, from, found.from) + `${sentence2.say(a, b)} (Deno: ${slice(text, found.from, to)})`;
    from = to;
  }
  return from === 0 ? text : result + slice(text, from);
}
function firstIn(text, from) {
  let first2 = null;
  for (let i = 0; i < SENTENCES.length; i++) {
    const found = matchOf(SENTENCES[i], text, from);
    if (found !== null && (first2 === null || found.from < first2.from)) first2 = found;
  }
  return first2;
}
function matchOf(sentence2, text, from) {
  const { parts, ends } = sentence2;
  const start2 = parts[0], middle = parts[1], last2 = parts[2];
  const at = indexOf(text, start2, from);
  if (at < 0 || at > 0 && isOfName(codeAt(text, at - 1))) return null;
  let to = at + start2.length;
  let a = "", b = "";
  if (middle !== void 0) {
    const next = indexOf(text, middle, to);
    if (next < 0 || next - to > LONGEST_GAP) return null;
    a = slice(text, to, next);
    to = next + middle.length;
  }
  if (last2 !== void 0) {
    const next = indexOf(text, last2, to);
    if (next < 0 || next - to > LONGEST_GAP) return null;
    b = slice(text, to, next);
    to = next + last2.length;
  }
  if (ends === "line") {
    a = slice(text, to, endOfLine(text, to));
    to += a.length;
  } else if (ends === "hint" && indexOf(text, HINT, to) === to) {
    b = slice(text, to + HINT.length, endOfLine(text, to + HINT.length));
    to += HINT.length + b.length;
  }
  return {
    __proto__: null,
    sentence: sentence2,
    from: at,
    to,
    a,
    b
  };
}
function endOfLine(text, from) {
  const newline = indexOf(text, "\n", from);
  return newline < 0 ? text.length : newline;
}
var isOfName = (unit) => unit >= 48 && unit <= 57 || unit >= 65 && unit <= 90 || unit >= 97 && unit <= 122 || unit === 36 || unit === 46 || unit === 95;

// carried.ts
var DEPTH = 8;
var ELEMENTS = 1e3;
var TEXT_LENGTH = 8192;
var INNER = [
  "cause",
  "errors",
  "error",
  "suppressed"
];
function carriedBy(error, room) {
  const members = membersOf(error, "", null, room - 2);
  return members === "" ? void 0 : `{${members}}`;
}
function membersOf(error, head, parent, room) {
  const chain = {
    __proto__: null,
    error,
    parent,
    depth: parent === null ? 1 : parent.depth + 1
  };
  let members = head;
  const add2 = (name) => {
    if (!hasOwn(error, name)) return;
    const key = `${members === "" ? "" : ","}${stringifyJson(name)}:`;
    const value = memberOf(error, name, chain, room - members.length - key.length);
    if (value !== void 0 && members.length + key.length + value.length <= room) members += key + value;
  };
  const names = keysOf(error);
  for (let i = 0; i < names.length && members.length < room; i++) {
    const name = names[i];
    const comesAnyway = head !== "" && (name === "name" || name === "message");
    if (!comesAnyway && !isInner(name)) add2(name);
  }
  for (let i = 0; i < INNER.length; i++) add2(INNER[i]);
  return members;
}
function isInner(name) {
  for (let i = 0; i < INNER.length; i++) if (INNER[i] === name) return true;
  return false;
}
function memberOf(owner, name, chain, room) {
  try {
    const value = owner[name];
    return name === "errors" && isArray(value) ? listOf(value, chain, room) : jsonOf(value, chain, room);
  } catch {
    return void 0;
  }
}
function jsonOf(value, chain, room) {
  if (typeof value === "string" && value.length > room) return void 0;
  if (!isNativeError(value)) return withErrors(value);
  if (chain.depth >= DEPTH || room <= 0) return void 0;
  for (let above = chain; above !== null; above = above.parent) {
    if (above.error === value) return void 0;
  }
  const name = stringifyJson(textOf(value, "name")), message = stringifyJson(textOf(value, "message"));
  const head = `"name":${name},"message":${message}`;
  return head.length + 2 > room ? void 0 : `{${membersOf(value, head, chain, room - 2)}}`;
}
function withErrors(value) {
  const copies = new SafeMap();
  return stringifyJson(value, (_, member) => {
    if (!isNativeError(member)) return member;
    const known = getOf(copies, member);
    if (known !== void 0) return known;
    const name = textOf(member, "name"), message = textOf(member, "message");
    const copy = {
      __proto__: null,
      ...member,
      name,
      message
    };
    setOf(copies, member, copy);
    return copy;
  });
}
function listOf(values, chain, room) {
  let list = "";
  for (let i = 0; i < values.length && i < ELEMENTS && list.length < room; i++) {
    const left = room - list.length - 3;
    const element = elementOf(values, i, chain, left);
    if (element !== void 0 && element.length <= left) list += (list === "" ? "" : ",") + element;
  }
  return `[${list}]`;
}
function elementOf(values, index, chain, room) {
  try {
    return jsonOf(values[index], chain, room);
  } catch {
    return void 0;
  }
}
function textOf(error, name) {
  let text = "";
  try {
    text = error[name];
  } catch {
  }
  return typeof text === "string" ? explained(shown(text, TEXT_LENGTH)) : "";
}

// result.ts
var ENTRY_FRAME = `${Deno.mainModule}:`;
var OUR_FRAMES = "tyrex:isolate:";
var EVALUATED2 = ", <anonymous>:";
var EVAL_ORIGIN = "(eval at ";
var FRAME = "    at ";
var UNSHOWN = "a thrown value that cannot be shown";
var DETAIL_LENGTH = 8192;
var STACK_LENGTH = 16384;
var VALUE_LENGTH = 65536;
function toJson(value, limit) {
  if (value === void 0) return "null";
  let json;
  try {
    json = stringifyJson(value);
  } catch (error) {
    throw `the result cannot be JSON: ${describe(error, jsonValue(error))}`;
  }
  if (json === void 0) throw `the result cannot be JSON: it is a ${typeof value}`;
  if (json.length * 3 > limit && (json.length > limit || encode(json).length > limit)) {
    throw `the result is larger than limits.result (${limit} bytes)`;
  }
  return json;
}
function failure(name, thrown2) {
  const value = jsonValue(thrown2);
  const head = refusal(name, describe(thrown2, value));
  const stack = stackOf(thrown2);
  const withValue = value === void 0 ? "" : `,"value":${value}`;
  const withStack = stack === void 0 ? "" : `,"stack":${stringifyJson(stack)}`;
  return slice(head, 0, head.length - 1) + withStack + withValue + "}";
}
function uncaughtText(thrown2) {
  const value = jsonValue(thrown2);
  const stack = stackOf(thrown2);
  if (stack === void 0) return explained(shown(describe(thrown2, value), DETAIL_LENGTH));
  return value === void 0 ? stack : `${stack} ${value}`;
}
function refusal(name, detail, stack) {
  const fields = {
    __proto__: null,
    name,
    detail: explained(shown(detail, DETAIL_LENGTH)),
    stack: stack === void 0 ? void 0 : explained(shown(stack, STACK_LENGTH))
  };
  return stringifyJson(fields);
}
var frameIsOurs = (line) => indexOf(line, OUR_FRAMES) >= 0 || indexOf(line, ENTRY_FRAME) >= 0;
var isOfWrapper = (line) => {
  const first2 = indexOf(line, EVAL_ORIGIN);
  return first2 >= 0 && indexOf(line, WRAPPER_FRAME, first2) === first2 + 1;
};
function describe(thrown2, json) {
  try {
    if (isNativeError(thrown2)) return toText(thrown2);
    if (typeof thrown2 === "object" && thrown2 !== null) return json ?? UNSHOWN;
    return toText(thrown2);
  } catch {
    return UNSHOWN;
  }
}
function jsonValue(thrown2) {
  try {
    if (isNativeError(thrown2)) {
      const carried = carriedBy(thrown2, VALUE_LENGTH);
      return carried === void 0 ? void 0 : wellFormedJson(carried);
    }
    if (typeof thrown2 === "string" && thrown2.length > VALUE_LENGTH) return void 0;
    const json = withErrors(thrown2);
    return json === void 0 || json.length > VALUE_LENGTH ? void 0 : wellFormedJson(json);
  } catch {
    return void 0;
  }
}
function stackOf(thrown2) {
  try {
    if (!isNativeError(thrown2) || typeof thrown2.stack !== "string") return void 0;
    return explained(shown(withoutOurFrames(thrown2.stack), STACK_LENGTH));
  } catch {
    return void 0;
  }
}
function withoutOurFrames(stack) {
  let result = "";
  for (let from = 0; from <= stack.length; ) {
    const newline = indexOf(stack, "\n", from);
    const end2 = newline < 0 ? stack.length : newline;
    const line = slice(stack, from, end2);
    const place = placedLine(line);
    if (place !== void 0) {
      if (place !== "") result += place + "\n";
    } else if (frameIsOurs(line)) {
      const inside = indexOf(line, EVALUATED2);
      if (inside < 0) break;
      if (isOfWrapper(line)) {
        from = end2 + 1;
        continue;
      }
      result += slice(line, 0, indexOf(line, "eval at ")) + slice(line, inside + 2) + "\n";
    } else if (!isOfDeno(line)) result += line + "\n";
    from = end2 + 1;
  }
  return slice(result, 0, result.length - 1);
}
function isOfDeno(line) {
  if (indexOf(line, FRAME) !== 0) return false;
  const bracket = lastIndexOf(line, "(");
  const start2 = bracket < 0 ? lastIndexOf(line, " ") + 1 : bracket + 1;
  return indexOf(line, "ext:", start2) === start2 || indexOf(line, "node:", start2) === start2;
}

// syntax.ts
var nodeModule = __toESM(require("node:module"));
var { stripTypeScriptTypes } = nodeModule;
var STRIP = {
  __proto__: null,
  mode: "strip"
};
var TRANSFORM = {
  __proto__: null,
  mode: "transform"
};
var MARK = "file:///stripTypeScriptTypes.ts:";
var PREFIX = "SyntaxError: ";
var OBJECT_HINT = " (to write an object, put it in parentheses: ({\u2026}))";
var UNEXPECTED = "SyntaxError: Invalid or unexpected token";
var NATIVE_FRAME = "\n    at eval (<anonymous>)\n";
var ENGINE_ONLY = [
  "await is only valid",
  "Illegal ",
  "Cannot use ",
  "Identifier '",
  "Missing init",
  "Duplicate "
];
var TAB_WIDTH = 2;
function toJavaScript(code2) {
  try {
    return stripTypeScriptTypes(code2, STRIP);
  } catch {
    return stripTypeScriptTypes(code2, TRANSFORM);
  }
}
function syntaxFailure(code2, typescript, thrown2) {
  try {
    if (!isNativeError(thrown2)) return void 0;
    const message = thrown2.message;
    if (typescript && typeof message === "string" && indexOf(message, MARK) >= 0) {
      return parserFailure(code2, message);
    }
    if (!isOfEvaluate(thrown2)) return void 0;
    const found = parserMessage(code2);
    return typescript && found !== null ? parserFailure(code2, found) : engineFailure(code2, toText(thrown2), found);
  } catch {
    return void 0;
  }
}
function parserFailure(code2, message) {
  const at = placeIn(code2, message).position;
  const start2 = indexOf(message, PREFIX) === 0 ? PREFIX.length : 0;
  const end2 = lastIndexOf(message, "\n    at ");
  const text = PREFIX + slice(message, start2, end2 < 0 ? message.length : end2);
  const line = indexOf(text, "\n");
  return refusal("execution_error", `${line < 0 ? text : slice(text, 0, line)} (${at})${isObject(code2) ? OBJECT_HINT : ""}`, `${text}
    at <anonymous>:${at}`);
}
function engineFailure(code2, text, found) {
  const place = found === null ? null : placeIn(code2, found);
  const at = place !== null && isOf(text, code2, place) ? `
    at <anonymous>:${place.position}` : "";
  const explained2 = text + hintFor(code2, text, found === null);
  return refusal("execution_error", explained2, explained2 + at);
}
function isOf(text, code2, place) {
  for (let i = 0; i < ENGINE_ONLY.length; i++) {
    if (indexOf(text, PREFIX + ENGINE_ONLY[i]) === 0) return false;
  }
  if (indexOf(text, `${PREFIX}Unexpected `) !== 0) return true;
  const quote = indexOf(text, " '");
  if (quote < 0) return true;
  const token = slice(text, quote + 2, text.length - 1);
  return slice(code2, place.at, place.at + token.length) === token;
}
function hintFor(code2, text, parsed) {
  if (isObject(code2)) return OBJECT_HINT;
  if (text === UNEXPECTED && parsed && indexOf(code2, "@") >= 0) {
    return " (decorators work in a main module only)";
  }
  return "";
}
function isOfEvaluate(thrown2) {
  const stack = thrown2.stack;
  if (typeof stack !== "string" || indexOf(stack, PREFIX) !== 0) return false;
  const first2 = indexOf(stack, "\n    at ");
  const native = indexOf(stack, NATIVE_FRAME);
  if (native < 0) return false;
  if (native !== first2 && native !== indexOf(stack, "\n    at ", first2 + 1)) return false;
  if (native !== first2 && !isOfWrapper(slice(stack, first2 + 1, native))) return false;
  const from = native + NATIVE_FRAME.length;
  const end2 = indexOf(stack, "\n", from);
  return frameIsOurs(slice(stack, from, end2 < 0 ? stack.length : end2));
}
function parserMessage(code2) {
  try {
    stripTypeScriptTypes(code2, TRANSFORM);
  } catch (error) {
    const { message } = error;
    if (indexOf(message, MARK) >= 0) return message;
  }
  return null;
}
function isObject(code2) {
  let end2 = code2.length;
  while (end2 > 0 && isSpace(codeAt(code2, end2 - 1))) end2 -= 1;
  if (codeAt(code2, end2 - 1) === 59) end2 -= 1;
  const from = startOf(code2, end2);
  if (codeAt(code2, from) !== 123) return false;
  try {
    stripTypeScriptTypes(`(${slice(code2, from, end2)}
)`, TRANSFORM);
    return true;
  } catch {
    return false;
  }
}
function startOf(code2, end2) {
  let from = 0;
  while (from < end2) {
    const two = slice(code2, from, from + 2);
    if (isSpace(codeAt(code2, from))) from += 1;
    else if (two === "//") from = endOf(code2, "\n", from);
    else if (two === "/*") from = endOf(code2, "*/", from + 2);
    else break;
  }
  return from;
}
function endOf(code2, mark, from) {
  const at = indexOf(code2, mark, from);
  return at < 0 ? code2.length : at + mark.length;
}
var isSpace = (character) => character === 32 || character >= 9 && character <= 13;
function placeIn(code2, message) {
  const from = lastIndexOf(message, MARK) + MARK.length;
  const colon = indexOf(message, ":", from);
  const line = toNumber(slice(message, from, colon));
  const column = toNumber(slice(message, colon + 1)) - 1;
  let start2 = 0;
  for (let i = 1; i < line; i++) {
    const newline = indexOf(code2, "\n", start2);
    if (newline < 0) break;
    start2 = newline + 1;
  }
  let at = start2;
  for (let shown2 = 0; shown2 < column && at < code2.length; at++) {
    const unit = codeAt(code2, at);
    if (unit === 9) shown2 += TAB_WIDTH;
    else if (unit < 56320 || unit > 57343) shown2 += 1;
    if (shown2 === column && unit >= 55296 && unit <= 56319) at += 1;
  }
  return {
    __proto__: null,
    at,
    position: `${line}:${at - start2 + 1}`
  };
}

// top_level_await.ts
var AWAIT = "await";
var NO_SUCH_FUNCTION = "await is not defined";
var NO_BODY = "Single function literal required";
var AsyncFunction = (async () => {
}).constructor;
var MOST_KEPT = 64;
var LONGEST_KEPT = 16384;
var rewrite = null;
var kept = new SafeMap();
var count = 0;
var Unparsable = class {
  reply;
  constructor(reply2) {
    this.reply = reply2;
  }
};
function mustLoad(code2, thrown2, loaded) {
  if (rewrite !== null || !isOurs(code2, thrown2)) return false;
  whenSettled(rewriter(), (module2) => {
    load(module2.default);
    loaded();
  }, () => {
    rewrite ??= () => null;
    loaded();
  });
  return true;
}
function scriptFor(code2, thrown2) {
  const made = isOurs(code2, thrown2) ? rewritten(code2, callsAwait(thrown2)) : null;
  if (made !== null && "script" in made) return made.script;
  if (made === null || callsAwait(thrown2)) throw thrown2;
  const found = errorOf(code2) ?? `SyntaxError: ${made.message}`;
  if (found === toText(thrown2)) throw thrown2;
  throw new Unparsable(refusal("execution_error", found, `${found}
    at <anonymous>:${made.line}:${made.column}`));
}
function isOurs(code2, thrown2) {
  if (indexOf(code2, AWAIT) < 0) return false;
  try {
    return isNativeError(thrown2) && (isOfEvaluate(thrown2) || callsAwait(thrown2));
  } catch {
    return false;
  }
}
var callsAwait = (thrown2) => thrown2.message === NO_SUCH_FUNCTION;
function rewritten(code2, again) {
  const known = getOf(kept, code2);
  if (known !== void 0) return known;
  try {
    const made = rewrite(code2, again);
    if (made !== null) keep(code2, made);
    return made;
  } catch {
    return null;
  }
}
function keep(code2, made) {
  if (code2.length > LONGEST_KEPT) return;
  if (++count > MOST_KEPT) {
    kept = new SafeMap();
    count = 1;
  }
  setOf(kept, code2, made);
}
function load(text) {
  const module2 = {
    exports: {
      rewrite: () => null
    }
  };
  const run3 = core.evalContext(`(function (module) {${text}
})`, "tyrex:isolate:rewrite")[0];
  try {
    run3(module2);
  } catch {
  }
  rewrite = module2.exports.rewrite;
}
function errorOf(code2) {
  try {
    construct(AsyncFunction, [
      code2
    ]);
    return null;
  } catch (error) {
    const said = toText(error);
    return indexOf(said, NO_BODY) < 0 ? said : null;
  }
}

// evals.ts
var { isPromise } = import_node_util3.types;
function start(order, resultLimit, finish2) {
  let { code: code2 } = order;
  let value;
  try {
    if (order.kind === "call") {
      const found = findFunction(code2);
      if (typeof found === "string") return finish2(order, "error", refusal("unknown_function", found), false);
      value = apply(found.callable, found.owner, order.args);
    } else {
      if (order.kind === "ts") code2 = toJavaScript(code2);
      value = evaluateScript(order, code2);
    }
  } catch (error) {
    if (order.kind !== "call") return startAgain(order, code2, error, resultLimit, finish2);
    return finish2(order, "error", thrown(order, error), false);
  }
  settle(order, value, resultLimit, finish2);
}
function startAgain(order, code2, error, resultLimit, finish2) {
  const later2 = (order2, status, json) => finish2(order2, status, json, true);
  if (mustLoad(code2, error, () => startAgain(order, code2, error, resultLimit, later2))) return;
  let value;
  try {
    value = evaluateScript(order, scriptFor(code2, error));
  } catch (failed) {
    return finish2(order, "error", thrown(order, failed), false);
  }
  settle(order, value, resultLimit, finish2);
}
var evaluateScript = (order, code2) => order.inputs === void 0 ? evaluate(code2) : evaluateWith(order.inputs, code2);
function thrown(order, error) {
  if (error instanceof Unparsable) return error.reply;
  const syntax = order.kind === "call" ? void 0 : syntaxFailure(order.code, order.kind === "ts", error);
  return syntax ?? failure("execution_error", error);
}
function settle(order, value, resultLimit, finish2) {
  try {
    const promise = promiseOf(value);
    if (promise === null) return convert(order, value, resultLimit, finish2, false);
    whenSettled(promise, (result) => convert(order, result, resultLimit, finish2, true), (reason) => finish2(order, "error", failure("promise_rejection", reason), true));
  } catch (error) {
    finish2(order, "error", failure("promise_rejection", error), false);
  }
}
function promiseOf(value) {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return null;
  if (isPromise(value)) return value;
  const then2 = value.then;
  if (typeof then2 !== "function") return null;
  return new SafePromise((resolve, reject) => apply(then2, value, [
    resolve,
    reject
  ]));
}
function convert(order, value, resultLimit, finish2, later2) {
  let json;
  try {
    json = toJson(value, resultLimit);
  } catch (reason) {
    return finish2(order, "error", refusal("conversion_error", reason), later2);
  }
  finish2(order, "result", json, later2);
}

// guards.ts
var import_node_process4 = __toESM(require("node:process"));

// leftovers.ts
var import_node_process3 = __toESM(require("node:process"));
var define3 = SafeObject.defineProperty;
var Failure = Error;
var node2 = import_node_process3.default;
var ENDS = [
  [
    Deno,
    "exit"
  ],
  [
    node2,
    "exit"
  ],
  [
    node2,
    "reallyExit"
  ],
  [
    node2,
    "abort"
  ]
];
var end = Deno.exit.bind(Deno, 0);
var spoil = () => {
};
for (const [target, name] of ENDS) {
  const unguarded = target[name];
  const value = function(...given) {
    if (!leftBehind()) return apply(unguarded, this, given);
    spoil("exit");
    throw new Failure(`${name}: the eval that this code comes from is over, and others may run here now`);
  };
  define3(target, name, {
    value,
    writable: true,
    configurable: true
  });
}
var { exit } = Deno;
function onRefusedExit(refused) {
  spoil = refused;
}

// guards.ts
var getBuiltinModule = import_node_process4.default.getBuiltinModule;
var Failure2 = Error;
var ArrayPrototype = Array.prototype;
var { setPrototypeOf: setPrototypeOf2 } = SafeObject;
var hooks = moduleHooks();
var armed = false;
keepStreams();
keepPermissions();
refuseOnceArmed(getBuiltinModule("node:v8"), "setFlagsFromString", refuser("V8's flags are the process's: all evals after this one would run with them"));
refuseOnceArmed(prototypeOf(getBuiltinModule("node:async_hooks").createHook({})), "enable", refuser("async hooks are the process's: they would run in all evals after this one"));
throwFromWatch();
define(globalThis, "close", {
  value: () => exit(0)
});
function arm() {
  armed = true;
  keepModuleHooks();
}
function refuseOnceArmed(target, name, refuse) {
  const method = target[name];
  define(target, name, {
    value: function(...given) {
      return armed ? refuse() : apply(method, this, given);
    }
  });
}
function keepPermissions() {
  const prototype2 = prototypeOf(Deno.permissions);
  const refuse = refuser("permissions are those of the whole runtime: they cannot be revoked by one eval");
  refuseOnceArmed(prototype2, "revokeSync", refuse);
  refuseOnceArmed(prototype2, "revoke", () => new SafePromise(refuse));
  define(prototype2, "requestSync", {
    value: prototype2.querySync
  });
  define(prototype2, "request", {
    value: prototype2.query
  });
}
function moduleHooks() {
  const own = SafeObject.getOwnPropertyDescriptor(Array.prototype, "constructor");
  const hook = getBuiltinModule("node:module").registerHooks({});
  let list = [];
  const get = function() {
    list = this;
    return Array;
  };
  define(Array.prototype, "constructor", {
    get,
    configurable: true
  });
  hook.deregister();
  define(Array.prototype, "constructor", own);
  return list;
}
function keepModuleHooks() {
  const prototype2 = {
    __proto__: ArrayPrototype
  };
  const set = refuser("module hooks are the process's: they would change the imports of all evals after this one");
  for (let index = hooks.length; index >= 0; index--) {
    define(prototype2, index, {
      __proto__: null,
      set
    });
  }
  setPrototypeOf2(hooks, prototype2);
}
function throwFromWatch() {
  const { lstatSync } = Deno;
  define(Deno, "lstatSync", {
    value: (path) => {
      try {
        return lstatSync(path);
      } catch (error) {
        if (!(error instanceof NotCapable) || !calledByWatch()) throw error;
        throw new SafeProxy(error, {
          __proto__: null,
          getPrototypeOf: () => {
            throw error;
          }
        });
      }
    }
  });
}
function calledByWatch() {
  const stack = new Failure2().stack;
  return typeof stack === "string" && indexOf(stack, ".watch (ext:deno_node/") >= 0;
}

// protocol.ts
var NONE = [];
var Hello = class {
  tag;
  secrets;
  logToken;
  concurrency;
  resultLimit;
  bufferLimit;
  constructor(fields) {
    this.tag = fields[0];
    this.secrets = new Numbers(4);
    for (let i = 0; i < 4; i++) this.secrets[i] = fields[i + 1];
    this.logToken = fields[5];
    this.concurrency = fields[6];
    this.resultLimit = fields[7];
    this.bufferLimit = fields[8];
  }
};
var Order = class {
  nonceHigh;
  nonceLow;
  number;
  context;
  kind;
  startBefore;
  code;
  args;
  /** What the code sees under that name; undefined if it sees nothing. */
  inputs;
  next = null;
  constructor(fields) {
    this.nonceHigh = fields[0];
    this.nonceLow = fields[1];
    this.number = fields[2];
    this.context = new Context(fields[3]);
    this.kind = fields[4];
    this.startBefore = fields[5];
    this.code = fields[6];
    const isCall = this.kind === "call";
    const data = fields.length > 7 ? fields[7] : void 0;
    this.args = isCall ? data : NONE;
    this.inputs = isCall ? void 0 : data;
  }
};
for (const { prototype: prototype2 } of [
  Hello,
  Order
]) setPrototypeOf(prototype2, null);
var parseHello = (line) => new Hello(parseJson(line));
function parseOrder(line) {
  let fields;
  try {
    fields = parseJson(line);
  } catch {
    return null;
  }
  return isArray(fields) ? new Order(fields) : null;
}
var tagOf = (order, secrets) => disguise(order, secrets, 0);
var markOf = (order, secrets) => disguise(order, secrets, 2);
function disguise(order, secrets, first2) {
  const high = (order.nonceHigh ^ secrets[first2]) >>> 0;
  const low = (order.nonceLow ^ secrets[first2 + 1]) >>> 0;
  return `${high}-${low}`;
}

// started.ts
var DIGITS = 10;
var ZERO = 48;
var NEWLINE2 = 10;
var PLUS = 43;
function openStarted(start2) {
  const line = new Bytes(start2.length + 1 + DIGITS + 1);
  setBytes(line, start2, 0);
  line[start2.length] = PLUS;
  line[line.length - 1] = NEWLINE2;
  const last2 = line.length - 2;
  return (number) => {
    for (let at = last2, rest = number; at > last2 - DIGITS; at -= 1) {
      line[at] = ZERO + rest % 10;
      rest = (rest - rest % 10) / 10;
    }
    writeOutput(line);
  };
}

// storages.ts
var ABSENT = [
  "localStorage",
  "caches",
  "Cache",
  "CacheStorage"
];
function removeStorages() {
  for (let i = 0; i < ABSENT.length; i++) {
    delete globalThis[ABSENT[i]];
  }
}

// listeners.ts
var { prototype } = EventTarget;
var guardedOnes = /* @__PURE__ */ new WeakMap();
var guardedOne = uncurry(WeakMap.prototype.get).bind(null, guardedOnes);
var remember = uncurry(WeakMap.prototype.set).bind(null, guardedOnes);
function guardListeners(guard) {
  const guarded2 = (listener) => {
    if (typeof listener !== "function" && (typeof listener !== "object" || listener === null)) {
      return listener;
    }
    const known = guardedOne(listener);
    if (known !== void 0) return known;
    const made = guard(callbackOf(listener));
    remember(listener, made);
    remember(made, made);
    return made;
  };
  for (const name of [
    "addEventListener",
    "removeEventListener"
  ]) {
    const listen = prototype[name];
    const { [name]: value } = {
      [name](...given) {
        if (given.length > 1) given[1] = guarded2(given[1]);
        return apply(listen, this, given);
      }
    };
    define(prototype, name, {
      value
    });
  }
}
function callbackOf(listener) {
  if (typeof listener === "function") return listener;
  return (event) => {
    const { handleEvent } = listener;
    if (typeof handleEvent === "function") apply(handleEvent, listener, [
      event
    ]);
  };
}

// uncaught.ts
var define4 = SafeObject.defineProperty;
var { dispatchEvent } = EventTarget.prototype;
var { preventDefault } = Event.prototype;
var { runMicrotasks } = core;
var typeOf = getterOf2(Event.prototype, "type");
var errorOf2 = getterOf2(ErrorEvent.prototype, "error");
var messageOf = getterOf2(ErrorEvent.prototype, "message");
var MESSAGE_LENGTH2 = 8192;
function captureUncaught(print, leftovers) {
  const log = (head, textOf2) => {
    try {
      print("error", head + textOf2());
    } catch {
    }
  };
  const report2 = (error) => log("Uncaught ", () => uncaughtText(error));
  core.setReportExceptionCallback(report2);
  core.setUnhandledPromiseRejectionHandler((_promise, reason) => {
    log("Uncaught (in promise) ", () => uncaughtText(reason));
    return true;
  });
  captureEvents(report2, log);
  const guard = (callback) => guarded(callback, report2, leftovers);
  guardTimers(guard);
  guardListeners(guard);
}
function captureEvents(report2, log) {
  const dispatch = function(event) {
    const target = this ?? globalThis;
    const error = target === globalThis ? thrownIn(event) : null;
    if (error === null) return apply(dispatchEvent, target, [
      event
    ]);
    apply(preventDefault, event, []);
    if (error.thrown !== null && error.thrown !== void 0) report2(error.thrown);
    else log("", () => explained(shown(error.message, MESSAGE_LENGTH2)));
    return false;
  };
  define4(globalThis, "dispatchEvent", {
    value: dispatch,
    writable: false,
    configurable: false
  });
  define4(globalThis, "reportError", {
    value: report2,
    writable: true,
    configurable: true
  });
}
function thrownIn(event) {
  try {
    if (apply(typeOf, event, []) !== "error") return null;
    return {
      thrown: apply(errorOf2, event, []),
      message: apply(messageOf, event, [])
    };
  } catch {
    return null;
  }
}
function guardTimers(guard) {
  const timer = setTimeout(() => {
  });
  const immediate = setImmediate(() => {
  });
  guardMember(timer, "_onTimeout", guard);
  guardMember(immediate, "_onImmediate", (callback) => keepEval(guard(callback)));
  clearTimeout(timer);
  clearImmediate(immediate);
}
function guardMember(timer, member, guard) {
  define4(SafeObject.getPrototypeOf(timer), member, {
    set(callback) {
      const value = typeof callback === "function" ? guard(callback) : callback;
      define4(this, member, {
        __proto__: null,
        value,
        writable: true,
        enumerable: true,
        configurable: true
      });
    },
    configurable: false
  });
}
function guarded(callback, report2, leftovers) {
  return function(...given) {
    const left = leftBehind();
    if (left) leftovers.begin();
    try {
      apply(callback, this, given);
    } catch (error) {
      report2(error);
    }
    if (left) {
      runMicrotasks();
      leftovers.end();
    }
  };
}
function getterOf2(prototype2, name) {
  return SafeObject.getOwnPropertyDescriptor(prototype2, name)?.get;
}

// isolate.ts
var ONE_WRITE = 32768;
var TAG_LENGTH = 64;
var LEFTOVER = 0;
var { getHeapStatistics } = import_node_process5.default.getBuiltinModule("node:v8");
var collectGarbage = globalThis.gc;
var channel;
var hello;
var begin = null;
var first = null;
var last = null;
var taken = 0;
var running = 0;
var stopped = false;
var spoiler = null;
var measured = false;
var sayBegun;
var saidBegun = 0;
var saidLast = 0;
function boot(load2) {
  const greeted = new SafePromise((resolve) => begin = resolve);
  channel = openChannel(Number(Deno.args[0]), received, startNext, end);
  closeBackDoors();
  removeStorages();
  return greeted.then(offering(load2)).then(arm).then(() => report("ready", `${now()}`), (error) => report("failed", failure("execution_error", error)));
}
function report(state, json) {
  channel.send(`${hello.tag} ${state} ${json}
`);
}
function received(lines) {
  leaveEval();
  measured = false;
  let from = 0;
  for (let end2 = indexOf(lines, "\n"); end2 >= 0; end2 = indexOf(lines, "\n", from)) {
    const line = slice(lines, from, end2);
    from = end2 + 1;
    if (begin === null) queue(parseOrder(line));
    else welcome(parseHello(line));
  }
  startNext();
}
function welcome(received2) {
  const start2 = lineStart(received2.logToken);
  received2.logToken = "";
  hello = received2;
  const print = openLog(start2);
  sayBegun = openStarted(start2);
  captureConsole(print);
  captureUncaught(print, {
    begin: leftoverBegins,
    end: leftoverEnds
  });
  onRefusedExit(spoil2);
  whileEvalsRun(() => running > 0);
  report("started", `${now()}`);
  begin?.();
  begin = null;
}
function queue(order) {
  taken += 1;
  if (order === null || order.number !== taken) return giveUp("an order is missing");
  if (last === null) first = order;
  else last.next = order;
  last = order;
}
function giveUp(reason) {
  stopped = true;
  channel.send(`${reason}
`);
}
function startNext() {
  while (first !== null && running < hello.concurrency && !channel.blocked() && !stopped) {
    const order = first;
    first = order.next;
    if (first === null) last = null;
    if (order.startBefore > 0 && now() >= order.startBefore) {
      reply(order, "declined", `${now()}`);
      continue;
    }
    if (!measured && running === 0 && overfull()) return spoil2("buffers");
    measured = true;
    if (order.number > saidBegun && !say(hello.concurrency === 1 ? taken : order.number)) return;
    running += 1;
    withEval(order.context, run2, order);
  }
  if (first !== null && first.number <= saidBegun) say(first.number - 1);
}
function say(number) {
  saidLast = number;
  if (number !== LEFTOVER) saidBegun = number;
  try {
    sayBegun(number);
    return true;
  } catch {
    giveUp("descriptor 1 is closed");
    return false;
  }
}
function run2(order) {
  start(order, hello.resultLimit, finish);
}
function finish(order, status, json, later2) {
  running -= 1;
  order.context.over = true;
  if (spoiler === null && overfull()) {
    stopped = true;
    reply(order, "overfull", "null");
  } else {
    reply(order, status, json);
  }
  if (spoiler !== null && running === 0) spoil2(spoiler);
  if (later2) startNext();
}
function leftoverBegins() {
  if (running > 0) say(LEFTOVER);
}
function leftoverEnds() {
  if (saidLast === LEFTOVER) say(saidBegun);
  if (overfull()) spoil2("buffers");
}
function spoil2(by) {
  stopped = true;
  spoiler = by;
  if (running === 0) report("spoiled", `"${by}"`);
}
function reply(order, status, json) {
  const tag = tagOf(order, hello.secrets);
  if (json.length * 3 + TAG_LENGTH > ONE_WRITE) {
    const length = byteLength(json);
    if (length + TAG_LENGTH > ONE_WRITE) {
      return channel.sendMarked(`${tag}:${status}:${length}
${json}
`, () => `${markOf(order, hello.secrets)}
`);
    }
  }
  channel.send(`${tag} ${status} ${json}
`);
}
function overfull() {
  if (getHeapStatistics().external_memory <= hello.bufferLimit) return false;
  collectGarbage?.();
  collectGarbage?.();
  return getHeapStatistics().external_memory > hello.bufferLimit;
}
