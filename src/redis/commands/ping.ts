/**
 * PING [message]. O(1). +PONG, or the message; in RESP2 while subscribed a push-like array.
 * @module
 */

import { wrongArity } from "../../commands/failures.ts";
import { subscriptions } from "../session.ts";
import { command } from "./define.ts";

export const ping = command({
  name: "ping",
  tips: ["request_policy:all_shards", "response_policy:all_succeeded"],
  arity: -1,
  flags: ["fast"],
  group: "connection",
  since: "1.0.0",
  summary: "Ping the server",
  when: "at-once",
  run: ({ args, peer, reply }) => {
    if (args.count > 1) throw wrongArity("ping");
    if (peer.protocol === 2 && subscriptions(peer.session) > 0) {
      reply.array(2);
      reply.bulkText("pong");
      reply.bulk(args.count === 0 ? Buffer.alloc(0) : args.bytes(0));
    } else if (args.count === 0) reply.simple("PONG");
    else reply.bulk(args.bytes(0));
  },
});
