/** Texts put into code, and a name for the result that says where they are: `places.ts` reads it. */

export interface Edit {
  at: number;
  removed: number;
  text: string;
}

/** What the name begins with; then the number of lines, and for each text its line, column and length. */
export const NAME = "tyrex:isolate:await:";
const LINE_END = /\r\n?|[\n\u2028\u2029]/g;

/** At one place what ends there comes before what begins there. */
const rank = ({ text }: Edit): number => text === ")" || text === "}" ? 0 : 1;

/** `code` with these edits, followed by `end`. What is removed must be as long as what takes its place, or nothing. */
export function edited(code: string, edits: Edit[], end: string): string {
  const starts = [0, ...[...code.matchAll(LINE_END)].map((found) => found.index + found[0].length)];
  let text = "";
  let from = 0;
  let line = 0;
  let name = `${NAME}${starts.length}`;
  for (const edit of edits.toSorted((one, other) => one.at - other.at || rank(one) - rank(other))) {
    text += code.slice(from, edit.at) + edit.text;
    from = edit.at + edit.removed;
    while ((starts[line + 1] ?? Infinity) <= edit.at) line += 1;
    const longer = edit.text.length - edit.removed;
    if (longer > 0) name += `:${line + 1}:${edit.at - (starts[line] as number)}:${longer}`;
  }
  return `${text}${code.slice(from)}${end}\n//# sourceURL=${name}`;
}
