/** Declarations with `var` that leave the function around them: they become assignments. */
import type { Edit } from "./edits.ts";
import { each, namesIn, type Node } from "./tree.ts";

const VAR = "var".length;

/** The names that the statements of a script declare with `var`, but for `except`; `edits` gets what makes them global. */
export function hoist(body: Node[], except: string[], edits: Edit[]): string[] {
  const found = new Set<string>();
  const visit = (node: Node, parent: Node | null): void => {
    if (node.type === "VariableDeclaration" && node.kind === "var") {
      const declared = (node.declarations as Node[]).flatMap((one) => namesIn(one.id as Node));
      if (!declared.some((name) => except.includes(name)) && assign(node, parent, declared, edits)) {
        declared.forEach((name) => found.add(name));
      }
    }
    each(node, (child) => visit(child, node));
  };
  for (const statement of body) visit(statement, null);
  return [...found];
}

/** Changes one declaration; false for one that cannot be an assignment, which stays what it is. */
function assign(node: Node, parent: Node | null, declared: string[], edits: Edit[]): boolean {
  const [first] = node.declarations as Node[];
  const last = (node.declarations as Node[]).at(-1);
  const inHead = parent !== null && (parent.init === node || parent.left === node);
  if (inHead && (declared.includes("async") || declared.includes("let"))) return false;
  if (inHead && parent.type === "ForInStatement" && first?.init) return false;
  const braced = !inHead && (first?.id as Node).type === "ObjectPattern";
  // In a list nothing may join it to the line before; elsewhere an empty statement would be one too many.
  const begin = !inHead && (parent === null || isList(parent, node)) ? " ;" : "  ";
  edits.push({ at: node.start, removed: VAR, text: begin + (braced ? "(" : " ") });
  if (braced) edits.push({ at: (last as Node).end, removed: 0, text: ")" });
  return true;
}

const isList = (parent: Node, node: Node): boolean =>
  [parent.body, parent.consequent].some((list) => Array.isArray(list) && list.includes(node));
