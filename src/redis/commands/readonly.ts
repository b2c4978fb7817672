/**
 * READONLY. O(1). Reads of this connection are local from now on: no barrier.
 * @module
 */
import { command } from "./define.ts";

export const readonly = command({
  name: "readonly",
  arity: 1,
  flags: ["loading", "stale", "fast"],
  group: "cluster",
  since: "3.0.0",
  summary: "Enables read queries for a connection to a cluster replica node",
  run: ({ peer, reply }) => {
    peer.session.localReads = true;
    reply.ok();
  },
});
