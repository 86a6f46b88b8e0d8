/** The sentences of Deno that `explain.ts` replaces, each with what to write or do instead. */
import { builtinModules } from "node:module";
import { codeAt, indexOf, lastIndexOf, slice } from "./primordials.ts";

/** `parts` in this order, with anything in between: the first gap is `a`, the second `b`. */
export interface Sentence {
  parts: readonly [string, string?, string?];
  /** Where it ends: after the last part, with its line, or with a hint in the next line, if there is one. */
  ends: "here" | "line" | "hint";
  say: (a: string, b: string) => string;
}

const KINDS = ["net", "read", "write", "env", "run", "ffi", "sys", "import"];
const LONGEST_TARGET = 200;
const BUNDLE = "bundle it with the program (docs/programs.md)";
const OF_NPM = '\n    0: npm package not found in cache: "';
const ONLY_CACHED = '", --cached-only is specified.';
const ONLY_LOCAL = '", but --no-remote is specified.';
const UNSTABLE = ["openKv", "cron", "listenDatagram", "bundle"];
const OF_COMMON_JS = ["module", "exports", "__dirname", "__filename"];
/** By name; a list, which a guest can change, is not searched. */
const ofNode = { __proto__: null } as unknown as Record<string, true>;
for (const name of builtinModules) ofNode[name] = true;
const folderOf = (path: string, scheme = ""): string => slice(path, scheme.length, lastIndexOf(path, "/"));
/** The folder of all pools: the entry file is in `private/<pool>/`, a main module that the manifest has in `modules`. */
const POOLS = folderOf(folderOf(folderOf(Deno.mainModule, "file://")));
/** What no entry grants (docs/permissions.md): names of `sys`, and paths with all that is in them. */
const CLOSED_SYS = ["inspector", "setPriority", "umask", "setuid", "seteuid", "setgid", "setegid"];
const CLOSED_PATHS = [
  POOLS,
  "/proc",
  "/dev/core",
  "/dev/fd",
  "/dev/stdin",
  "/dev/stdout",
  "/dev/stderr",
  "/etc/mtab",
];

/** The first that is found in a text counts, and of those at one place the first here. */
export const SENTENCES: readonly Sentence[] = [
  ...KINDS.map((kind) =>
    sentence(
      [`Requires ${kind} access`, `, run again with the --allow-${kind} flag`],
      (to) => access(kind, to),
    )
  ),
  sentence(
    ["Requires all access", ", run again with the --allow-all flag"],
    (to) => `No pool gives access${to}`,
  ),
  sentence(
    ["requires unscoped --allow-read and --allow-write permissions", "when the link is traversed"],
    () => 'needs spec.permissions.allow.read: ["*"] and allow.write: ["*"], since a link may lead anywhere',
  ),
  sentence(
    [
      "Requires --allow-run permissions to spawn subprocess with ",
      ". Alternatively, spawn with the",
      " unset.",
    ],
    (names) =>
      `To start a program with ${names}, spec.permissions.allow.run must be ["*"], and deny.run empty`,
  ),
  sentence(
    ["npm specifiers were requested; but --no-npm is specified"],
    () =>
      `An npm package cannot be imported at run time: ${BUNDLE}, ` +
      'or write spec.permissions.allow.import: ["*"] and leave deny.import empty',
  ),
  sentence(
    ["Failed loading ", OF_NPM, ONLY_CACHED],
    (_, name) => notCached(`The npm package "${name}"`, "*"),
  ),
  sentence(
    ["Failed caching npm package ", OF_NPM, ONLY_CACHED],
    (name) => notCached(`The npm package ${name}`, "*"),
  ),
  sentence(
    ['npm package not found in cache: "', ONLY_CACHED],
    (name) => notCached(`The npm package "${name}"`, "*"),
  ),
  sentence(
    ['Specifier not found in cache: "', ONLY_CACHED],
    (url) => notCached(`The module "${shortened(url)}"`, hostOf(url)),
  ),
  sentence(
    ["JSR package manifest for '", `' failed to load. A remote specifier was requested: "`, ONLY_LOCAL],
    (name, url) => notCached(`The package "jsr:${name}"`, hostOf(url)),
  ),
  sentence(
    ['A remote specifier was requested: "', ONLY_LOCAL],
    (url) => notCached(`The module "${shortened(url)}"`, hostOf(url)),
  ),
  sentence(
    [
      "Could not resolve version constraint using only cached data. ",
      "Try running again without --cached-only",
    ],
    () => notCached("A version of the package that fits", "jsr.io:443"),
  ),
  sentence(['Import "', '" not a dependency'], bareImport, "hint"),
  sentence(
    ["invalid URL: relative URL with a cannot-be-a-base base"],
    () =>
      'Evals have no folder that "./" could mean: import the file in the main module, or write its file:/// URL',
  ),
  sentence(
    ['The import attribute type of "', '" is unsupported.', "\n  hint: run with --unstable-raw-imports"],
    (type) => `Imports with type "${type}" do not work in a pool: ${BUNDLE}, or write json or text`,
  ),
  sentence(["Could not find referrer npm package '", "'."], () => `require finds no package here: ${BUNDLE}`),
  sentence(
    ["require is not defined"],
    () =>
      'require works in a main module in CommonJS (a .cjs file) only: write import("node:fs") for what Node has, ' +
      "and bundle packages with the program (docs/programs.md)",
  ),
  ...OF_COMMON_JS.map((name) =>
    sentence(
      [`${name} is not defined`],
      () => `${name} is known in a main module in CommonJS (a .cjs file) only: ${insteadOf(name)}`,
    )
  ),
  ...UNSTABLE.map((name) =>
    sentence(
      [`Deno.${name} is not a function`],
      () => `Deno.${name} is an unstable feature of Deno, and pools have none of these`,
    )
  ),
  sentence(
    ["Deno.jupyter is only available in `deno jupyter` subcommand"],
    () => "A pool has no Deno.jupyter",
  ),
  sentence(
    ["`Deno.lint.runPlugin` is only available in `deno test` subcommand"],
    () => "A pool has no Deno.lint",
  ),
  sentence(["getaddrinfo EPERM "], (host) => access("net", ` to "${host}"`), "line"),
];

function sentence(parts: Sentence["parts"], say: Sentence["say"], ends: Sentence["ends"] = "here"): Sentence {
  return { __proto__: null, parts, say, ends } as Sentence;
}

/** `to` is empty or as ` to "example.com:443"`. */
function access(kind: string, to: string): string {
  const target = slice(to, " to ".length);
  if (kind === "sys" && target === '"inspector"') return "No pool gives access to the inspector";
  if (kind === "read" && isIn(target, POOLS)) {
    return "The pool's own files cannot be read while it runs: import them statically in the main module, " +
      "or bundle the program into one file (docs/programs.md)";
  }
  if (isClosed(kind, target)) return `No pool gives access to ${target}`;
  const grant = `spec.permissions.allow.${kind}: [${entryFor(target)}] would grant it, ` +
    `unless deny.${kind} covers it`;
  const isPackage = kind === "read" && indexOf(target, '/node_modules"') >= 0;
  return `No ${kind} access${to}: ${isPackage || kind === "import" ? `${BUNDLE}; or ${grant}` : grant}`;
}

function isClosed(kind: string, target: string): boolean {
  const isPath = kind === "read" || kind === "write";
  const closed = isPath ? CLOSED_PATHS : kind === "sys" ? CLOSED_SYS : [];
  for (let i = 0; i < closed.length; i++) if (isIn(target, closed[i] as string)) return true;
  return false;
}

const isIn = (target: string, folder: string): boolean =>
  target === `"${folder}"` || indexOf(target, `"${folder}/`) === 0;

function entryFor(target: string): string {
  if (target === "<TMP>") return '"/tmp"';
  return target === "" || target.length > LONGEST_TARGET || codeAt(target, 0) !== 0x22 ? '"*"' : target;
}

function notCached(what: string, host: string): string {
  return `${what} is not in Deno's cache, and nothing is downloaded: ${BUNDLE}, cache it before the pool starts ` +
    `(docs/permissions.md), or grant spec.permissions.allow.import: ["${host}"]`;
}

function bareImport(name: string, hint: string): string {
  if (indexOf(hint, 'add a "node:" prefix') >= 0 || name in ofNode) {
    return `Modules of Node have a prefix here: write "node:${shortened(name)}"`;
  }
  return `"${
    shortened(name)
  }" is neither a URL nor a path, and pools have no import map or installed packages: ${BUNDLE}`;
}

function insteadOf(name: string): string {
  return name === "module" || name === "exports"
    ? "write export"
    : "write import.meta.dirname or import.meta.filename, in a main module";
}

/** The host with its port, as allow.import takes it. */
function hostOf(url: string): string {
  const scheme = indexOf(url, "://");
  const start = scheme < 0 ? 0 : scheme + 3;
  const slash = indexOf(url, "/", start);
  const host = slice(url, start, slash < 0 ? url.length : slash);
  const port = indexOf(url, "http:") === 0 ? 80 : 443;
  return shortened(lastIndexOf(host, ":") > lastIndexOf(host, "]") ? host : `${host}:${port}`);
}

const shortened = (text: string): string =>
  text.length <= LONGEST_TARGET ? text : slice(text, 0, LONGEST_TARGET) + "…";
