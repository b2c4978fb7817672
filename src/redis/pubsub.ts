/**
 * Publish and subscribe within one process (redis.io, Pub/Sub). Messages are never stored.
 * @module
 */
import { globMatches } from "../commands/glob.ts";
import type { Reply } from "../resp/reply.ts";
import type { Peer, PubSub, SubscriptionKind } from "./context.ts";

type Listeners = Map<string, Set<Peer>>;

function latin1(text: string): Buffer {
  return Buffer.from(text, "latin1");
}

/** @returns how many were told. */
function tell(peers: ReadonlySet<Peer>, write: (out: Reply) => void): number {
  const all = [...peers];
  for (const peer of all) {
    peer.out.aloud(write);
    peer.wake();
  }
  return all.length;
}

export class Channels implements PubSub {
  private readonly listeners: Record<SubscriptionKind, Listeners> = {
    channels: new Map(),
    patterns: new Map(),
    shardChannels: new Map(),
  };

  publish(channel: string, message: Buffer): number {
    let count = this.deliver("channels", "message", channel, message);
    for (const [pattern, peers] of this.listeners.patterns) {
      if (!globMatches(latin1(pattern), latin1(channel))) continue;
      count += tell(peers, (out) => {
        out.push(4);
        out.bulkText("pmessage");
        out.bulk(latin1(pattern));
        out.bulk(latin1(channel));
        out.bulk(message);
      });
    }
    return count;
  }

  publishShard(channel: string, message: Buffer): number {
    return this.deliver("shardChannels", "smessage", channel, message);
  }

  private deliver(kind: SubscriptionKind, word: string, channel: string, message: Buffer): number {
    const peers = this.listeners[kind].get(channel);
    if (peers === undefined) return 0;
    return tell(peers, (out) => {
      out.push(3);
      out.bulkText(word);
      out.bulk(latin1(channel));
      out.bulk(message);
    });
  }

  subscribe(peer: Peer, kind: SubscriptionKind, name: string): void {
    peer.session[kind].add(name);
    const peers = this.listeners[kind].get(name);
    if (peers === undefined) this.listeners[kind].set(name, new Set([peer]));
    else peers.add(peer);
  }

  unsubscribe(peer: Peer, kind: SubscriptionKind, name: string): void {
    peer.session[kind].delete(name);
    const peers = this.listeners[kind].get(name);
    if (peers === undefined) return;
    peers.delete(peer);
    if (peers.size === 0) this.listeners[kind].delete(name);
  }

  dropAll(peer: Peer): void {
    for (const kind of ["channels", "patterns", "shardChannels"] as const)
      for (const name of [...peer.session[kind]]) this.unsubscribe(peer, kind, name);
  }

  names(kind: SubscriptionKind): string[] {
    return [...this.listeners[kind].keys()];
  }

  count(kind: SubscriptionKind, name: string): number {
    return this.listeners[kind].get(name)?.size ?? 0;
  }

  get patternCount(): number {
    return this.listeners.patterns.size;
  }
}
