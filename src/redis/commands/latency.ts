/**
 * LATENCY …: no samples are kept (`latency-monitor-threshold` is 0), and the answers say so.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { ServerCommand } from "../context.ts";
import { adminFlags, command, container } from "./define.ts";

const doctorText =
  "I'm sorry, Dave, I can't do that. Latency monitoring is disabled in this Redis instance. You " +
  'may use "CONFIG SET latency-monitor-threshold <milliseconds>." in order to enable it.\n';

function sub(name: string, arity: number, run: NonNullable<ServerCommand["run"]>): ServerCommand {
  const summary = `LATENCY ${name.toUpperCase()} of an instance that takes no samples`;
  return command({ name, arity, flags: adminFlags, since: "2.8.13", summary, run });
}

export const latency = container({
  name: "latency",
  arity: -2,
  since: "2.8.13",
  summary: "A container for latency diagnostics commands",
  subcommands: [
    sub("doctor", 2, ({ reply }) => reply.verbatim("txt", doctorText)),
    sub("graph", 3, ({ args }) => {
      throw new CommandError(`ERR No samples available for event '${args.text(0)}'`);
    }),
    sub("histogram", -2, ({ reply }) => reply.map(0)),
    sub("history", 3, ({ reply }) => reply.array(0)),
    sub("latest", 2, ({ reply }) => reply.array(0)),
    sub("reset", -2, ({ reply }) => reply.integer(0)),
  ],
});
