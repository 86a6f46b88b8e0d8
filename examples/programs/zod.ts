// zod.ts: checks data, and says what is wrong with it
import { z } from "zod";

const Order = z.object({
  id: z.number().int(),
  email: z.email(),
  items: z.array(z.string()).min(1, "order something"),
});

export function problems(order: unknown): string[] {
  const issues = Order.safeParse(order).error?.issues ?? [];
  return issues.map((issue) => `${issue.path.join(".")}: ${issue.message}`);
}

Object.assign(globalThis, { problems });
