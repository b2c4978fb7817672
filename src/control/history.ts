/**
 * What has happened to the keys, as the log told it: one event an accepted change, bounded, the
 * oldest go first. It also answers whether a request was done before: the same request again finds
 * its event, on every node and after every restart. Replicated state: every node holds the same.
 * docs/formats/control-records.md.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { FullNodeId } from "../base/brand.ts";
import { isAsked } from "../entry/stamp.ts";
import type { Purpose } from "../entry/wraps.ts";

/** Most events that are kept, and so most requests that are known again. */
export const eventsMax = 4096;
/** UTF-16 units of a detail. */
export const detailMax = 1200;

/** In the order of their numbers on disk, from 1. */
export const eventKinds = [
  "bootstrap",
  "clear-start",
  "add",
  "activate",
  "rewrap",
  "fence",
  "retire",
  "enable-storage",
  "enable-log",
  "skip",
  "feature-level",
  "register",
] as const;
export type EventKind = (typeof eventKinds)[number];

export interface ControlEvent {
  /** Of the entry; unique. */
  readonly index: number;
  /** The proposer's clock, milliseconds since 1970; 0: unknown. */
  readonly timeMs: number;
  readonly proposer: FullNodeId;
  readonly kind: EventKind;
  /** 0: of no single key. */
  readonly keyId: number;
  readonly purpose: Purpose | null;
  /** 16 bytes; zero: asked for by nobody. */
  readonly request: Buffer;
  readonly detail: string;
}

export class History {
  /** By index, oldest first. */
  readonly events = new Map<number, ControlEvent>();
  /** Events that are not kept any more. */
  dropped = 0;
  /** While it is read back: how many events there must be. */
  expected = 0;
  /** Indexes that came or went since the records were last taken. */
  readonly touched = new Set<number>();
  private readonly requests = new Map<string, ControlEvent>();

  /** The event of a request, null if it is not known (any more). */
  find(request: Uint8Array): ControlEvent | null {
    return this.requests.get(nameOf(request)) ?? null;
  }

  add(event: ControlEvent): void {
    assert(!this.events.has(event.index), "one event an entry");
    const oldest = this.events.size >= eventsMax ? this.events.values().next().value : undefined;
    if (oldest !== undefined) this.drop(oldest);
    this.restore(event);
    this.touched.add(event.index);
  }

  private drop(event: ControlEvent): void {
    this.events.delete(event.index);
    this.touched.add(event.index);
    this.dropped++;
    const name = nameOf(event.request);
    if (this.requests.get(name) === event) this.requests.delete(name);
  }

  /** As read back from the store, in order of indexes. */
  restore(event: ControlEvent): void {
    this.events.set(event.index, event);
    if (isAsked(event)) this.requests.set(nameOf(event.request), event);
  }
}

const nameOf = (request: Uint8Array): string => Buffer.from(request).toString("latin1");

/** Text that is the same once it was written and read: bounded, well-formed. */
export function detailText(text: string): string {
  return (text.length > detailMax ? `${text.slice(0, detailMax - 1)}…` : text).toWellFormed();
}
