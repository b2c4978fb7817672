/**
 * SLOWLOG GET [count], LEN, RESET. What took longer than `slowlog-log-slower-than`, newest first.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Call, SlowEntry } from "../context.ts";
import { always, bulkLatin1, command, container } from "./define.ts";

const countError = "ERR count should be greater than or equal to -1";
const flags = ["admin", ...always];

function writeEntry(call: Call, entry: SlowEntry): void {
  const { reply } = call;
  reply.array(6);
  reply.integer(entry.id);
  reply.integer(entry.unixSeconds);
  reply.integer(entry.usec);
  reply.array(entry.args.length);
  for (const arg of entry.args) bulkLatin1(call, arg);
  bulkLatin1(call, entry.address);
  bulkLatin1(call, entry.name);
}

const get = command({
  name: "get",
  tips: ["request_policy:all_nodes", "nondeterministic_output"],
  arity: -2,
  flags,
  since: "2.2.12",
  summary: "Get the slow log's entries",
  complexity: "O(N) where N is the number of entries returned",
  run: (call) => {
    const { server, args, reply } = call;
    let count = args.count === 0 ? 10 : args.long(0, countError);
    if (count < -1) throw new CommandError(countError);
    if (args.count > 1) throw new CommandError("ERR syntax error");
    if (count === -1) count = server.slowLog.length;
    const entries = server.slowLog.slice(0, count);
    reply.array(entries.length);
    for (const entry of entries) writeEntry(call, entry);
  },
});

const len = command({
  name: "len",
  tips: ["request_policy:all_nodes", "response_policy:agg_sum", "nondeterministic_output"],
  arity: 2,
  flags,
  since: "2.2.12",
  summary: "Get the slow log's length",
  run: ({ server, reply }) => reply.integer(server.slowLog.length),
});

const reset = command({
  name: "reset",
  tips: ["request_policy:all_nodes", "response_policy:all_succeeded"],
  arity: 2,
  flags,
  since: "2.2.12",
  summary: "Clear all entries from the slow log",
  run: ({ server, reply }) => {
    server.slowLog.length = 0;
    reply.ok();
  },
});

export const slowlog = container({
  name: "slowlog",
  arity: -2,
  since: "2.2.12",
  summary: "A container for slow log commands",
  complexity: "Depends on subcommand.",
  subcommands: [get, len, reset],
});
