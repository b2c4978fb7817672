/**
 * DISCARD. O(N) queued commands. +OK; they are forgotten, and so are the watched keys.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { command } from "./define.ts";

export const discard = command({
  name: "discard",
  arity: 1,
  flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
  group: "transactions",
  since: "2.0.0",
  summary: "Discard all commands issued after MULTI",
  complexity: "O(N), when N is the number of queued commands",
  when: "at-once",
  run: ({ peer, reply }) => {
    if (peer.session.transaction === null) throw new CommandError("ERR DISCARD without MULTI");
    peer.session.transaction = null;
    peer.session.watches = [];
    peer.refresh();
    reply.ok();
  },
});
