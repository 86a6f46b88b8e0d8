/** Finds what `/v1/call` names: an export of the main module or a global function, by its name or a dotted path to it. */
import { calledOn, exporterOf, whatIsOffered } from "./exports.ts";
import { indexOf, slice } from "./primordials.ts";

export interface Found {
  callable: (...args: unknown[]) => unknown;
  owner: unknown;
}

/** The function and the object it is called on; or, as text, why there is none. An export comes before a global. */
export function findFunction(path: string): Found | string {
  const dot = indexOf(path, ".");
  let owner: unknown = undefined;
  let value: unknown = exporterOf(dot < 0 ? path : slice(path, 0, dot)) ?? globalThis;
  for (let from = 0; from <= path.length;) {
    const dot = indexOf(path, ".", from);
    const end = dot < 0 ? path.length : dot;
    if (value === undefined || value === null) {
      return `${slice(path, 0, from - 1)} is ${value}${whatIsOffered()}`;
    }
    owner = value;
    value = (value as Record<string, unknown>)[slice(path, from, end)];
    from = end + 1;
  }
  if (typeof value !== "function") {
    const kind = value === null ? "null" : typeof value;
    return `${path} is not a function: it is ${kind}${whatIsOffered()}`;
  }
  return { __proto__: null, callable: value, owner: calledOn(owner) } as unknown as Found;
}
