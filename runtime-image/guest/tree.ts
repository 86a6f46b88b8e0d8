/** The syntax tree of code, as acorn gives it, and questions about what runs where. */

export type Node = { type: string; start: number; end: number } & Record<string, unknown>;

const FUNCTIONS = ["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"];
export const LOOPS = [
  "ForStatement",
  "ForInStatement",
  "ForOfStatement",
  "WhileStatement",
  "DoWhileStatement",
];

export const isFunction = (node: Node): boolean => node.type === "FunctionDeclaration";
export const nameOf = (id: Node): string => id.name as string;
export const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && typeof (value as Node).type === "string";

/** The children of `node` that run when it does: nothing of functions, nor of what runs for each object of a class. */
export function each(node: Node, visit: (child: Node) => void): void {
  if (FUNCTIONS.includes(node.type) || node.type === "StaticBlock") return;
  const later = node.type === "PropertyDefinition" ? "value" : "";
  for (const name of Object.keys(node)) {
    if (name === later) continue;
    const member = node[name];
    if (Array.isArray(member)) member.forEach((child) => isNode(child) && visit(child));
    else if (isNode(member)) visit(member);
  }
}

export function some(node: Node, test: (node: Node) => boolean): boolean {
  if (test(node)) return true;
  let found = false;
  each(node, (child) => found ||= some(child, test));
  return found;
}

export const awaits = (node: Node): boolean =>
  node.type === "AwaitExpression" || node.await === true || node.kind === "await using";

export const jumps = (statement: Node): boolean =>
  some(statement, ({ type }) => type === "BreakStatement" || type === "ContinueStatement");

/** The variables that a pattern declares. */
export function namesIn(pattern: Node): string[] {
  switch (pattern.type) {
    case "Identifier":
      return [nameOf(pattern)];
    case "ObjectPattern":
      return (pattern.properties as Node[]).flatMap((one) => namesIn((one.value ?? one.argument) as Node));
    case "ArrayPattern":
      return (pattern.elements as (Node | null)[]).flatMap((one) => one === null ? [] : namesIn(one));
    case "AssignmentPattern":
      return namesIn(pattern.left as Node);
    default: // a RestElement
      return namesIn(pattern.argument as Node);
  }
}

/** What is evaluated first in an expression. */
const FIRST: Record<string, string> = {
  MemberExpression: "object",
  CallExpression: "callee",
  BinaryExpression: "left",
  LogicalExpression: "left",
  ConditionalExpression: "test",
  SequenceExpression: "expressions",
  TaggedTemplateExpression: "tag",
  ChainExpression: "expression",
  ArrayExpression: "elements",
  UnaryExpression: "argument",
  AwaitExpression: "",
};

/** Whether the first thing that runs is an `await`. */
export function beginsWithAwait(body: Node[]): boolean {
  const first = body.find((statement) => !isFunction(statement) && statement.directive === undefined);
  let node: unknown = first?.expression;
  if (first?.type === "VariableDeclaration") node = (first.declarations as Node[])[0]?.init;
  if (isNode(node) && node.type === "AssignmentExpression" && (node.left as Node).type === "Identifier") {
    node = node.operator === "=" ? node.right : null;
  }
  while (isNode(node) && node.type !== "AwaitExpression") {
    const member: unknown = node[FIRST[node.type] ?? ""];
    node = Array.isArray(member) ? member[0] : member;
  }
  return isNode(node);
}
