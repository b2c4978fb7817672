/**
 * Gives the replies of a batch to those who wait for them, in order. Each client is told that its
 * write was settled before the next command runs, so that its reads see exactly that state.
 * @module
 */
import { StrongroomError } from "../base/errors.ts";
import { CommandError } from "../keyspace/errors.ts";
import { discardReply } from "../machine/discard.ts";
import type { BatchSink } from "../machine/ports.ts";
import type { Reply } from "../resp/reply.ts";
import type { PendingBatch, PendingTransaction } from "./batch.ts";
import type { Client, QueuedCommand } from "./port.ts";
import type { Stopwatch } from "./stopwatch.ts";

/** Runs a read of a transaction at its place. */
export type RunRead = (command: QueuedCommand, reply: Reply) => void;

export class ReplySink implements BatchSink {
  private readonly runRead: RunRead;
  private readonly watch: Stopwatch;
  private batch: PendingBatch | null = null;
  private last: Client | null = null;
  /** Place of the command that was begun last. */
  private place = -1;
  private transaction: PendingTransaction | null = null;
  private kept = false;

  constructor(runRead: RunRead, watch: Stopwatch) {
    this.runRead = runRead;
    this.watch = watch;
  }

  begin(batch: PendingBatch): void {
    this.batch = batch;
    this.last = null;
    this.place = -1;
    this.transaction = null;
    this.watch.begin(batch);
  }

  /** The whole batch was applied. */
  end(): void {
    this.watch.end();
    this.settle();
    this.batch = null;
  }

  /**
   * Command `ordinal` could not be applied: what was answered before it is settled, and the array
   * of a transaction that was begun is filled up with `text`.
   * @returns the first command that has no reply yet.
   */
  abort(ordinal: number, text: string): number {
    this.watch.end();
    this.batch = null;
    if (this.place < ordinal) {
      this.settle();
      return ordinal;
    }
    const { transaction } = this;
    if (transaction === null) {
      this.last = null;
      return ordinal;
    }
    for (let n = transaction.next - 1; n < transaction.commands.length; n++) this.reply.error(text);
    this.transaction = null;
    this.settle();
    return ordinal + 1;
  }

  private settle(): void {
    const last = this.last;
    this.last = null;
    last?.settled(1);
  }

  together(ordinal: number, max: number): number {
    this.watch.stop();
    if (this.last !== null) this.settle();
    const { clients } = this.batch as PendingBatch;
    const end = Math.min(max, this.watch.untilNext(ordinal));
    for (let n = 0; n < end; n++) if (clients[ordinal + n]?.oneByOne === true) return n;
    return end;
  }

  wereSet(ordinal: number, count: number): void {
    const { clients } = this.batch as PendingBatch;
    const end = ordinal + count;
    this.place = end - 1;
    for (let n = ordinal; n < end; ) {
      const client = clients[n] as Client | null;
      let own = 1;
      while (n + own < end && clients[n + own] === client) own++;
      n += own;
      if (client === null) continue;
      if (!client.closed) for (let left = own; left > 0; left--) client.reply.ok();
      client.settled(own);
    }
  }

  before(ordinal: number): Reply {
    this.watch.stop();
    if (this.last !== null) this.settle();
    const client = (this.batch as PendingBatch).clients[ordinal] as Client | null;
    this.last = client;
    this.place = ordinal;
    this.watch.start(ordinal, client);
    return client === null || client.closed ? discardReply : client.reply;
  }

  beginTransaction(ordinal: number, kept: boolean): void {
    const reply = this.before(ordinal);
    this.kept = kept;
    this.transaction = (this.batch as PendingBatch).transactions.get(ordinal) ?? null;
    if (this.transaction === null) return;
    if (kept) reply.array(this.transaction.commands.length);
    else reply.nilArray();
  }

  private get reply(): Reply {
    return this.last === null || this.last.closed ? discardReply : this.last.reply;
  }

  inner(): Reply {
    this.watch.stop();
    this.runUntilWrite();
    if (this.transaction !== null) {
      const write = this.transaction.commands[this.transaction.next++] as QueuedCommand;
      this.watch.startInner(this.last, write.spec, write.args);
    }
    return this.reply;
  }

  endTransaction(): void {
    this.watch.stop();
    if (this.kept) this.runUntilWrite();
    this.transaction = null;
  }

  /** Runs what the entry does not hold: reads and commands of the server. */
  private runUntilWrite(): void {
    const { transaction, reply } = this;
    if (transaction === null) return;
    for (; transaction.next < transaction.commands.length; transaction.next++) {
      const command = transaction.commands[transaction.next] as QueuedCommand;
      if (command.spec?.flags.includes("write") === true) return;
      // Whoever is gone must not subscribe to anything any more.
      if (this.last?.closed !== false) continue;
      this.watch.startInner(this.last, command.spec, command.args);
      runLocal(command, reply, this.runRead);
      this.watch.stop();
    }
  }
}

/** What the clients of a batch are told that was not applied. */
export function refusalText(error: unknown): string {
  const text = error instanceof StrongroomError ? error.message : "[NODE_HALTED] a defect";
  return `ERR ${text}`;
}

/** Everybody who waits for a batch, from command `from` on, gets the reason. */
export function answerAll(batch: PendingBatch, error: Error, from = 0): void {
  batch.control?.reject(error);
  const text = refusalText(error);
  for (let n = from; n < batch.clients.length; n++) {
    const client = batch.clients[n] as Client | null;
    if (client === null) continue;
    if (!client.closed) client.reply.error(text);
    client.settled(1);
  }
}

/** One reply, whatever happens. */
export function runLocal(command: QueuedCommand, reply: Reply, runRead: RunRead): void {
  try {
    if (command.spec === null) command.local?.(reply);
    else runRead(command, reply);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    reply.error(error.message);
  }
}
