/**
 * Gives the replies of a batch to those who wait for them, in order. Each client is told that its
 * write was settled before the next command runs, so that its reads see exactly that state.
 * @module
 */
import { CommandError } from "../keyspace/errors.ts";
import { discardReply } from "../machine/discard.ts";
import type { BatchSink } from "../machine/ports.ts";
import type { Reply } from "../resp/reply.ts";
import type { PendingBatch, PendingTransaction } from "./batch.ts";
import type { Client, QueuedCommand } from "./port.ts";

/** Runs a read of a transaction at its place. */
export type RunRead = (command: QueuedCommand, reply: Reply) => void;

export class ReplySink implements BatchSink {
  private readonly runRead: RunRead;
  private batch: PendingBatch | null = null;
  private last: Client | null = null;
  private transaction: PendingTransaction | null = null;
  private kept = false;

  constructor(runRead: RunRead) {
    this.runRead = runRead;
  }

  begin(batch: PendingBatch): void {
    this.batch = batch;
    this.last = null;
  }

  /** The whole batch was applied. */
  end(): void {
    this.settle();
    this.batch = null;
  }

  private settle(): void {
    const last = this.last;
    this.last = null;
    last?.settled();
  }

  before(ordinal: number): Reply {
    if (this.last !== null) this.settle();
    const client = (this.batch as PendingBatch).clients[ordinal] as Client | null;
    this.last = client;
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
    this.runUntilWrite();
    if (this.transaction !== null) this.transaction.next++;
    return this.reply;
  }

  endTransaction(): void {
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
      runLocal(command, reply, this.runRead);
    }
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
