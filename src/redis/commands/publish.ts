/**
 * PUBLISH and SPUBLISH channel message. O(N) subscribers. How many there were on this node.
 * @module
 */
import type { Call } from "../context.ts";
import { command } from "./define.ts";

const flags = ["pubsub", "loading", "stale", "fast"];

function message({ args }: Call): Buffer {
  return Buffer.from(args.bytes(1));
}

export const publish = command({
  name: "publish",
  arity: 3,
  flags,
  group: "pubsub",
  since: "2.0.0",
  summary: "Post a message to a channel",
  complexity:
    "O(N+M) where N is the number of clients subscribed to the receiving channel and M " +
    "is the total number of subscribed patterns (by any client).",
  run: (call) => call.reply.integer(call.server.pubsub.publish(call.args.text(0), message(call))),
});

export const spublish = command({
  name: "spublish",
  arity: 3,
  flags,
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "not_key" }],
  group: "pubsub",
  since: "7.0.0",
  summary: "Post a message to a shard channel",
  complexity: "O(N) where N is the number of clients subscribed to the receiving shard channel.",
  run: (call) =>
    call.reply.integer(call.server.pubsub.publishShard(call.args.text(0), message(call))),
});
