/**
 * QUIT. O(1). +OK, then the connection is closed.
 * @module
 */
import { command, entryFlags } from "./define.ts";

export const quit = command({
  name: "quit",
  arity: -1,
  flags: entryFlags,
  group: "connection",
  since: "1.0.0",
  summary: "Close the connection",
  run: ({ peer, reply }) => {
    reply.ok();
    peer.closeAfterReplies();
  },
});
