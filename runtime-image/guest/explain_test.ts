import { equal, ok } from "node:assert/strict";
import { explained } from "./explain.ts";

const ENV = 'Requires env access to "X", run again with the --allow-env flag';
const OUR_ENV =
  'No env access to "X": spec.permissions.allow.env: ["X"] would grant it, unless deny.env covers it';
const BUNDLE = "bundle it with the program (docs/programs.md)";
const folder = import.meta.dirname;
const pools = import.meta.resolve("../..").slice("file://".length, -1);

const sentences: [what: string, deno: string, ours: string][] = [
  ["a permission", ENV, OUR_ENV],
  [
    "a permission for all of a kind",
    "Requires run access, run again with the --allow-run flag",
    'No run access: spec.permissions.allow.run: ["*"] would grant it, unless deny.run covers it',
  ],
  [
    "a target without quotes",
    "Requires read access to <CWD>, run again with the --allow-read flag",
    'No read access to <CWD>: spec.permissions.allow.read: ["*"] would grant it, unless deny.read covers it',
  ],
  [
    "a file beside the main module",
    `Requires read access to "${folder}/a.ts", run again with the --allow-read flag`,
    "The pool's own files cannot be read while it runs: import them statically in the main module, " +
    "or bundle the program into one file (docs/programs.md)",
  ],
  [
    "a folder whose name only begins like it",
    `Requires read access to "${pools}2", run again with the --allow-read flag`,
    `No read access to "${pools}2": spec.permissions.allow.read: ["${pools}2"] would grant it, ` +
    "unless deny.read covers it",
  ],
  [
    "an npm package of another version",
    "Failed caching npm package 'is-number@6.0.0'\n" +
    '    0: npm package not found in cache: "is-number", --cached-only is specified.',
    "The npm package 'is-number@6.0.0' is not in Deno's cache, and nothing is downloaded: " + BUNDLE +
    ', cache it before the pool starts (docs/permissions.md), or grant spec.permissions.allow.import: ["*"]',
  ],
  [
    "a remote module",
    'Specifier not found in cache: "http://[::1]:8000/a.js", --cached-only is specified.',
    'The module "http://[::1]:8000/a.js" is not in Deno\'s cache, and nothing is downloaded: ' + BUNDLE +
    ", cache it before the pool starts (docs/permissions.md), " +
    'or grant spec.permissions.allow.import: ["[::1]:8000"]',
  ],
  [
    "a remote module on the usual port",
    'A remote specifier was requested: "http://a.example/a.js", but --no-remote is specified.',
    'The module "http://a.example/a.js" is not in Deno\'s cache, and nothing is downloaded: ' + BUNDLE +
    ", cache it before the pool starts (docs/permissions.md), " +
    'or grant spec.permissions.allow.import: ["a.example:80"]',
  ],
  [
    "a version of a jsr package",
    "Could not resolve version constraint using only cached data. Try running again without --cached-only",
    "A version of the package that fits is not in Deno's cache, and nothing is downloaded: ",
  ],
  [
    "a bare import with a hint",
    'Import "vue" not a dependency\n  hint: If you want to use the npm package, try running `deno add npm:vue`',
    `"vue" is neither a URL nor a path, and pools have no import map or installed packages: ${BUNDLE}`,
  ],
  [
    "a module of Node",
    'Import "os" not a dependency\n  hint: If you want to use a built-in Node module, add a "node:" prefix (ex. "node:os").',
    'Modules of Node have a prefix here: write "node:os"',
  ],
];
for (const [what, deno, ours] of sentences) {
  Deno.test(`explains ${what}`, () => {
    for (const [before, after] of [["", ""], ["TypeError: ", "\n    at f (a.js:1:1)"], ["é '", "\n'"]]) {
      const text = explained(before + deno + after);
      ok(text.startsWith(before + ours), text);
      ok(text.endsWith(` (Deno: ${deno})${after}`), text);
    }
  });
}

const others = [
  "",
  "Requires env access",
  "Requires env access, run again with the --allow-net flag",
  "run again with the --allow-env flag",
  "Requires",
  'Import "a" is fine',
  "myrequire is not defined",
  "a.require is not defined",
  "_exports is not defined",
  `Requires env access to "${"x".repeat(6_000)}", run again with the --allow-env flag`,
];
for (const text of others) {
  Deno.test(`leaves ${JSON.stringify(text.slice(0, 60))}`, () => equal(explained(text), text));
}

Deno.test("several, in their order, and each once", () => {
  const text = explained(`${ENV}; require is not defined; ${ENV}.`);
  equal(text.split(OUR_ENV).length, 3);
  equal(text.split(" (Deno: ").length, 4);
  ok(text.endsWith(` (Deno: ${ENV}).`));
});

Deno.test("at most so many", () => {
  const text = `${ENV}\n`.repeat(100);
  equal(explained(text).split(" (Deno: ").length, 17);
});

Deno.test("a long target is left out of the entry", () => {
  const path = `/${"x".repeat(1_000)}`;
  const text = explained(`Requires read access to "${path}", run again with the --allow-read flag`);
  ok(text.includes('spec.permissions.allow.read: ["*"]'));
});
