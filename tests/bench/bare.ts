// The reference: what one Deno process does with an eval and nothing else (no queue, deadline, limit or isolation).
const indirectEval = eval;

Deno.serve(
  { hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} },
  async (request) => Response.json({ result: await indirectEval((await request.json()).code) }),
);
