/**
 * Encodes the records of one run from frozen entries: many at once by the addon, or one by one.
 * Both write the same bytes. A frozen record that is about to change is encoded before it does.
 * @module
 */
import { foreseenMax, type PhysicalKeys } from "../crypto/prf.ts";
import { rootHeaderBytes, writeRootHeader } from "../entry/root.ts";
import type { Databases } from "../keyspace/databases.ts";
import { flag } from "../keyspace/entries.ts";
import type { EncodeMany } from "../platform/native.ts";
import type { RunBuilder, Store } from "../store/store.ts";

/** Records, and bytes, encoded between two looks at the event loop: less than a millisecond. */
const sliceRecords = 512;
const sliceBytes = 1 << 20;
/** Whole string values of this size may be compressed before they are sealed. */
const compressBytesMin = 4096;
/** Places in the order of an `EncodeMany`. */
const orderFrom = 0;
const orderEnd = 1;
const orderAt = 2;
const orderAtMax = 3;

export interface EncoderDeps {
  readonly databases: Databases;
  readonly store: Store;
  readonly keys: PhysicalKeys;
}

export class Encoder {
  private readonly deps: EncoderDeps;
  private readonly run: RunBuilder;
  private readonly commitTs: bigint;
  /** Keyspace ids as they were when the set was frozen. */
  private readonly live: Set<number>;
  private readonly many: EncodeMany | null;
  private readonly ids = new Uint32Array(sliceRecords);
  private readonly order: Uint32Array;

  /** @param many - null: one by one. */
  constructor(
    deps: EncoderDeps,
    run: RunBuilder,
    commitTs: bigint,
    many: EncodeMany | null = deps.keys.encodeMany,
  ) {
    this.deps = deps;
    this.run = run;
    this.commitTs = commitTs;
    this.many = many;
    this.live = new Set(deps.databases.ids);
    const high = Number(commitTs >> 32n);
    const low = Number(commitTs & 0xffff_ffffn);
    const head = [0, 0, 0, 0, deps.keys.group, high, low, compressBytesMin];
    this.order = Uint32Array.from([...head, ...this.live]);
  }

  /** Encodes a slice of `frozen`, from `from` on. @returns its end. */
  slice(frozen: Int32Array, from: number): number {
    const end = Math.min(from + sliceRecords, frozen.length);
    const { many } = this;
    return many === null ? this.each(frozen, from, end) : this.together(frozen, from, end, many);
  }

  private each(frozen: Int32Array, from: number, end: number): number {
    const full = this.run.bytes + sliceBytes;
    for (let at = from; at < end; at++) {
      if (this.run.bytes >= full) return at;
      if ((at - from) % foreseenMax === 0) this.foresee(frozen, at);
      this.beforeChange(frozen[at] as number);
    }
    return end;
  }

  private together(frozen: Int32Array, from: number, end: number, many: EncodeMany): number {
    const { ids, order, run } = this;
    const { entries } = this.deps.databases.resident;
    const full = run.bytes + sliceBytes;
    for (let at = from; at < end; at++) ids[at - from] = frozen[at] as number;
    order[orderFrom] = 0;
    order[orderEnd] = end - from;
    for (let at = from; ; ) {
      order[orderAt] = run.bytes;
      order[orderAtMax] = Math.max(0, Math.min(full, run.room));
      const frames = many(entries.lines, entries.arena.pieces, ids, run.buffer, order);
      run.written(order[orderAt], frames);
      at = from + (order[orderFrom] as number);
      // What it has left, and what looks as if it would leave it, too.
      do {
        if (at === end || run.bytes >= full) return at;
        this.beforeChange(frozen[at++] as number);
      } while (at < end && (entries.flags(frozen[at] as number) & flag.deleted) !== 0);
      order[orderFrom] = at - from;
    }
  }

  /** Makes the physical keys of the next records together. */
  private foresee(frozen: Int32Array, from: number): void {
    const { databases, keys } = this.deps;
    const { entries, many } = databases.resident;
    keys.beginForeseeing();
    const end = Math.min(from + foreseenMax, frozen.length);
    many.touchEntries(frozen, from, end);
    let found = 0;
    for (let at = from; at < end; at++) {
      const id = frozen[at] as number;
      if ((entries.flags(id) & (flag.frozen | flag.physical)) !== flag.frozen) continue;
      const keyAt = entries.keyAt(id);
      const keyEnd = keyAt + entries.keyLength(id);
      if (keys.foresee(entries.keyspace(id), entries.buffer(id), keyAt, keyEnd)) found++;
    }
    if (found > 0) keys.foreseen();
  }

  /** Encodes a frozen record, if it still is one. */
  beforeChange(id: number): void {
    const { databases, keys, store } = this.deps;
    const { run, commitTs } = this;
    const { resident } = databases;
    const { entries } = resident;
    const flags = entries.flags(id);
    if ((flags & flag.frozen) === 0) return;
    resident.encoded(id);
    const keyspace = entries.keyspace(id);
    if (!this.live.has(keyspace)) return;
    const at = entries.physicalAt(id);
    const buffer = entries.buffer(id);
    const keyAt = entries.keyAt(id);
    const keyLength = entries.keyLength(id);
    if ((flags & flag.physical) === 0) {
      keys.root(keyspace, buffer, keyAt, keyAt + keyLength, buffer, at);
      entries.setFlags(id, entries.flags(id) | flag.physical);
    }
    if ((flags & flag.deleted) !== 0) {
      // Without a copy on disk there is nothing that could come back, but perhaps a mark.
      if (store.onDisk(buffer, at)) run.tombstone(buffer, at, true, keyspace, commitTs);
      else store.markPending(buffer, at, keyspace, false);
      return;
    }
    const copied = keyLength + entries.valueLength(id);
    const expireAt = entries.expireAt(id);
    const length = rootHeaderBytes + copied;
    const long = copied - keyLength >= compressBytesMin;
    const to = run.put(buffer, at, true, keyspace, expireAt, commitTs, length, long);
    const body = run.buffer;
    writeRootHeader(body, to, {
      type: flags & flag.type,
      raw: (flags & flag.raw) !== 0,
      index: entries.index(id),
      ordinal: entries.ordinal(id),
      keyLength,
    });
    buffer.copy(body, to + rootHeaderBytes, keyAt, keyAt + copied);
  }
}
