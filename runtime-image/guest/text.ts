/** Text of guests, made fit to be sent: well-formed Unicode of a bounded length. */
import { codeAt, indexOf, slice, toWellFormed } from "./primordials.ts";

const LONE = "\\ufffd";

/** At most `length` UTF-16 units of `text`, cut between characters; lone surrogates become U+FFFD. */
export function shown(text: string, length: number): string {
  if (text.length <= length) return toWellFormed(text);
  const last = codeAt(text, length - 1);
  const pairCut = last >= 0xd800 && last <= 0xdbff;
  return toWellFormed(slice(text, 0, pairCut ? length - 1 : length)) + "…";
}

/** `json` with U+FFFD for each lone surrogate, which `JSON.stringify` writes as an escape. */
export function wellFormedJson(json: string): string {
  let from = 0;
  let result = "";
  for (let at = indexOf(json, "\\", 0); at >= 0; at = indexOf(json, "\\", at)) {
    if (!isSurrogateEscape(json, at)) at += 2; // an escape of two characters at least: the second may be a backslash
    else {
      result += slice(json, from, at) + LONE;
      at += LONE.length;
      from = at;
    }
  }
  return from === 0 ? json : result + slice(json, from);
}

/** Whether the escape at `at` is `\ud8xx` to `\udfxx`, in any case (`JSON.rawJSON` keeps the guest's). */
function isSurrogateEscape(json: string, at: number): boolean {
  const digit = codeAt(json, at + 3) | 0x20;
  return codeAt(json, at + 1) === 0x75 && (codeAt(json, at + 2) | 0x20) === 0x64 &&
    (digit === 0x38 || digit === 0x39 || (digit >= 0x61 && digit <= 0x66));
}
