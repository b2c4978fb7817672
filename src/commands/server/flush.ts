/**
 * What FLUSHDB and FLUSHALL share: ASYNC and SYNC are taken and mean the same, since a flush
 * replaces the contents at once and reclaims them in the background.
 * @module
 */
import type { Args } from "../args.ts";
import { syntaxError } from "../failures.ts";

export function parseFlush(args: Args): null {
  const known = args.count === 1 && (args.is(0, "sync") || args.is(0, "async"));
  if (args.count > 0 && !known) throw syntaxError();
  return null;
}
