/**
 * The first state of a connection, and what RESET brings back.
 * @module
 */
import type { Session, Transaction } from "./context.ts";

/** @param authenticated - True where no password is set. */
export function newSession(authenticated: boolean): Session {
  return {
    db: 0,
    name: "",
    libName: "",
    libVersion: "",
    authenticated,
    transaction: null,
    watches: [],
    localReads: false,
    noEvict: false,
    noTouch: false,
    monitor: false,
    replies: "on",
    channels: new Set(),
    patterns: new Set(),
    shardChannels: new Set(),
  };
}

export function newTransaction(db: number): Transaction {
  return {
    commands: [],
    db,
    bytes: 0,
    aborted: false,
    writes: false,
    replicates: false,
    local: false,
  };
}

/** Number of channels, patterns and shard channels a connection listens to. */
export function subscriptions(session: Session): number {
  return session.channels.size + session.patterns.size + session.shardChannels.size;
}
