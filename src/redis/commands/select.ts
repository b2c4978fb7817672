/**
 * SELECT index. O(1). +OK.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { command } from "./define.ts";

export const select = command({
  name: "select",
  arity: 2,
  flags: ["loading", "stale", "fast"],
  group: "connection",
  since: "1.0.0",
  summary: "Change the selected database for the current connection",
  when: "at-once",
  run: ({ server, peer, args, reply }) => {
    const db = args.int64(0);
    if (db < 0n || db >= BigInt(server.engine.databaseCount))
      throw new CommandError("ERR DB index is out of range");
    peer.session.db = Number(db);
    reply.ok();
  },
});
