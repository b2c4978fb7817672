/**
 * What is read with GET and needs no schema: metrics for Prometheus, health for those who start and
 * watch processes. No key name, no value and no secret is on them.
 * @module
 */

export interface Page {
  readonly status: number;
  readonly type: string;
  readonly text: string;
}

/** Path → who writes the page. */
export type Pages = Readonly<Record<string, () => Promise<Page>>>;

/** What answers a path, null if it is not the path of a page. */
export function pageOf(pages: Pages, path: string): ((method: string) => Promise<Page>) | null {
  const write = Object.hasOwn(pages, path) ? pages[path] : undefined;
  if (write === undefined) return null;
  return async (method) => {
    if (method === "GET" || method === "HEAD") return write();
    return { status: 405, type: "text/plain; charset=utf-8", text: "use GET\n" };
  };
}
