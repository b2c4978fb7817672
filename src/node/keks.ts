/**
 * Opens the configured KEKs. All of them, before anything of the data directory is touched: a key
 * file that is missing or readable by others refuses the start, whichever DEKs it wraps.
 * @module
 */
import type { Kek } from "../control/deks.ts";
import { openKeks as openProviders } from "../kek/open.ts";

export interface OpenKeks {
  readonly keks: readonly Kek[];
  close(): void;
}

/** @throws KEK_* as the providers say. */
export async function openKeks(specs: readonly string[]): Promise<OpenKeks> {
  const keks = await openProviders(specs);
  return {
    keks,
    close: () => {
      for (const kek of keks) kek.close();
    },
  };
}
