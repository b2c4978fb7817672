/**
 * WATCH key [key ...]. O(1) for each. +OK; EXEC does nothing if one of them changes before it.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import { command } from "./define.ts";

/** Keys that one connection may watch. */
const watchesMax = 100_000;

export const watch = command({
  name: "watch",
  keySpecs: [{ flags: "RO" }],
  arity: -2,
  flags: ["noscript", "loading", "stale", "fast", "allow_busy"],
  keys: { first: 1, last: -1, step: 1 },
  group: "transactions",
  since: "2.2.0",
  summary: "Watch the given keys to determine execution of the MULTI/EXEC block",
  complexity: "O(1) for every key.",
  run: ({ server, peer, args, reply }) => {
    const { session } = peer;
    if (session.transaction !== null)
      throw new CommandError("ERR WATCH inside MULTI is not allowed");
    if (session.watches.length + args.count > watchesMax)
      throw new CommandError("ERR too many watched keys");
    for (let i = 0; i < args.count; i++) {
      const key = args.bytes(i);
      const known = session.watches.some((w) => w.db === session.db && w.key.equals(key));
      if (!known) session.watches.push(server.engine.watch(session.db, key));
    }
    reply.ok();
  },
});
