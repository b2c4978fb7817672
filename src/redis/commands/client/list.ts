/**
 * CLIENT LIST [TYPE type] [ID id ...] and CLIENT INFO. O(N) connections. One line each.
 * @module
 */
import { syntaxError } from "../../../commands/failures.ts";
import { CommandError } from "../../../keyspace/errors.ts";
import type { Call, Peer } from "../../context.ts";
import { adminFlags, command, sessionFlags } from "../define.ts";
import { describe, typeOf } from "./describe.ts";

/** The type that a word names. @throws CommandError */
export function clientType(word: string): string {
  const known = ["normal", "pubsub", "master", "replica"];
  const lower = word.toLowerCase();
  if (lower === "slave") return "replica";
  if (!known.includes(lower)) throw new CommandError(`ERR Unknown client type '${word}'`);
  return lower;
}

function chosen({ server, args }: Call): Peer[] {
  const all = [...server.peers.values()];
  if (args.count === 0) return all;
  if (args.count === 2 && args.is(0, "type")) {
    const type = clientType(args.text(1));
    return all.filter((peer) => typeOf(peer) === type);
  }
  if (args.count < 2 || !args.is(0, "id")) throw syntaxError();
  const found: Peer[] = [];
  for (let i = 1; i < args.count; i++) {
    const peer = server.peers.get(Number(args.int64(i, "ERR Invalid client ID")));
    if (peer !== undefined) found.push(peer);
  }
  return found;
}

export const list = command({
  name: "list",
  tips: ["nondeterministic_output"],
  arity: -2,
  flags: adminFlags,
  group: "connection",
  since: "2.4.0",
  summary: "Get the list of client connections",
  complexity: "O(N) where N is the number of client connections",
  run: (call) => {
    const lines = chosen(call).map((peer) => `${describe(call.server, peer)}\n`);
    call.reply.verbatim("txt", lines.join(""));
  },
});

export const info = command({
  name: "info",
  tips: ["nondeterministic_output"],
  arity: 2,
  flags: sessionFlags,
  group: "connection",
  since: "6.2.0",
  summary: "Returns information about the current client connection.",
  run: ({ server, peer, reply }) => reply.verbatim("txt", `${describe(server, peer)}\n`),
});
