/**
 * MONITOR. +OK; from then on a line for every command of every client. A monitor has no access to
 * keys until RESET.
 * @module
 */
import { adminFlags, command } from "./define.ts";

export const monitor = command({
  name: "monitor",
  arity: 1,
  flags: adminFlags,
  since: "1.0.0",
  summary: "Listen for all requests received by the server in real time",
  refusedInExec: "ERR MONITOR isn't allowed for DENY BLOCKING client",
  run: ({ server, peer, reply }) => {
    // Redis gives no second reply.
    if (peer.session.monitor) return;
    peer.session.monitor = true;
    server.monitors.add(peer);
    reply.ok();
  },
});
