/** The frames of code that awaits at its top level, with places in the code that was sent. */
import { NAME } from "./edits.ts";
import { indexOf, slice, toNumber } from "./primordials.ts";

/** As in "    at f (tyrex:isolate:await:3:1:0:20, <anonymous>:1:38)". */
const START = `(${NAME}`;
const EVALUATED = ", <anonymous>:";

/** A line of a stack as it should be; empty for a frame that is not of the code; undefined if it is of no such code. */
export function placedLine(line: string): string | undefined {
  const start = indexOf(line, START);
  const comma = start < 0 ? -1 : indexOf(line, EVALUATED, start);
  if (comma < 0 || indexOf(line, ")", start) < comma) return undefined; // none, or of an eval in such code
  const name = slice(line, start + START.length, comma);
  const from = comma + EVALUATED.length;
  const colon = indexOf(line, ":", from);
  const end = indexOf(line, ")", colon);
  const row = toNumber(slice(line, from, colon));
  if (row > numberAt(name, 0)) return "";
  const column = columnOf(name, row, toNumber(slice(line, colon + 1, end)) - 1) + 1;
  return `${slice(line, 0, start)}(<anonymous>:${row}:${column}${slice(line, end)}`;
}

/** `text` with such lines. */
export function placed(text: string): string {
  if (indexOf(text, START) < 0) return text;
  let result = "";
  for (let from = 0; from <= text.length;) {
    const newline = indexOf(text, "\n", from);
    const end = newline < 0 ? text.length : newline;
    const line = slice(text, from, end);
    const place = placedLine(line);
    if (place !== "") result += `${place ?? line}\n`;
    from = end + 1;
  }
  return slice(result, 0, result.length - 1);
}

/** Columns from 0: that of the code, for one of the script whose `name` says what was put in. */
function columnOf(name: string, row: number, column: number): number {
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

function numberAt(name: string, at: number): number {
  const colon = indexOf(name, ":", at);
  return toNumber(slice(name, at, colon < 0 ? name.length : colon));
}

/** Where the number begins that follows the one at `at`; 0 if there is none. */
const after = (name: string, at: number): number => indexOf(name, ":", at) + 1;
