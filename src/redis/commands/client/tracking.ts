/**
 * CLIENT TRACKING and what goes with it: client side caching is not offered. Turning it off and
 * asking about it work; turning it on is refused, so that no client keeps stale values.
 * @module
 */
import { syntaxError } from "../../../commands/failures.ts";
import { CommandError } from "../../../keyspace/errors.ts";
import { command, sessionFlags } from "../define.ts";

export const tracking = command({
  name: "tracking",
  arity: -3,
  flags: sessionFlags,
  group: "connection",
  since: "6.0.0",
  summary: "Enable or disable server assisted client side caching support",
  run: ({ args, reply }) => {
    if (args.is(0, "on")) throw new CommandError("ERR client side caching is not supported");
    if (!args.is(0, "off")) throw syntaxError();
    reply.ok();
  },
});

export const trackinginfo = command({
  name: "trackinginfo",
  arity: 2,
  flags: sessionFlags,
  group: "connection",
  since: "6.2.0",
  summary: "Return information about server assisted client side caching",
  run: ({ reply }) => {
    reply.map(3);
    reply.bulkText("flags");
    reply.set(1);
    reply.bulkText("off");
    reply.bulkText("redirect");
    reply.integer(-1);
    reply.bulkText("prefixes");
    reply.array(0);
  },
});

export const getredir = command({
  name: "getredir",
  arity: 2,
  flags: sessionFlags,
  group: "connection",
  since: "6.0.0",
  summary: "Get tracking notifications redirection client ID if any",
  run: ({ reply }) => reply.integer(-1),
});

export const caching = command({
  name: "caching",
  arity: 3,
  flags: sessionFlags,
  group: "connection",
  since: "6.0.0",
  summary: "Instruct the server about tracking or not keys in the next request",
  run: () => {
    throw new CommandError(
      "ERR CLIENT CACHING can be called only when the client is in tracking mode with OPTIN " +
        "or OPTOUT mode enabled",
    );
  },
});
