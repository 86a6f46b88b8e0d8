/**
 * Runs code that has data. It sees that as `inputs`, a variable of its own: in its functions, timers and callbacks too,
 * whatever other evals do. All else is as in any script: what it declares with `var` is global.
 *
 * So the code is evaluated inside of two `catch` blocks in the global scope: the parameter of a `catch` is the one kind
 * of variable that a `var` of the same name may repeat. `eval` is such a parameter too, as only the name `eval` with
 * the function `eval` sees the variables around it, and a guest may have put something else into the global one.
 */
import { define, evaluate } from "./primordials.ts";

/** Returns once each: `eval`, the data, the code. Guests can ask too, and get undefined. */
const HANDED = "__tyrex__";
const WITH_INPUTS = `try{throw ${HANDED}}catch(eval){try{throw ${HANDED}}catch(inputs){eval(${HANDED})}}`;

let handed = 0;
let inputs: unknown;
let code = "";

function hand(): unknown {
  handed -= 1;
  if (handed === 2) return evaluate;
  if (handed === 1) return inputs;
  if (handed === 0) return code;
  handed = 0;
  return undefined;
}

define(globalThis, HANDED, { get: hand }); // not configurable: nothing can take its place

/** As `evaluate`, for code that sees `given` as `inputs`. */
export function evaluateWith(given: unknown, javascript: string): unknown {
  inputs = given;
  code = javascript;
  handed = 3;
  try {
    return evaluate(WITH_INPUTS);
  } finally {
    handed = 0;
    inputs = undefined;
    code = "";
  }
}

/** In a stack, what a frame of the script above begins with. */
export const WRAPPER_FRAME = `eval at ${evaluateWith.name} (`;
