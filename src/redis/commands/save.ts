/**
 * SAVE. O(N) of what is not yet in the store. +OK once everything applied so far is there. Without
 * it nothing would be lost: the log holds what the store does not.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { command } from "./define.ts";

export const save = command({
  name: "save",
  arity: 1,
  flags: ["admin", "noscript", "no_async_loading", "no_multi"],
  since: "1.0.0",
  summary: "Synchronously save the dataset to disk",
  complexity: "O(N) where N is the total number of keys in all databases",
  run: async ({ server, reply }) => {
    if (server.engine.checkpointing)
      throw new CommandError("ERR Background save already in progress");
    await server.engine.checkpoint();
    reply.ok();
  },
});
