/**
 * RESET. O(1). +RESET; the connection is as it was when it began.
 * @module
 */
import { newSession } from "../session.ts";
import { command, entryFlags } from "./define.ts";

export const reset = command({
  name: "reset",
  arity: 1,
  flags: entryFlags,
  group: "connection",
  since: "6.2.0",
  summary: "Reset the connection",
  run: ({ server, peer, reply }) => {
    server.pubsub.dropAll(peer);
    server.monitors.delete(peer);
    // Its own reply may be one to be skipped.
    if (peer.session.replies === "off") peer.mute(false);
    Object.assign(peer.session, newSession(server.passwordDigest === null));
    peer.protocol = 2;
    peer.refresh();
    reply.simple("RESET");
  },
});
