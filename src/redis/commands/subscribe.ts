/**
 * SUBSCRIBE, PSUBSCRIBE, SSUBSCRIBE and their opposites. O(N) names. One push for each name; an
 * unsubscribing command without names leaves all, and says so once if there were none.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Call, ServerCommand, SubscriptionKind } from "../context.ts";
import { command } from "./define.ts";

const flags = ["pubsub", "noscript", "loading", "stale"];
/** Names that one connection may listen to. */
const subscriptionsMax = 100_000;

function count({ peer }: Call, kind: SubscriptionKind): number {
  const { channels, patterns, shardChannels } = peer.session;
  return kind === "shardChannels" ? shardChannels.size : channels.size + patterns.size;
}

function tell(call: Call, kind: SubscriptionKind, name: string | null): void {
  const { reply } = call;
  if (name === null) reply.nil();
  else reply.bulk(Buffer.from(name, "latin1"));
  reply.integer(count(call, kind));
}

function join(word: string, kind: SubscriptionKind): ServerCommand {
  return command({
    name: word,
    arity: -2,
    flags,
    group: "pubsub",
    since: kind === "shardChannels" ? "7.0.0" : "2.0.0",
    summary: "Listen for messages published to the given names",
    complexity: "O(N) where N is the number of names.",
    run: (call) => {
      const { server, peer, args, reply } = call;
      if (count(call, kind) + args.count > subscriptionsMax)
        throw new CommandError("ERR too many subscriptions");
      for (let i = 0; i < args.count; i++) {
        server.pubsub.subscribe(peer, kind, args.text(i));
        reply.push(3);
        reply.bulkText(word);
        tell(call, kind, args.text(i));
      }
      peer.refresh();
    },
  });
}

function leave(word: string, kind: SubscriptionKind): ServerCommand {
  return command({
    name: word,
    arity: -1,
    flags,
    group: "pubsub",
    since: kind === "shardChannels" ? "7.0.0" : "2.0.0",
    summary: "Stop listening for messages published to the given names",
    complexity: "O(N) where N is the number of names.",
    run: (call) => {
      const { server, peer, args, reply } = call;
      const given = Array.from({ length: args.count }, (_, i) => args.text(i));
      const names: (string | null)[] = args.count > 0 ? given : [...peer.session[kind]];
      if (names.length === 0) names.push(null);
      for (const name of names) {
        if (name !== null) server.pubsub.unsubscribe(peer, kind, name);
        reply.push(3);
        reply.bulkText(word);
        tell(call, kind, name);
      }
      peer.refresh();
    },
  });
}

export const subscribing: readonly ServerCommand[] = [
  join("subscribe", "channels"),
  join("psubscribe", "patterns"),
  join("ssubscribe", "shardChannels"),
  leave("unsubscribe", "channels"),
  leave("punsubscribe", "patterns"),
  leave("sunsubscribe", "shardChannels"),
];
