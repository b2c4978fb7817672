/**
 * One line of CLIENT LIST and INFO, in the fields of Redis 7.0 (networking.c, catClientInfoString).
 * @module
 */
import type { Peer, ServerContext } from "../../context.ts";

export type ClientType = "normal" | "pubsub" | "master" | "replica";

export function typeOf(peer: Peer): ClientType {
  const { channels, patterns, shardChannels } = peer.session;
  return channels.size + patterns.size + shardChannels.size > 0 ? "pubsub" : "normal";
}

function flagsOf(peer: Peer): string {
  const { session } = peer;
  let flags = "";
  if (session.monitor) flags += "O";
  if (typeOf(peer) === "pubsub") flags += "P";
  if (session.transaction !== null) flags += "x";
  if (peer.unix) flags += "U";
  if (session.noEvict) flags += "e";
  if (session.noTouch) flags += "T";
  return flags === "" ? "N" : flags;
}

export function describe(server: ServerContext, peer: Peer): string {
  const { session, figures } = peer;
  const seconds = (ms: number): number => Math.max(Math.floor((server.nowMs - ms) / 1000), 0);
  const { transaction } = session;
  const fields: [string, string | number][] = [
    ["id", peer.id],
    ["addr", peer.address],
    ["laddr", peer.localAddress],
    ["fd", peer.fd],
    ["name", session.name],
    ["age", seconds(peer.sinceMs)],
    ["idle", seconds(peer.activeMs)],
    ["flags", flagsOf(peer)],
    ["db", session.db],
    ["sub", session.channels.size],
    ["psub", session.patterns.size],
    ["ssub", session.shardChannels.size],
    ["multi", transaction === null ? -1 : transaction.commands.length],
    ["qbuf", figures.queryBytes],
    ["qbuf-free", 0],
    ["argv-mem", 0],
    ["multi-mem", transaction === null ? 0 : transaction.bytes],
    ["rbs", 0],
    ["rbp", 0],
    ["obl", 0],
    ["oll", 0],
    ["omem", figures.outputBytes],
    ["tot-mem", figures.queryBytes + figures.outputBytes],
    ["events", "r"],
    ["cmd", peer.lastCommand],
    ["user", "default"],
    ["redir", -1],
    ["resp", peer.protocol],
    ["lib-name", session.libName],
    ["lib-ver", session.libVersion],
  ];
  return fields.map(([name, value]) => `${name}=${value}`).join(" ");
}
