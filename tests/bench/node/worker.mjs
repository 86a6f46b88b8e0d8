// What a piscina thread does with an eval: the code as it came, in the global scope, as our guest does it.
const indirectEval = eval;

export default (code) => indirectEval(code);
