/**
 * WAIT numreplicas timeout. O(1). 0: there are no replicas of Redis's kind; a write is durable, on
 * a quorum where there is one, before it is answered.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { command } from "./define.ts";

export const wait = command({
  name: "wait",
  tips: ["request_policy:all_shards", "response_policy:agg_min"],
  arity: 3,
  flags: ["noscript"],
  group: "generic",
  since: "3.0.0",
  summary: "Wait for the synchronous replication of all the write commands sent before",
  run: ({ args, reply }) => {
    args.int64(0);
    const timeout = args.int64(1, "ERR timeout is not an integer or out of range");
    if (timeout < 0n) throw new CommandError("ERR timeout is negative");
    reply.integer(0);
  },
});
