/**
 * UNWATCH. O(1). +OK.
 * @module
 */
import { command } from "./define.ts";

export const unwatch = command({
  name: "unwatch",
  arity: 1,
  flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
  group: "transactions",
  since: "2.2.0",
  summary: "Forget about all watched keys",
  when: "at-once",
  run: ({ peer, reply }) => {
    peer.session.watches = [];
    reply.ok();
  },
});
