/**
 * ROLE. O(1). "master", the applied index as offset, no replicas.
 * @module
 */
import { command } from "./define.ts";

export const role = command({
  name: "role",
  arity: 1,
  flags: ["noscript", "loading", "stale", "fast"],
  since: "2.8.12",
  summary: "Return the role of the instance in the context of replication",
  run: ({ server, reply }) => {
    reply.array(3);
    reply.bulkText("master");
    reply.integer(server.engine.status().appliedIndex);
    reply.array(0);
  },
});
