/**
 * The storages of browsers that would keep data on disk: no permission guards them, so they have no place to do it, and
 * would throw when they are used. Libraries ask first whether they are there.
 */
const ABSENT = ["localStorage", "caches", "Cache", "CacheStorage"];

/** Removes them from the globals, as if this were a browser without them. `sessionStorage` works, and stays. */
export function removeStorages(): void {
  for (let i = 0; i < ABSENT.length; i++) {
    delete (globalThis as unknown as Record<string, unknown>)[ABSENT[i] as string];
  }
}
