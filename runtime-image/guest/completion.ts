/** Keeps the completion value of a script, as `eval` returns it, in a variable. */
import { isNode, jumps, LOOPS, type Node } from "./tree.ts";

/** Puts text into the code; at one place, the texts stand in the order of the calls. */
export type Insert = (at: number, text: string) => void;

/** Where statements are: `all` may be the last one, as a jump may follow; what is kept may be `old` when they begin. */
interface Place {
  all: boolean;
  old: boolean;
}

/** Has the value of `statements`, those of `code`, kept in `variable`, which is undefined before. */
export function keepValue(code: string, statements: Node[], variable: string, insert: Insert): void {
  new Completion(code, variable, insert).list(statements, { all: false, old: false });
}

class Completion {
  constructor(readonly code: string, readonly variable: string, readonly insert: Insert) {}

  /** From the end up to the statement that always has a value. Returns whether there is one. */
  list(statements: Node[], place: Place): boolean {
    let always = false;
    for (const statement of statements.toReversed()) {
      if (!this.#statement(statement, place, true)) continue;
      always = true;
      if (!place.all) break;
    }
    return always;
  }

  /** `listed`: another statement may stand before it. */
  #statement(statement: Node, place: Place, listed: boolean): boolean {
    switch (statement.type) {
      case "ExpressionStatement":
        return this.#expression(statement);
      case "BlockStatement":
        return this.list(statement.body as Node[], place);
      case "LabeledStatement":
        return this.#labeled(statement, place, listed);
    }
    const parts = partsOf(statement);
    if (parts === null) return false;
    this.#compound(statement, parts, place, listed);
    return true;
  }

  #expression(statement: Node): boolean {
    if (statement.directive !== undefined) return false;
    const sequence = (statement.expression as Node).type === "SequenceExpression";
    this.insert(statement.start, `${this.variable}=${sequence ? "(" : ""}`);
    if (sequence) this.insert(statement.end - (this.code[statement.end - 1] === ";" ? 1 : 0), ")");
    return true;
  }

  /** Of another statement than a compound one a jump may leave out the value. */
  #labeled(statement: Node, place: Place, listed: boolean): boolean {
    const body = statement.body as Node;
    const parts = partsOf(body);
    if (parts === null) {
      const left = jumps(statement);
      const all = place.all || left;
      return this.#statement(body, { all, old: place.old || all }, false) && !left;
    }
    this.#compound(statement, parts, { all: true, old: place.old }, listed);
    return true;
  }

  /** A statement whose value is undefined when its parts have none. */
  #compound(statement: Node, parts: Node[][], place: Place, listed: boolean): void {
    const reset = `${this.variable}=void 0;`;
    if (place.old || place.all) this.insert(statement.start, listed ? reset : `{${reset}`);
    const { type, handler } = statement;
    if (isNode(handler)) this.insert((handler.body as Node).start + 1, reset);
    const loop = LOOPS.includes(type) || type === "LabeledStatement";
    const all = place.all || type === "SwitchStatement" || (loop && jumps(statement));
    const inside = { all, old: all || loop };
    for (const part of parts) {
      if (part.length === 1) this.#statement(part[0] as Node, inside, type === "SwitchStatement");
      else this.list(part, inside);
    }
    if ((place.old || place.all) && !listed) this.insert(statement.end, "}");
  }
}

/** What is inside of a statement that always has a value, list by list; null for another one. */
function partsOf(statement: Node): Node[][] | null {
  const { type, handler } = statement;
  if (type === "IfStatement") {
    return [statement.consequent, statement.alternate].filter(isNode).map((one) => [one]);
  }
  if (type === "SwitchStatement") return (statement.cases as Node[]).map((one) => one.consequent as Node[]);
  if (type === "TryStatement") {
    return [[statement.block as Node], ...(isNode(handler) ? [[handler.body as Node]] : [])];
  }
  return LOOPS.includes(type) || type === "WithStatement" ? [[statement.body as Node]] : null;
}
