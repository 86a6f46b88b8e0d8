/**
 * What the main module offers to `/v1/call`: its exports, and the functions that it added to globalThis. The names are
 * collected once, when it has loaded, so that no getter or Proxy of a later eval is asked; no getter runs at all.
 */
import { types } from "node:util";
import { hasOwn, keysOf, SafeObject } from "./primordials.ts";

/** Under this name the namespace of a CommonJS module has the object that its `require` returns. */
const COMMON_JS = "module.exports";
const MOST_NAMES = 20;
const LONGEST_NAME = 60;
const OF_EVERY_FUNCTION = {
  __proto__: null,
  length: 1,
  name: 1,
  prototype: 1,
  arguments: 1,
  caller: 1,
} as object;

const { isModuleNamespaceObject, isProxy } = types;
const { getOwnPropertyDescriptor, getOwnPropertyNames } = SafeObject;
const builtIn = { __proto__: null } as unknown as Record<string, true>;

let namespace: object | null = null;
let commonJs: object | null = null;
let offered = "";

/** `load`, which also remembers what the main module exports. It may load nothing. */
export function offering(load: () => Promise<unknown>): () => Promise<void> {
  return () => {
    const globals = keysOf(globalThis);
    for (let i = 0; i < globals.length; i++) builtIn[globals[i] as string] = true;
    return load().then(offer);
  };
}

function offer(module: unknown): void {
  namespace = isModuleNamespaceObject(module) ? module as object : null;
  const exported = namespace === null ? undefined : getOwnPropertyDescriptor(namespace, COMMON_JS)?.value;
  commonJs = isHolder(exported) ? exported : null;
  const names = { __proto__: null, text: "", count: 0 } as Names;
  const exporter = commonJs ?? namespace;
  const exports = exporter === null ? [] : getOwnPropertyNames(exporter);
  const globals = keysOf(globalThis);
  try {
    if (exporter !== null) addFunctions(names, exporter, "", exports);
    addFunctions(names, globalThis, "", globals, builtIn);
    if (exporter !== null) addMembers(names, exporter, exports);
    addMembers(names, globalThis, globals, builtIn);
  } catch { /* a Proxy that throws: there are fewer names */ }
  offered = names.text;
}

/** The object that has the export `name` as a member; null if it is none. It is read at each call: exports are live. */
export function exporterOf(name: string): object | null {
  if (commonJs !== null && hasOwn(commonJs, name)) return commonJs;
  if (namespace === null || !hasOwn(namespace, name)) return null;
  return commonJs === null || name === "default" ? namespace : null;
}

/** What a function is called on that is a member of `owner`: exports of an ES module are called on nothing. */
export const calledOn = (owner: unknown): unknown => owner === namespace ? undefined : owner;

/** What can be called, as the end of a message. */
export function whatIsOffered(): string {
  if (offered !== "") return `; functions of the main module: ${offered}`;
  return namespace === null
    ? "; the pool has no main module, so there are global functions only"
    : "; the main module exports no function, and adds none to globalThis";
}

interface Names {
  text: string;
  count: number;
}

/** Adds the functions among `members` of `holder`. Who can tell what a getter returns: it is added too. */
function addFunctions(
  names: Names,
  holder: object,
  path: string,
  members: string[],
  except = OF_EVERY_FUNCTION,
): void {
  for (let i = 0; i < members.length && names.count <= MOST_NAMES; i++) {
    const name = members[i] as string;
    if (name === COMMON_JS || name in except) continue;
    const descriptor = getOwnPropertyDescriptor(holder, name);
    const value = descriptor?.value as unknown;
    const callable = typeof value === "function" && !isClass(value);
    if (callable || descriptor?.get !== undefined) add(names, path + name);
  }
}

/** Adds the functions in the objects, classes and functions among `members` of `holder`. */
function addMembers(names: Names, holder: object, members: string[], except = OF_EVERY_FUNCTION): void {
  for (let i = 0; i < members.length && names.count <= MOST_NAMES; i++) {
    const name = members[i] as string;
    if (name === COMMON_JS || name in except) continue;
    const value = getOwnPropertyDescriptor(holder, name)?.value as unknown;
    if (isHolder(value) && value !== globalThis) {
      addFunctions(names, value, `${name}.`, getOwnPropertyNames(value));
    }
  }
}

function add(names: Names, name: string): void {
  if (name.length > LONGEST_NAME || names.count > MOST_NAMES) return;
  names.count += 1;
  const comma = names.text === "" ? "" : ", ";
  names.text += comma + (names.count > MOST_NAMES ? "…" : name);
}

/** A class cannot be called; its `prototype` cannot be replaced, unlike a function's. */
const isClass = (value: object): boolean => getOwnPropertyDescriptor(value, "prototype")?.writable === false;

const isHolder = (value: unknown): value is object =>
  (typeof value === "function" || (typeof value === "object" && value !== null)) && !isProxy(value);
