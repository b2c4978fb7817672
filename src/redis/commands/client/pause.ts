/**
 * CLIENT PAUSE milliseconds [WRITE | ALL] and UNPAUSE. O(1). Commands of all connections wait.
 * @module
 */
import { CommandError } from "../../../keyspace/errors.ts";
import { adminFlags, command, ok } from "../define.ts";

const badTimeout = "ERR timeout is not an integer or out of range";
const timeoutMsMax = 2 ** 40;

export const pause = command({
  name: "pause",
  arity: -3,
  flags: adminFlags,
  group: "connection",
  since: "2.9.50",
  summary: "Stop processing commands from clients for some time",
  run: ({ server, args, reply }) => {
    const ms = Math.min(args.long(0, badTimeout), timeoutMsMax);
    if (ms < 0) throw new CommandError("ERR timeout is negative");
    const writesOnly = args.count === 2 && args.is(1, "write");
    if (args.count > 2 || (args.count === 2 && !writesOnly && !args.is(1, "all")))
      throw new CommandError("ERR CLIENT PAUSE mode must be WRITE or ALL");
    const until = server.host.clock.monotonicMs() + ms;
    const paused = server.pause.untilMs > server.host.clock.monotonicMs();
    server.pause.writesOnly = writesOnly && (!paused || server.pause.writesOnly);
    server.pause.untilMs = paused ? Math.max(until, server.pause.untilMs) : until;
    server.paused();
    reply.ok();
  },
});

export const unpause = command({
  name: "unpause",
  arity: 2,
  flags: adminFlags,
  group: "connection",
  since: "6.2.0",
  summary: "Resume processing of clients that were paused",
  complexity: "O(N) Where N is the number of paused clients",
  run: (call) => {
    ok(call);
    call.server.resumeAll();
  },
});
