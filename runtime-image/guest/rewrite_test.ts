/** Code that awaits becomes a script; tests/local/test_top_level_await.py runs such code in isolates. */
import { deepEqual, equal, ok } from "node:assert/strict";
import { type Edit, edited } from "./edits.ts";
import { placed, placedLine } from "./places.ts";
import { rewrite } from "./rewrite.ts";

const script = (code: string): string => (rewrite(code, false) as { script: string }).script;
const bodyOf = (text: string): string => text.slice(0, text.lastIndexOf("\n//"));

for (
  const [code, expected] of [
    ["await 1", "(async($value)=>{$value=await 1\nreturn $value})()"],
    ["await 1, 2;", "(async($value)=>{$value=(await 1, 2);\nreturn $value})()"],
    ["a\nvar b = await c", "var b;(async($value)=>{$value=a\n ;  b = await c\nreturn $value})()"],
    ["var {b} = await c;", "var b;(async($value)=>{ ;( {b} = await c);\nreturn $value})()"],
    [
      "await 1; function f() {}",
      "(async($value)=>{this.f=f;$value=await 1; function f() {}\nreturn $value})()",
    ],
    ["let $value = await 1", "(async($value_)=>{let $value = await 1\nreturn $value_})()"],
  ] as const
) {
  Deno.test(`rewrite: ${code}`, () => equal(bodyOf(script(code)), expected));
}

for (
  const code of ["1", "f(async () => await 1)", "class A { async m() { await 1 } }", "const awaited = 1"]
) {
  Deno.test(`not for us: ${code}`, () => equal(rewrite(code, false), null));
}

for (
  const [code, again] of [
    ["await (1)", true],
    ["const r = await (1); r", true],
    ["function f() {}\nx = (await (1)).y", true],
    ["await [1].a ?? 2", true],
    ["f(); await (1)", false],
    ["f(await (1))", false],
    ["x.y = await (1)", false],
    ["x += await (1)", false],
    ["class A {} await (1)", false],
    ["const {a = f()} = await (1)", true],
  ] as const
) {
  Deno.test(`nothing has run before: ${code}`, () => equal(rewrite(code, true) !== null, again));
}

Deno.test("what is wrong, and where", () => {
  deepEqual(rewrite("await 1;\n let = ;", false), { message: "Unexpected token", line: 2, column: 8 });
  deepEqual(rewrite("await 1; return", false), { message: "Illegal return statement", line: 1, column: 10 });
});

Deno.test("each place of the code is found again", () => {
  const code = "ab;c\r\nd\u2028efg\n\nhi";
  const edits: Edit[] = [
    { at: 0, removed: 0, text: "head" },
    { at: 3, removed: 0, text: "+" },
    { at: 4, removed: 0, text: ")" },
    { at: 6, removed: 1, text: "D" },
    { at: 9, removed: 0, text: "long one" },
    { at: code.length, removed: 0, text: "}" },
  ];
  const text = edited(code, edits, "\nend");
  const name = text.slice(text.lastIndexOf("=") + 1);
  const linesOf = (of: string) => of.split(/\r\n|[\r\n\u2028\u2029]/);
  const marks = "abcdefghi;";
  let found = 0;
  linesOf(text.slice(0, text.lastIndexOf("\nend"))).forEach((line, row) => {
    [...line.replace("head", "    ").replace("long one", "        ").replace("D", "d")].forEach(
      (mark, column) => {
        if (!marks.includes(mark)) return;
        const original = linesOf(code)[row]?.indexOf(mark) as number;
        const frame = `    at f (${name}, <anonymous>:${row + 1}:${column + 1})`;
        equal(placedLine(frame), `    at f (<anonymous>:${row + 1}:${original + 1})`);
        found += 1;
      },
    );
  });
  equal(found, marks.length);
  equal(placedLine(`    at eval (${name}, <anonymous>:6:1)`), "", "behind the code");
});

for (
  const line of [
    "    at f (<anonymous>:1:2)",
    "    at f (eval at start (tyrex:isolate:1:2), <anonymous>:1:7)",
    "    at eval (eval at f (tyrex:isolate:await:1:1:0:17), <anonymous>:3:7)",
    "a text (tyrex:isolate:await:1",
  ]
) {
  Deno.test(`no frame of such code: ${line}`, () => equal(placedLine(line), undefined));
}

Deno.test("in a text", () => {
  const frame = "    at f (tyrex:isolate:await:2:1:0:17, <anonymous>:1:19)";
  equal(placed(`a\n${frame}\n\nb`), "a\n    at f (<anonymous>:1:2)\n\nb");
  ok(placed("nothing of it") === "nothing of it");
});
