/**
 * MULTI. O(1). +OK; commands are queued until EXEC or DISCARD.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { newTransaction } from "../session.ts";
import { command } from "./define.ts";

export const multi = command({
  name: "multi",
  arity: 1,
  flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
  group: "transactions",
  since: "1.2.0",
  summary: "Mark the start of a transaction block",
  when: "at-once",
  run: ({ peer, reply }) => {
    const { session } = peer;
    if (session.transaction !== null) throw new CommandError("ERR MULTI calls can not be nested");
    session.transaction = newTransaction(session.db);
    peer.refresh();
    reply.ok();
  },
});
