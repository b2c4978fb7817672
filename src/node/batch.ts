/**
 * One batch on its way: the commands in the clear, and who waits for their replies. Batches and
 * their buffers are used again; nothing is allocated per command.
 * @module
 */
import { letGo } from "../base/bytes.ts";
import { BatchWriter } from "../entry/batch.ts";
import { opcode } from "../entry/logentry.ts";
import { Growth } from "./growth.ts";
import type { Client, QueuedCommand } from "./port.ts";

/** The opcode stands before the batch. */
const headroom = 1;
const smallestBytes = 64 * 1024;
/** Larger buffers are not kept. */
const bytesKept = 4 << 20;
const batchesKept = 8;

/** A transaction in a batch: all its commands, of which the entry holds the writes. */
export interface PendingTransaction {
  readonly commands: readonly QueuedCommand[];
  /** Place in `commands` that runs next. */
  next: number;
}

/** A control entry waiting for its place and its outcome. It is not sealed. */
export interface PendingControl {
  /** Set: the entry opens this session, as its number 0. */
  readonly opens: bigint | null;
  /** The payload, which authenticates its place. */
  readonly build: (session: bigint, seq: number) => Buffer;
  /** It was applied, and nothing else was proposed since. */
  readonly applied: () => void;
  resolve(index: number): void;
  reject(error: Error): void;
  payload: Buffer;
}

export class PendingBatch {
  readonly writer = new BatchWriter(Buffer.allocUnsafeSlow(smallestBytes), headroom, 0);
  /** Who gets the reply of command n; null for commands of the node itself. */
  readonly clients: (Client | null)[] = [];
  readonly transactions = new Map<number, PendingTransaction>();
  /** Places and codes of the commands whose running is timed, in their order. */
  readonly timed: number[] = [];
  readonly timedCodes: number[] = [];
  /** When the log got it, on the monotonic clock. */
  sentMs = 0;
  /** Set for a control entry, which is a batch of its own. */
  control: PendingControl | null = null;
  /** Bytes that the proposer counts for it. */
  counted = 0;
  /** What it will have changed beyond them. */
  readonly growth = new Growth();
  /** It may hold an exchange of databases; it holds keys of the node's that expire. */
  swaps = false;
  expires = false;
  /** How often it came back as a no-op that is proposed again. */
  returns = 0;
  keyId = 0;
  session = 0n;
  seq = 0;

  get empty(): boolean {
    return this.writer.count === 0 && this.control === null;
  }

  /** Makes room for `bytes` more. */
  need(bytes: number): void {
    const { writer } = this;
    if (writer.fits(bytes)) return;
    const wanted = Math.max(writer.buffer.length * 2, writer.at + bytes);
    const old = writer.buffer;
    writer.moveTo(Buffer.allocUnsafeSlow(wanted));
    letGo(old);
  }

  /** The clear payload: opcode, then the body. */
  payload(): Buffer {
    if (this.control !== null) return this.control.payload;
    this.writer.buffer[0] = opcode.batch;
    return this.writer.buffer.subarray(0, this.writer.at);
  }

  reset(): void {
    if (this.writer.buffer.length > bytesKept) {
      letGo(this.writer.buffer);
      this.writer.buffer = Buffer.allocUnsafeSlow(smallestBytes);
    }
    this.writer.at = headroom + 12;
    this.writer.count = 0;
    this.clients.length = 0;
    this.transactions.clear();
    this.timed.length = 0;
    this.timedCodes.length = 0;
    this.sentMs = 0;
    this.control = null;
    this.counted = 0;
    this.growth.reset();
    this.swaps = this.expires = false;
    this.returns = 0;
  }
}

export class BatchPool {
  private readonly free: PendingBatch[] = [];

  take(): PendingBatch {
    return this.free.pop() ?? new PendingBatch();
  }

  give(batch: PendingBatch): void {
    batch.reset();
    if (this.free.length < batchesKept) this.free.push(batch);
  }
}
