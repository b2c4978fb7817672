/**
 * WATCH key [key ...]. O(1) for each. +OK; EXEC does nothing if one of them changes before it.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { WatchToken } from "../port.ts";
import { command } from "./define.ts";

/** Keys that one connection may watch. */
const watchesMax = 100_000;
/** Database and name of what a connection watches; a list that ends takes them along. */
const names = new WeakMap<readonly WatchToken[], Set<string>>();

function namesOf(watches: readonly WatchToken[]): Set<string> {
  const found = names.get(watches) ?? new Set<string>();
  if (found.size === 0) names.set(watches, found);
  return found;
}

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
    const known = namesOf(session.watches);
    for (let i = 0; i < args.count; i++) {
      const key = args.bytes(i);
      const name = `${session.db} ${key.toString("latin1")}`;
      if (known.has(name)) continue;
      session.watches.push(server.engine.watch(session.db, key));
      known.add(name);
    }
    reply.ok();
  },
});
