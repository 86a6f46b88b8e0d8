/**
 * Sentences of Deno that name a flag, a command or a file of Deno's, in words of the manifest: whoever reads them has no
 * command line. Only what leaves the isolate is changed, so a guest's own `error.message` is Deno's. Nothing is found by
 * regular expressions: the language keeps the last text that one was used on, for every guest to read.
 */
import { codeAt, indexOf, slice } from "./primordials.ts";
import { type Sentence, SENTENCES } from "./sentences.ts";

const LONGEST_GAP = 5_000;
const MOST_SENTENCES = 16;
const HINT = "\n  hint: ";

interface Match {
  sentence: Sentence;
  from: number;
  to: number;
  a: string;
  b: string;
}

/** `text` with our words for each such sentence; Deno's follow in brackets. */
export function explained(text: string): string {
  let result = "";
  let from = 0;
  for (let count = 0; count < MOST_SENTENCES; count++) {
    const found = firstIn(text, from);
    if (found === null) break;
    const { sentence, to, a, b } = found;
    result += slice(text, from, found.from) + `${sentence.say(a, b)} (Deno: ${slice(text, found.from, to)})`;
    from = to;
  }
  return from === 0 ? text : result + slice(text, from);
}

function firstIn(text: string, from: number): Match | null {
  let first: Match | null = null;
  for (let i = 0; i < SENTENCES.length; i++) {
    const found = matchOf(SENTENCES[i] as Sentence, text, from);
    if (found !== null && (first === null || found.from < first.from)) first = found;
  }
  return first;
}

function matchOf(sentence: Sentence, text: string, from: number): Match | null {
  const { parts, ends } = sentence;
  const start = parts[0], middle = parts[1], last = parts[2]; // no destructuring: that would ask Array.prototype
  const at = indexOf(text, start, from);
  if (at < 0 || (at > 0 && isOfName(codeAt(text, at - 1)))) return null;
  let to = at + start.length;
  let a = "", b = "";
  if (middle !== undefined) {
    const next = indexOf(text, middle, to);
    if (next < 0 || next - to > LONGEST_GAP) return null;
    a = slice(text, to, next);
    to = next + middle.length;
  }
  if (last !== undefined) {
    const next = indexOf(text, last, to);
    if (next < 0 || next - to > LONGEST_GAP) return null;
    b = slice(text, to, next);
    to = next + last.length;
  }
  if (ends === "line") {
    a = slice(text, to, endOfLine(text, to));
    to += a.length;
  } else if (ends === "hint" && indexOf(text, HINT, to) === to) {
    b = slice(text, to + HINT.length, endOfLine(text, to + HINT.length));
    to += HINT.length + b.length;
  }
  return { __proto__: null, sentence, from: at, to, a, b } as Match;
}

function endOfLine(text: string, from: number): number {
  const newline = indexOf(text, "\n", from);
  return newline < 0 ? text.length : newline;
}

/** Whether a character may be a part of a name, so that what follows is the rest of a longer word. */
const isOfName = (unit: number): boolean =>
  (unit >= 0x30 && unit <= 0x39) || (unit >= 0x41 && unit <= 0x5a) || (unit >= 0x61 && unit <= 0x7a) ||
  unit === 0x24 || unit === 0x2e || unit === 0x5f;
