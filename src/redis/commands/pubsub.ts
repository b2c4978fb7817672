/**
 * PUBSUB CHANNELS, NUMSUB, NUMPAT, SHARDCHANNELS, SHARDNUMSUB: who listens to what on this node.
 * @module
 */
import { globMatches } from "../../commands/glob.ts";
import type { Call, ServerCommand, SubscriptionKind } from "../context.ts";
import { bulkLatin1, command, container } from "./define.ts";

const flags = ["pubsub", "loading", "stale"];

function names(name: string, kind: SubscriptionKind): ServerCommand {
  return command({
    name,
    arity: -2,
    flags,
    group: "pubsub",
    since: "2.8.0",
    summary: "List active channels",
    complexity: "O(N) where N is the number of active channels",
    run: (call: Call) => {
      const { server, args, reply } = call;
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
    since: "2.8.0",
    summary: "Get the count of subscribers for channels",
    complexity: "O(N) for the number of requested channels",
    run: (call: Call) => {
      const { server, args, reply } = call;
      reply.map(args.count);
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
  subcommands: [
    names("channels", "channels"),
    numpat,
    counts("numsub", "channels"),
    names("shardchannels", "shardChannels"),
    counts("shardnumsub", "shardChannels"),
  ],
});
