/**
 * The replicated state machine: entries in, state and replies out. It sees no clock, no randomness
 * and no I/O; time is the entry's. Whatever makes an entry impossible to apply is thrown as a
 * StrongroomError and halts the node before the applied index advances; an error reply of a command
 * is an ordinary result.
 * @module
 */
import { assert } from "../base/assert.ts";
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import { Args } from "../commands/args.ts";
import type { CommandSpec, Context } from "../commands/command.ts";
import { perform } from "../commands/dispatch.ts";
import { set } from "../commands/strings/set.ts";
import {
  absentOrdinal,
  BatchReader,
  commandCodeMin,
  expireCode,
  transactionCode,
} from "../entry/batch.ts";
import { type EntryHeader, opcode } from "../entry/logentry.ts";
import type { Databases } from "../keyspace/databases.ts";
import { setsMax, touchedMax } from "../keyspace/many.ts";
import type { Reply } from "../resp/reply.ts";
import type { BatchSink, ControlApplier } from "./ports.ts";

/** Fewer SETs applied at once are not worth the look: the next ones are taken one by one. */
const togetherMin = 4;
const togetherPause = 16;
/** Bytes of values that an entry may change beyond what it carries: all of it waits in memory. */
const changeMax = 256 << 20;
const changesTooMuch = `ERR ${new StrongroomError("ENTRY_CHANGES_TOO_MUCH").explain()}`;

/** A command's code to its implementation; undefined for a code that nobody has. */
export type CommandsByCode = (code: number) => CommandSpec<unknown> | undefined;

export class Machine {
  readonly databases: Databases;
  /** Index of the last entry that was applied. */
  appliedIndex = 0;
  /** Machine time: the greatest timestamp applied, in ms and its logical count. */
  timeMs = 0;
  timeLogical = 0;
  expiredKeys = 0;
  /** Bytes of the payloads applied in this life: what a restart would have to apply again. */
  appliedBytes = 0;
  /**
   * True from the beginning of an entry to its end, and for ever once one could not be applied: the
   * state is that of no index, and must not become durable.
   */
  torn = false;
  /** The same on every replica; a test may set it. */
  changeMax = changeMax;
  /** Bytes of values that the current entry may change; one command may go beyond. */
  private changesMax = 0;
  private readonly commands: CommandsByCode;
  private readonly control: ControlApplier;
  private readonly reader = new BatchReader();
  private readonly args = new Args();
  /** Where the keys of the next commands stand. */
  private readonly keyStarts = new Int32Array(touchedMax);
  private readonly keyEnds = new Int32Array(touchedMax);
  private readonly keyDatabases = new Int32Array(touchedMax);
  private readonly contexts: Context[] = [];

  constructor(databases: Databases, commands: CommandsByCode, control: ControlApplier) {
    this.databases = databases;
    this.commands = commands;
    this.control = control;
    for (let n = 0; n < databases.databaseCount; n++)
      this.contexts.push({ keyspace: databases, db: databases.database(n) });
  }

  /**
   * Applies the opened payload (opcode and body) of the entry after the last one.
   * @throws StrongroomError for what an honest log cannot hold; the node halts.
   */
  apply(
    index: number,
    header: EntryHeader,
    payload: Buffer,
    at: number,
    end: number,
    sink: BatchSink,
  ): void {
    assert(!this.torn, "an entry after one that could not be applied");
    assert(index === this.appliedIndex + 1, "an entry out of order");
    if (at >= end) throw new StrongroomError("FORMAT_TRUNCATED", "a log entry without opcode");
    const code = payload[at] as number;
    if (code < opcode.batch || code > opcode.keyring)
      throw new StrongroomError("ENTRY_OPCODE_UNKNOWN", `opcode 0x${code.toString(16)}`);
    this.torn = true;
    if (code === opcode.batch) this.applyBatch(index, payload, at + 1, end, sink);
    else if (code === opcode.hlcCeiling) this.applyCeiling(payload, at + 1, end);
    else this.applyControl(index, header, code, payload.subarray(at + 1, end));
    this.appliedIndex = index;
    this.appliedBytes += end - at;
    this.torn = false;
  }

  /** An entry that counts for nothing: its proposer sees it and retries or answers for it. */
  skip(index: number): void {
    assert(!this.torn, "an entry after one that could not be applied");
    assert(index === this.appliedIndex + 1, "an entry out of order");
    this.appliedIndex = index;
  }

  /** What control cannot apply has changed nothing. */
  private applyControl(index: number, header: EntryHeader, code: number, body: Buffer): void {
    try {
      this.control.applyControl(index, header, code, body);
    } catch (error) {
      if (isStrongroomError(error)) this.torn = false;
      throw error;
    }
  }

  private advanceTime(ms: number, logical: number): void {
    if (ms < this.timeMs || (ms === this.timeMs && logical <= this.timeLogical)) return;
    this.timeMs = ms;
    this.timeLogical = logical;
  }

  private applyCeiling(payload: Buffer, at: number, end: number): void {
    if (end - at < 8) throw new StrongroomError("FORMAT_TRUNCATED", "an HLC ceiling");
    if (end - at > 8) throw new StrongroomError("FORMAT_TRAILING", "an HLC ceiling");
    this.advanceTime(payload.readUIntBE(at, 6), payload.readUInt16BE(at + 6));
  }

  private applyBatch(
    index: number,
    payload: Buffer,
    at: number,
    end: number,
    sink: BatchSink,
  ): void {
    const { reader } = this;
    reader.begin(payload, at, end);
    this.databases.resident.entryBytes = 0;
    this.changesMax = end - at + this.changeMax;
    this.advanceTime(reader.hlcMs, reader.hlcLogical);
    const { count } = reader;
    let togetherFrom = 0;
    let touchedTo = 0;
    for (let ordinal = 0; ordinal < count; ordinal++) {
      if (ordinal >= togetherFrom) {
        const done = this.setTogether(index, ordinal, count - ordinal, sink);
        ordinal += done;
        if (ordinal === count) break;
        if (done < togetherMin) togetherFrom = ordinal + togetherPause;
      }
      if (ordinal >= touchedTo && ordinal < togetherFrom && count > touchedMax) {
        this.touchAhead();
        touchedTo = ordinal + touchedMax;
      }
      this.applyNext(index, ordinal, sink);
    }
    reader.finish();
  }

  private place(index: number, ordinal: number): void {
    const { databases } = this;
    databases.nowMs = this.timeMs;
    databases.resident.index = index;
    databases.resident.ordinal = ordinal;
  }

  /** Applies SETs that come next, as long as they are plain. @returns how many. */
  private setTogether(index: number, ordinal: number, left: number, sink: BatchSink): number {
    const { reader, databases } = this;
    if (reader.nextCode !== set.code) return 0;
    const max = sink.together(ordinal, Math.min(left, setsMax));
    if (max < togetherMin) return 0;
    // Reads that the sink runs move the clock; they never move the place.
    this.place(index, ordinal);
    const done = databases.setMany(reader, set.code, max);
    if (done > 0) sink.wereSet(ordinal, done);
    return done;
  }

  private applyNext(index: number, ordinal: number, sink: BatchSink): void {
    const { reader, databases } = this;
    // Reads that the sink runs in between move the clock; they never move the place.
    this.place(index, ordinal);
    reader.command();
    databases.beginsEntry = ordinal === 0 && reader.code !== transactionCode;
    if (reader.code === transactionCode) this.transaction(ordinal, sink);
    else if (reader.code === expireCode) this.expire();
    else {
      reader.arguments();
      const reply = sink.before(ordinal);
      databases.nowMs = this.timeMs;
      this.runCommand(reply);
    }
  }

  /** Look-ups of the next commands wait for memory together. */
  private touchAhead(): void {
    const { reader, databases, keyStarts, keyEnds, keyDatabases } = this;
    const found = reader.keysAhead(keyStarts, keyEnds, keyDatabases);
    databases.foresight.touch(reader.buffer, keyStarts, keyEnds, keyDatabases, found);
  }

  private runCommand(reply: Reply): void {
    const { reader, args } = this;
    const spec = reader.code < commandCodeMin ? undefined : this.commands(reader.code);
    if (spec === undefined)
      throw new StrongroomError("ENTRY_COMMAND_UNKNOWN", `command code ${reader.code}`);
    if (reader.argc === 2 && spec === (set as CommandSpec)) {
      this.plainSet(reply);
      return;
    }
    if (this.databases.resident.entryBytes > this.changesMax) {
      reply.error(changesTooMuch);
      return;
    }
    args.buffer = reader.buffer;
    args.starts = reader.starts;
    args.ends = reader.ends;
    args.first = 0;
    args.count = reader.argc;
    perform(spec, this.contexts[reader.database] as Context, args, reply);
  }

  /** SET without options, the most frequent write: no views are made. */
  private plainSet(reply: Reply): void {
    const { buffer, database, starts, ends } = this.reader;
    const [key, keyEnd] = [starts[0] as number, ends[0] as number];
    const [value, valueEnd] = [starts[1] as number, ends[1] as number];
    const db = this.databases.database(database);
    db.setRange(buffer, key, keyEnd, buffer, value, valueEnd, 0);
    reply.ok();
  }

  private expire(): void {
    const { reader } = this;
    reader.arguments();
    const db = this.databases.database(reader.database);
    for (let n = 0; n < reader.argc; n++)
      if (db.expire(reader.buffer, reader.starts[n] as number, reader.ends[n] as number))
        this.expiredKeys++;
  }

  private transaction(ordinal: number, sink: BatchSink): void {
    const { reader } = this;
    if (reader.database !== 0)
      throw new StrongroomError("FORMAT_VERSION", "a transaction has reserved bits");
    const kept = this.watchesHold();
    const count = reader.u32();
    sink.beginTransaction(ordinal, kept);
    for (let place = 0; place < count; place++) {
      reader.command();
      reader.arguments();
      if (!kept) continue;
      const reply = sink.inner(ordinal, place);
      this.databases.nowMs = this.timeMs;
      this.runCommand(reply);
    }
    sink.endTransaction(ordinal);
  }

  /** True if a watched key is as it was. */
  watchHolds(database: number, key: Buffer, index: number, ordinal: number): boolean {
    const db = this.databases.database(database);
    const now = db.modified(key);
    if (ordinal === absentOrdinal) return now === null && db.deletedAt(key) <= index;
    return now !== null && now.index === index && now.ordinal === ordinal;
  }

  private watchesHold(): boolean {
    const { reader } = this;
    let kept = true;
    for (let left = reader.u32(); left > 0; left--) {
      const database = reader.u8();
      const index = reader.safe64();
      const ordinal = reader.u32();
      const key = reader.bytes();
      if (database > 15) throw new StrongroomError("FORMAT_RANGE", "a database above 15");
      if (!this.watchHolds(database, key, index, ordinal)) kept = false;
    }
    return kept;
  }
}
