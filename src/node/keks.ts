/**
 * Opens the configured KEKs. All of them, before anything of the data directory is touched: a key
 * file that is missing or readable by others refuses the start, whichever DEKs it wraps.
 * @module
 */
import type { Kek } from "../control/deks.ts";
import { openKek } from "../kek/open.ts";

export interface OpenKeks {
  readonly keks: readonly Kek[];
  close(): void;
}

/** @throws KEK_* as the providers say. */
export async function openKeks(specs: readonly string[]): Promise<OpenKeks> {
  const providers: Awaited<ReturnType<typeof openKek>>[] = [];
  const close = (): void => {
    for (const provider of providers) provider.close();
  };
  try {
    for (const spec of specs) providers.push(await openKek(spec));
  } catch (error) {
    close();
    throw error;
  }
  return { keks: providers, close };
}
