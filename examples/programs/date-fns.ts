// date-fns.ts: when invoices are due
import { addMonths, formatISO, isWeekend, nextMonday } from "date-fns";

export function due(day: string, months: number): string {
  const date = addMonths(new Date(`${day}T00:00`), months);
  return formatISO(isWeekend(date) ? nextMonday(date) : date, { representation: "date" });
}

Object.assign(globalThis, { due });
