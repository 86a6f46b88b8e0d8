/**
 * What an Error carries, as JSON: its own enumerable members, `cause` and `errors`. Code of the guest runs here (getters,
 * `toJSON`) and may throw: a member that cannot be read, is no JSON or has no room is left out.
 */
import {
  getOf,
  hasOwn,
  isArray,
  isNativeError,
  keysOf,
  SafeMap,
  setOf,
  stringifyJson,
} from "./primordials.ts";
import { explained } from "./explain.ts";
import { shown } from "./text.ts";

const DEPTH = 8;
const ELEMENTS = 1_000;
const TEXT_LENGTH = 8_192;

/** Members that JavaScript's own errors have and do not enumerate; the last two are those of SuppressedError. */
const INNER = ["cause", "errors", "error", "suppressed"];

/** The Errors that an Error is part of, so that a cycle is noticed. */
interface Chain {
  readonly error: Error;
  readonly parent: Chain | null;
  readonly depth: number;
}

/** The members of `error` as a JSON object of at most `room` characters; undefined if there are none. */
export function carriedBy(error: Error, room: number): string | undefined {
  const members = membersOf(error, "", null, room - 2);
  return members === "" ? undefined : `{${members}}`;
}

/** `head` and the members of `error`, separated by commas. */
function membersOf(error: Error, head: string, parent: Chain | null, room: number): string {
  const chain = { __proto__: null, error, parent, depth: parent === null ? 1 : parent.depth + 1 } as Chain;
  let members = head;
  const add = (name: string): void => {
    if (!hasOwn(error, name)) return;
    const key = `${members === "" ? "" : ","}${stringifyJson(name)}:`;
    const value = memberOf(error, name, chain, room - members.length - key.length);
    if (value !== undefined && members.length + key.length + value.length <= room) members += key + value;
  };
  const names = keysOf(error);
  for (let i = 0; i < names.length && members.length < room; i++) {
    const name = names[i] as string;
    const comesAnyway = head !== "" && (name === "name" || name === "message");
    if (!comesAnyway && !isInner(name)) add(name);
  }
  for (let i = 0; i < INNER.length; i++) add(INNER[i] as string);
  return members;
}

function isInner(name: string): boolean {
  for (let i = 0; i < INNER.length; i++) if (INNER[i] === name) return true;
  return false;
}

function memberOf(owner: Error, name: string, chain: Chain, room: number): string | undefined {
  try {
    const value = owner[name as keyof Error] as unknown;
    return name === "errors" && isArray(value) ? listOf(value, chain, room) : jsonOf(value, chain, room);
  } catch {
    return undefined;
  }
}

function jsonOf(value: unknown, chain: Chain, room: number): string | undefined {
  if (typeof value === "string" && value.length > room) return undefined;
  if (!isNativeError(value)) return withErrors(value);
  if (chain.depth >= DEPTH || room <= 0) return undefined;
  for (let above: Chain | null = chain; above !== null; above = above.parent) {
    if (above.error === value) return undefined;
  }
  const name = stringifyJson(textOf(value, "name")), message = stringifyJson(textOf(value, "message"));
  const head = `"name":${name},"message":${message}`;
  return head.length + 2 > room ? undefined : `{${membersOf(value, head, chain, room - 2)}}`;
}

/** `value` as JSON, in which an Error that lies in a list or an object has its name and message too. */
export function withErrors(value: unknown): string | undefined {
  const copies = new SafeMap<Error, object>(); // the same one each time, so that a circle is noticed
  return stringifyJson(value, (_, member) => {
    if (!isNativeError(member)) return member;
    const known = getOf(copies, member);
    if (known !== undefined) return known;
    const name = textOf(member, "name"), message = textOf(member, "message");
    const copy = { __proto__: null, ...member, name, message };
    setOf(copies, member, copy);
    return copy;
  });
}

function listOf(values: unknown[], chain: Chain, room: number): string {
  let list = "";
  for (let i = 0; i < values.length && i < ELEMENTS && list.length < room; i++) {
    const left = room - list.length - 3;
    const element = elementOf(values, i, chain, left);
    if (element !== undefined && element.length <= left) list += (list === "" ? "" : ",") + element;
  }
  return `[${list}]`;
}

function elementOf(values: unknown[], index: number, chain: Chain, room: number): string | undefined {
  try {
    return jsonOf(values[index], chain, room);
  } catch {
    return undefined;
  }
}

/** A text of `error`; empty if it is no text. */
function textOf(error: Error, name: "name" | "message"): string {
  let text: unknown = "";
  try {
    text = error[name];
  } catch { /* a getter that throws */ }
  return typeof text === "string" ? explained(shown(text, TEXT_LENGTH)) : "";
}
