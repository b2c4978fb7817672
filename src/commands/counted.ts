/**
 * What counts as a look-up in INFO keyspace_hits and keyspace_misses: those of commands that only
 * read, and of writing commands where they read a value for their reply or their result
 * (https://redis.io/docs/latest/commands/info/, Redis' lookupKeyRead).
 * @module
 */
import type { Keyspace } from "../keyspace/api.ts";

/** The look-ups of `read` count, in a command that writes. */
export function counted<Result>(keyspace: Keyspace, read: () => Result): Result {
  keyspace.counting = true;
  const result = read();
  keyspace.counting = false;
  return result;
}
