/**
 * EXEC. Cost of the queued commands. An array of their replies; nil if a watched key changed.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { command } from "./define.ts";

export const exec = command({
  name: "exec",
  arity: 1,
  flags: ["noscript", "loading", "stale", "skip_slowlog"],
  group: "transactions",
  since: "1.2.0",
  summary: "Execute all commands issued after MULTI",
  complexity: "Depends on commands in the transaction",
  when: "at-once",
  run: ({ peer }) => {
    const { session } = peer;
    const { transaction, watches } = session;
    if (transaction === null) throw new CommandError("ERR EXEC without MULTI");
    session.transaction = null;
    session.watches = [];
    peer.refresh();
    if (transaction.aborted)
      throw new CommandError("EXECABORT Transaction discarded because of previous errors.");
    peer.submitExec(transaction, watches);
  },
});
