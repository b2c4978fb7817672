/**
 * READWRITE. O(1). Takes READONLY back: reads are linearizable again.
 * @module
 */
import { command } from "./define.ts";

export const readwrite = command({
  name: "readwrite",
  arity: 1,
  flags: ["loading", "stale", "fast"],
  group: "cluster",
  since: "3.0.0",
  summary: "Disables read queries for a connection to a cluster replica node",
  run: ({ peer, reply }) => {
    peer.session.localReads = false;
    reply.ok();
  },
});
