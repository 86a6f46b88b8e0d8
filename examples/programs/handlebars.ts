// handlebars.ts: the text of a mail, from a template
import Handlebars from "handlebars";

const template = Handlebars.compile(
  "Dear {{name}}, we sent you{{#each items}} {{count}} x {{what}};{{/each}} bye",
);

export function mail(data: { name: string; items: { count: number; what: string }[] }): string {
  return template(data);
}

Object.assign(globalThis, { mail });
