/**
 * SELECT index. O(1). +OK.
 * @module
 */
import { databaseAt } from "../../commands/keys/database.ts";
import { command } from "./define.ts";

export const select = command({
  name: "select",
  arity: 2,
  flags: ["loading", "stale", "fast"],
  group: "connection",
  since: "1.0.0",
  summary: "Change the selected database for the current connection",
  when: "at-once",
  run: ({ peer, args, reply }) => {
    peer.session.db = databaseAt(args, 0);
    reply.ok();
  },
});
