// react.tsx: a page, rendered from data
import { renderToStaticMarkup } from "react-dom/server";

interface Item {
  name: string;
  price: number;
}

function Cart({ owner, items }: { owner: string; items: Item[] }) {
  return (
    <main>
      <h1>Cart of {owner}</h1>
      <ul>{items.map((item) => <li key={item.name}>{item.name}: {item.price.toFixed(2)}</li>)}</ul>
    </main>
  );
}

export function page(owner: string, items: Item[]): string {
  return renderToStaticMarkup(<Cart owner={owner} items={items} />);
}

Object.assign(globalThis, { page });
