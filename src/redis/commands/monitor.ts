/**
 * MONITOR. +OK; from then on a line for every command of every client.
 * @module
 */
import { adminFlags, command } from "./define.ts";

export const monitor = command({
  name: "monitor",
  arity: 1,
  flags: adminFlags,
  since: "1.0.0",
  summary: "Listen for all requests received by the server in real time",
  run: ({ server, peer, reply }) => {
    peer.session.monitor = true;
    server.monitors.add(peer);
    reply.ok();
  },
});
