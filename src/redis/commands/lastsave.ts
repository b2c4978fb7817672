/**
 * LASTSAVE. O(1). Seconds since 1970 of the last commit of the store.
 * @module
 */
import { command } from "./define.ts";

export const lastsave = command({
  name: "lastsave",
  tips: ["nondeterministic_output"],
  arity: 1,
  flags: ["loading", "stale", "fast"],
  since: "1.0.0",
  summary: "Get the UNIX time stamp of the last successful save to disk",
  run: ({ server, reply }) => reply.integer(Math.floor(server.engine.lastCheckpointMs / 1000)),
});
