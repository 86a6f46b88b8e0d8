/**
 * Says which orders have begun: with a line on descriptor 1, which the supervisor reads only when it must know. An order
 * whose line is not there certainly has not started, whatever holds this process up.
 */
import { Bytes, setBytes } from "./primordials.ts";
import { writeOutput } from "./stdio.ts";

const DIGITS = 10;
const ZERO = 48;
const NEWLINE = 10;
const PLUS = 43;

/** A function that says that the orders up to `number` begin; `start` begins a line of ours. It throws when the line cannot be written. */
export function openStarted(start: Uint8Array): (number: number) => void {
  const line = new Bytes(start.length + 1 + DIGITS + 1);
  setBytes(line, start, 0);
  line[start.length] = PLUS;
  line[line.length - 1] = NEWLINE;
  const last = line.length - 2;
  return (number) => {
    for (let at = last, rest = number; at > last - DIGITS; at -= 1) {
      line[at] = ZERO + rest % 10;
      rest = (rest - rest % 10) / 10;
    }
    writeOutput(line);
  };
}
