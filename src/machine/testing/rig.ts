/**
 * For tests: a machine with the real commands over a shelf, fed with entries written by the real
 * writer, whose replies are plain values.
 * @module
 */
import { codeToSpec, commandNamed } from "../../commands/table.ts";
import { type EntryHeader, opcode } from "../../entry/logentry.ts";
import {
  type BatchItem,
  type BatchTime,
  type Command,
  writeBatch,
} from "../../entry/testing/batches.ts";
import { Databases } from "../../keyspace/databases.ts";
import type { EntriesNative } from "../../keyspace/ports.ts";
import { Resident } from "../../keyspace/resident.ts";
import { Shelf } from "../../keyspace/testing/shelf.ts";
import { nodePrimitives } from "../../platform/node-primitives.ts";
import type { Reply } from "../../resp/reply.ts";
import { ReplyError, type Value, ValueReply } from "../../resp/values.ts";
import { Machine } from "../machine.ts";
import type { BatchSink, ControlApplier } from "../ports.ts";
import { stateHash } from "../statehash.ts";

/** A write command as clients type it. */
export function command(database: number, name: string, ...args: (string | Buffer)[]): Command {
  const spec = commandNamed(name);
  if (spec === undefined || spec.code === 0) throw new Error(`${name} is not a write command`);
  return { code: spec.code, database, args: args.map((arg) => Buffer.from(arg as string)) };
}

/** Replies as text, and what was called in between. */
class RecordingSink implements BatchSink {
  readonly calls: string[] = [];
  private readonly reply = new ValueReply(false);
  /** Runs before every command, as reads of clients do. */
  between: () => void = () => {};

  private collect(): void {
    while (this.reply.complete > 0) this.calls.push(textOf(this.reply.take()));
  }

  private next(call: string): Reply {
    this.collect();
    this.calls.push(call);
    this.between();
    return this.reply;
  }

  /** Set: SETs may be applied together. */
  grouping = false;
  /** SETs that were. */
  grouped = 0;

  together(_ordinal: number, max: number): number {
    return this.grouping ? max : 0;
  }
  wereSet(ordinal: number, count: number): void {
    this.grouped += count;
    for (let n = ordinal; n < ordinal + count; n++) this.before(n).ok();
  }
  before(ordinal: number): Reply {
    return this.next(`before ${ordinal}`);
  }
  beginTransaction(ordinal: number, kept: boolean): void {
    this.next(`begin ${ordinal} ${kept ? "kept" : "violated"}`);
  }
  inner(ordinal: number, place: number): Reply {
    return this.next(`inner ${ordinal}.${place}`);
  }
  endTransaction(ordinal: number): void {
    this.next(`end ${ordinal}`);
  }

  /** All calls and replies since the last time, in order. */
  take(): string[] {
    this.collect();
    return this.calls.splice(0);
  }
}

function textOf(value: Value): string {
  if (value instanceof ReplyError) return `-${value.message}`;
  if (Buffer.isBuffer(value)) return `"${value.toString("latin1")}"`;
  if (Array.isArray(value)) return `[${value.map(textOf).join(" ")}]`;
  return String(value);
}

export class Rig {
  readonly shelf = new Shelf();
  readonly resident: Resident;
  readonly databases: Databases;
  readonly machine: Machine;
  readonly sink = new RecordingSink();
  /** What reached control: index, session, opcode and body. */
  readonly controls: [number, bigint, number, string][] = [];
  readonly header: EntryHeader = { keyId: 7, session: 9n, seq: 1 };

  constructor(seed = 1, native: EntriesNative | null = null) {
    this.resident = new Resident(this.shelf, seed, native);
    this.sink.grouping = native !== null;
    this.databases = new Databases(this.resident, this.shelf);
    this.shelf.attach(this.databases);
    const control: ControlApplier = {
      applyControl: (index, { session }, code, body) => {
        this.controls.push([index, session, code, body.toString("hex")]);
      },
    };
    this.machine = new Machine(this.databases, codeToSpec, control);
  }

  /** Applies a payload that lies somewhere in a larger buffer. @returns calls and replies. */
  payload(code: number, body: Buffer): string[] {
    const buffer = Buffer.concat([Buffer.of(0xee), Buffer.of(code), body, Buffer.alloc(9, 0xee)]);
    const index = this.machine.appliedIndex + 1;
    this.machine.apply(index, this.header, buffer, 1, 2 + body.length, this.sink);
    return this.sink.take();
  }

  batch(time: number | BatchTime, ...items: BatchItem[]): string[] {
    const at = typeof time === "number" ? { ms: time, logical: 0 } : time;
    return this.payload(opcode.batch, writeBatch(at, items));
  }

  /** A batch without its last `bytes`; below 0: with so many zeros behind it. */
  cut(time: number, bytes: number, ...items: BatchItem[]): string[] {
    const body = writeBatch({ ms: time, logical: 0 }, items);
    const kept = Buffer.concat([body, Buffer.alloc(Math.max(0, -bytes))]);
    return this.payload(opcode.batch, kept.subarray(0, body.length - bytes));
  }

  /** Replies alone. */
  replies(time: number, ...items: BatchItem[]): string[] {
    const calls = this.batch(time, ...items);
    return calls.filter((call) => !/^(before|begin|inner|end) /.test(call));
  }

  /** Digest of all that users see at the machine's time. */
  hash(): string {
    this.databases.nowMs = this.machine.timeMs;
    return stateHash(this.databases, (data) => nodePrimitives.sha256(data)).toString("hex");
  }
}
