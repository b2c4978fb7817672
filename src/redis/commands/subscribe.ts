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

function tell(call: Call, word: string, kind: SubscriptionKind, name: string | null): void {
  call.reply.aloud((reply) => {
    reply.push(3);
    reply.bulkText(word);
    if (name === null) reply.nil();
    else reply.bulk(Buffer.from(name, "latin1"));
    reply.integer(count(call, kind));
  });
}

/** Shard channels have a slot, as keys have. */
function about(
  kind: SubscriptionKind,
): Pick<ServerCommand, "group" | "since" | "keys" | "keySpecs"> {
  if (kind !== "shardChannels") return { group: "pubsub", since: "2.0.0" };
  const keys = { first: 1, last: -1, step: 1 };
  return { group: "pubsub", since: "7.0.0", keys, keySpecs: [{ flags: "not_key" }] };
}

const meant: Record<SubscriptionKind, string> = {
  channels: "the given channels",
  patterns: "channels matching the given patterns",
  shardChannels: "the given shard channels",
};

function join(word: string, kind: SubscriptionKind, complexity: string): ServerCommand {
  return command({
    name: word,
    arity: -2,
    flags,
    ...about(kind),
    summary: `Listen for messages published to ${meant[kind]}`,
    complexity,
    run: (call) => {
      const { server, peer, args } = call;
      if (count(call, kind) + args.count > subscriptionsMax)
        throw new CommandError("ERR too many subscriptions");
      for (let i = 0; i < args.count; i++) {
        server.pubsub.subscribe(peer, kind, args.text(i));
        tell(call, word, kind, args.text(i));
      }
      peer.refresh();
    },
  });
}

function leave(word: string, kind: SubscriptionKind, complexity: string): ServerCommand {
  return command({
    name: word,
    arity: -1,
    flags,
    ...about(kind),
    summary: `Stop listening for messages posted to ${meant[kind]}`,
    complexity,
    run: (call) => {
      const { server, peer, args } = call;
      const given = Array.from({ length: args.count }, (_, i) => args.text(i));
      const names: (string | null)[] = args.count > 0 ? given : [...peer.session[kind]];
      if (names.length === 0) names.push(null);
      for (const name of names) {
        if (name !== null) server.pubsub.unsubscribe(peer, kind, name);
        tell(call, word, kind, name);
      }
      peer.refresh();
    },
  });
}

const of = (what: string): string => `O(N) where N is the number of ${what}.`;
const patterns = "patterns the client is already subscribed";

export const subscribing: readonly ServerCommand[] = [
  join("subscribe", "channels", of("channels to subscribe to")),
  join("psubscribe", "patterns", of(`${patterns} to`)),
  join("ssubscribe", "shardChannels", of("shard channels to subscribe to")),
  leave("unsubscribe", "channels", of("clients already subscribed to a channel")),
  leave(
    "punsubscribe",
    "patterns",
    `O(N+M) where N is the number of ${patterns} and M is the number of total patterns ` +
      "subscribed in the system (by any client).",
  ),
  leave("sunsubscribe", "shardChannels", of("clients already subscribed to a shard channel")),
];
