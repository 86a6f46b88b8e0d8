/** Finds what `/v1/call` names: a global function, by its name or a dotted path to it. */
import { indexOf, slice } from "./primordials.ts";

export interface Found {
  callable: (...args: unknown[]) => unknown;
  owner: unknown;
}

/** The function and the object it is called on; or, as text, why there is none. */
export function findFunction(path: string): Found | string {
  let owner: unknown = undefined;
  let value: unknown = globalThis;
  for (let from = 0; from <= path.length;) {
    const dot = indexOf(path, ".", from);
    const end = dot < 0 ? path.length : dot;
    if (value === undefined || value === null) return `${slice(path, 0, from - 1)} is ${value}`;
    owner = value;
    value = (value as Record<string, unknown>)[slice(path, from, end)];
    from = end + 1;
  }
  if (typeof value !== "function") {
    return `${path} is not a function: it is ${value === null ? "null" : typeof value}`;
  }
  return { __proto__: null, callable: value, owner } as unknown as Found;
}
