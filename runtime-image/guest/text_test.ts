import { equal } from "node:assert/strict";
import { shown, wellFormedJson } from "./text.ts";

const texts: [name: string, text: string, length: number, shown: string][] = [
  ["a short one", "abc", 3, "abc"],
  ["a long one", "abcd", 3, "abc…"],
  ["empty", "", 3, ""],
  ["a pair at the end", "a😀", 3, "a😀"],
  ["a pair over the end", "ab😀", 3, "ab…"],
  ["a pair after the end", "abc😀", 3, "abc…"],
  ["half a pair", "a\ud83d", 3, "a\ufffd"],
  ["the other half", "\ude00a", 3, "\ufffda"],
  ["halves, swapped", "\ude00\ud83d", 3, "\ufffd\ufffd"],
  ["half a pair at the cut", "ab\ud83dc", 3, "ab…"],
  ["the other half at the cut", "ab\ude00c", 3, "ab\ufffd…"],
  ["NUL and line ends", "\0\u2028\n", 3, "\0\u2028\n"],
];
for (const [name, text, length, expected] of texts) {
  Deno.test(`shown: ${name}`, () => equal(shown(text, length), expected));
}

const values: [name: string, value: unknown, expected: unknown][] = [
  ["nothing to replace", { a: "é😀\n\\" }, { a: "é😀\n\\" }],
  ["half a pair", "\ud83d", "\ufffd"],
  ["many", ["\ud83d\ud83d", "\ude00", "a\udfffb"], ["\ufffd\ufffd", "\ufffd", "a\ufffdb"]],
  ["a key", { "\ud83d": 1 }, { "\ufffd": 1 }],
  ["text that looks like it", ["\\ud83d", "\\\\ud83d", "\\"], ["\\ud83d", "\\\\ud83d", "\\"]],
  ["behind a backslash", ["\\\ud83d", "\\\\\ud83d"], ["\\\ufffd", "\\\\\ufffd"]],
  ["other escapes", ["\u0000\u001f", "\b\t"], ["\u0000\u001f", "\b\t"]],
];
for (const [name, value, expected] of values) {
  Deno.test(`wellFormedJson: ${name}`, () => {
    equal(wellFormedJson(JSON.stringify(value)), JSON.stringify(expected).replaceAll("\ufffd", "\\ufffd"));
  });
}

Deno.test("wellFormedJson: escapes in any case", () => {
  equal(wellFormedJson('"\\uD83D\\uDe00\\ud7ff\\ue000"'), '"\\ufffd\\ufffd\\ud7ff\\ue000"');
});
