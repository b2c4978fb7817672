/**
 * PUBSUB CHANNELS, NUMSUB, NUMPAT, SHARDCHANNELS, SHARDNUMSUB: who listens to what on this node.
 * @module
 */
import { globMatches } from "../../commands/glob.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Call, ServerCommand, SubscriptionKind } from "../context.ts";
import { bulkLatin1, command, container } from "./define.ts";

const flags = ["pubsub", "loading", "stale"];

const shard = (kind: SubscriptionKind): string => (kind === "shardChannels" ? "shard " : "");
const sinceOf = (kind: SubscriptionKind): string => (kind === "shardChannels" ? "7.0.0" : "2.8.0");

const short: Record<string, string> = {
  channels: "channels and patterns)",
  shardChannels: "shard channels).",
};

const tooMany = (name: string): string =>
  `ERR unknown subcommand or wrong number of arguments for '${name}'. Try PUBSUB HELP.`;

function names(name: string, kind: SubscriptionKind): ServerCommand {
  return command({
    name,
    arity: -2,
    flags,
    group: "pubsub",
    since: sinceOf(kind),
    summary: `List active ${shard(kind)}channels`,
    complexity:
      `O(N) where N is the number of active ${shard(kind)}channels, and assuming constant time ` +
      `pattern matching (relatively short ${short[kind]}`,
    run: (call: Call) => {
      const { server, args, reply } = call;
      if (args.count > 1) throw new CommandError(tooMany(args.first > 0 ? args.text(-1) : name));
      const all = server.pubsub.names(kind);
      const found = all.filter(
        (one) => args.count === 0 || globMatches(args.bytes(0), Buffer.from(one, "latin1")),
      );
      reply.array(found.length);
      for (const one of found) bulkLatin1(call, one);
    },
  });
}

function counts(name: string, kind: SubscriptionKind): ServerCommand {
  return command({
    name,
    arity: -2,
    flags,
    group: "pubsub",
    since: sinceOf(kind),
    summary: `Get the count of subscribers for ${shard(kind)}channels`,
    complexity:
      `O(N) for the ${name.toUpperCase()} subcommand, where N is the number of requested ` +
      `${shard(kind)}channels`,
    run: (call: Call) => {
      const { server, args, reply } = call;
      // Redis 7.0 sends no map here, in RESP3 either.
      reply.array(args.count * 2);
      for (let i = 0; i < args.count; i++) {
        bulkLatin1(call, args.text(i));
        reply.integer(server.pubsub.count(kind, args.text(i)));
      }
    },
  });
}

const numpat = command({
  name: "numpat",
  arity: 2,
  flags,
  group: "pubsub",
  since: "2.8.0",
  summary: "Get the count of unique patterns pattern subscriptions",
  run: ({ server, reply }) => reply.integer(server.pubsub.patternCount),
});

export const pubsub = container({
  name: "pubsub",
  arity: -2,
  group: "pubsub",
  since: "2.8.0",
  summary: "A container for Pub/Sub commands",
  complexity: "Depends on subcommand.",
  subcommands: [
    names("channels", "channels"),
    numpat,
    counts("numsub", "channels"),
    names("shardchannels", "shardChannels"),
    counts("shardnumsub", "shardChannels"),
  ],
});
