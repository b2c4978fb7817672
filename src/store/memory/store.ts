/**
 * A store in memory, for tests and as the plainest reading of the interface: a map. It is not
 * durable, so it cannot keep control records and says so.
 * @module
 */
import { readSafe64 } from "../../base/bytes.ts";
import { StrongroomError } from "../../base/errors.ts";
import {
  checkRecord,
  commitTsAt,
  expireAtAt,
  keyspaceAt,
  kindControl,
  kindPut,
  physicalAt,
  readControl,
  recordTagBytes,
  recordTextAt,
  rootAt,
} from "../../entry/record.ts";
import { frameHeaderBytes } from "../../files/framing.ts";
import { expirySeconds } from "../segments/index.ts";
import { ownMemory, SegmentRun } from "../segments/run.ts";
import {
  type Commit,
  type CommitMeta,
  type ControlRecord,
  emptyCommit,
  type OpenedRecord,
  type RunBuilder,
  type Store,
  type StoreStats,
  type VisitRoot,
} from "../store.ts";

interface Held {
  readonly body: Buffer;
  readonly expireAt: number;
  readonly commitTs: bigint;
  readonly sequence: number;
  readonly keyspace: number;
  readonly root: boolean;
  readonly put: boolean;
}

function nameOf(physical: Uint8Array, at: number): string {
  return Buffer.from(physical.buffer, physical.byteOffset + at, 16).toString("hex");
}

export class MemoryStore implements Store {
  readonly capabilities = { durableControl: false };
  durable: Commit = emptyCommit;
  private readonly records = new Map<string, Held>();
  private readonly marks = new Map<string, { keyspace: number; exists: boolean }>();
  private readonly dropped = new Set<number>();
  private readonly rows = new Map<string, ControlRecord>();
  private sequence = 0;
  private flushes = 0;
  private closed = false;

  get(physical: Uint8Array, at: number): OpenedRecord | null {
    const held = this.records.get(nameOf(physical, at));
    if (held === undefined || !held.put || this.dropped.has(held.keyspace)) return null;
    return { ...held, bodyStart: 0, bodyEnd: held.body.length };
  }

  foresee(): void {
    // Everything is at hand.
  }

  has(physical: Uint8Array, at: number): boolean {
    return this.get(physical, at) !== null;
  }

  onDisk(physical: Uint8Array, at: number): boolean {
    return this.records.has(nameOf(physical, at));
  }

  /** Names of live roots in order. */
  private roots(keyspace: number): string[] {
    if (this.dropped.has(keyspace)) return [];
    const names = new Set<string>();
    for (const [name, held] of this.records)
      if (held.put && held.root && held.keyspace === keyspace) names.add(name);
    for (const [name, mark] of this.marks)
      if (mark.keyspace === keyspace && mark.exists) names.add(name);
      else if (mark.keyspace === keyspace) names.delete(name);
    return [...names].sort();
  }

  count(keyspace: number): number {
    return this.roots(keyspace).length;
  }

  expiring(keyspace: number): number {
    if (this.dropped.has(keyspace)) return 0;
    const own = [...this.records.values()].filter((held) => held.keyspace === keyspace);
    return own.filter((held) => held.put && held.expireAt !== 0).length;
  }

  expires(physical: Uint8Array, at: number): boolean {
    const held = this.records.get(nameOf(physical, at));
    return held?.put === true && held.expireAt !== 0;
  }

  expiryOf(physical: Uint8Array, at: number): number {
    const held = this.get(physical, at);
    return held === null ? -1 : expirySeconds(held.expireAt);
  }

  recordsOf(keyspace: number): number {
    return [...this.records.values()].filter((held) => held.keyspace === keyspace).length;
  }

  markPending(physical: Uint8Array, at: number, keyspace: number, exists: boolean): void {
    this.marks.set(nameOf(physical, at), { keyspace, exists });
  }

  scan(keyspace: number, cursor: bigint, count: number, visit: VisitRoot): bigint {
    const from = cursor.toString(16).padStart(16, "0");
    const names = this.roots(keyspace).filter((name) => name >= from);
    for (const name of names.slice(0, count)) visit(Buffer.from(name, "hex"));
    const next = names[count];
    return next === undefined ? 0n : BigInt(`0x${next.slice(0, 16)}`);
  }

  random(keyspace: number, draw: number): Buffer | null {
    const names = this.roots(keyspace);
    const name = names[Math.floor(draw * names.length)];
    return name === undefined ? null : Buffer.from(name, "hex");
  }

  expired(nowMs: number, _slotsMax: number, visit: VisitRoot): void {
    for (const [name, held] of this.records)
      if (held.put && held.root && held.expireAt !== 0 && held.expireAt <= nowMs)
        visit(Buffer.from(name, "hex"));
  }

  dropKeyspace(keyspace: number): void {
    this.dropped.add(keyspace);
    for (const [name, held] of this.records)
      if (held.keyspace === keyspace) this.records.delete(name);
  }

  newRun(): RunBuilder {
    return new SegmentRun(ownMemory, 4096);
  }

  advance(): void {
    // A flush takes no time.
  }

  discard(_run: RunBuilder): void {}

  async flush(run: RunBuilder, commit: CommitMeta): Promise<void> {
    if (this.closed) throw new StrongroomError("STORE_CLOSED");
    const { buffer, bytes } = run;
    for (let at = 0; at < bytes; ) {
      const length = buffer.readUInt32BE(at);
      this.take(buffer, at + frameHeaderBytes, length);
      at += frameHeaderBytes + length;
    }
    this.flushes++;
    this.durable = { ...commit, number: this.durable.number + 1 };
  }

  private take(buffer: Buffer, at: number, length: number): void {
    const kind = checkRecord(buffer, at, length, true);
    if (kind === kindControl) {
      const row = readControl(buffer, at, length);
      this.rows.set(`${row.table}:${row.key.toString("latin1")}`, row);
      return;
    }
    const put = kind === kindPut;
    const keyspace = buffer.readUInt32BE(at + keyspaceAt);
    if (this.dropped.has(keyspace)) return;
    const name = nameOf(buffer, at + physicalAt);
    this.marks.delete(name);
    this.records.set(name, {
      body: Buffer.from(
        put ? buffer.subarray(at + recordTextAt, at + length - recordTagBytes) : "",
      ),
      expireAt: readSafe64(buffer, at + expireAtAt),
      commitTs: buffer.readBigUInt64BE(at + commitTsAt),
      sequence: ++this.sequence,
      keyspace,
      root: buffer[at + rootAt] === 1,
      put,
    });
  }

  *controls(): Iterable<ControlRecord> {
    for (const row of this.rows.values()) if (!row.deleted) yield row;
  }

  stats(): StoreStats {
    let bytes = 0;
    for (const held of this.records.values()) bytes += held.body.length;
    const counts = { segments: 0, bytes, records: this.records.size, deadBytes: 0 };
    return {
      ...counts,
      keys: [{ keyId: 0, ...counts }],
      indexBytes: 0,
      flushes: this.flushes,
      flushedBytes: bytes,
      compactions: 0,
      compactedBytes: 0,
      damage: [],
    };
  }

  async close(): Promise<void> {
    this.closed = true;
  }
}
