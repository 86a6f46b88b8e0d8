// vue.ts: a component with a template, rendered from data
import { createSSRApp } from "vue";
import { renderToString } from "vue/server-renderer";

const Greeting = {
  props: ["name", "unread"],
  template: `<p>Hello {{ name }}<b v-if="unread">, {{ unread }} unread</b></p>`,
};

export function greeting(name: string, unread: number): Promise<string> {
  return renderToString(createSSRApp(Greeting, { name, unread }));
}

Object.assign(globalThis, { greeting });
