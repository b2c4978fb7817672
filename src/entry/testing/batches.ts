/**
 * For tests: whole command batches as plain values, written by the real writer and read back by
 * the real reader.
 * @module
 */
import {
  BatchReader,
  BatchWriter,
  batchHeaderBytes,
  transactionCode,
  type Watch,
} from "../batch.ts";

export interface Command {
  readonly code: number;
  readonly database: number;
  readonly args: readonly Buffer[];
}

export interface Transaction {
  readonly watches: readonly Watch[];
  readonly commands: readonly Command[];
}

export type BatchItem = Command | Transaction;

export interface BatchTime {
  readonly ms: number;
  readonly logical: number;
}

function commandBytes({ args }: Command): number {
  return args.reduce((sum, arg) => sum + 4 + arg.length, 7);
}

function itemBytes(item: BatchItem): number {
  if (!("watches" in item)) return commandBytes(item);
  const watched = item.watches.reduce((sum, { key }) => sum + 17 + key.length, 0);
  return item.commands.reduce((sum, command) => sum + commandBytes(command), 11 + watched);
}

function writeCommand(writer: BatchWriter, { code, database, args }: Command): void {
  writer.head(code, database);
  writer.u32(args.length);
  for (const arg of args) writer.argument(arg, 0, arg.length);
}

/** The body of opcode 0x01. */
export function writeBatch(
  { ms, logical }: BatchTime,
  items: readonly BatchItem[],
  headroom = 0,
  tailroom = 0,
): Buffer {
  const room = headroom + batchHeaderBytes + tailroom;
  const total = items.reduce((sum, item) => sum + itemBytes(item), room);
  const writer = new BatchWriter(Buffer.alloc(total), headroom, tailroom);
  for (const item of items) {
    writer.count++;
    if (!("watches" in item)) {
      writeCommand(writer, item);
      continue;
    }
    writer.head(transactionCode, 0);
    writer.u32(item.watches.length);
    for (const { database, key, index, ordinal } of item.watches) {
      writer.buffer[writer.at++] = database;
      writer.safe64(index);
      writer.u32(ordinal);
      writer.argument(key, 0, key.length);
    }
    writer.u32(item.commands.length);
    for (const command of item.commands) writeCommand(writer, command);
  }
  writer.seal(ms, logical);
  return writer.buffer.subarray(headroom, writer.at);
}

function readCommand(reader: BatchReader): Command {
  const { code, database } = reader;
  reader.arguments();
  const args = Array.from({ length: reader.argc }, (_, n) =>
    reader.buffer.subarray(reader.starts[n] as number, reader.ends[n] as number),
  );
  return { code, database, args: args.map((arg) => Buffer.from(arg)) };
}

function readTransaction(reader: BatchReader): Transaction {
  const watches: Watch[] = [];
  for (let left = reader.u32(); left > 0; left--) {
    const [database, index, ordinal] = [reader.u8(), reader.safe64(), reader.u32()];
    watches.push({ database, index, ordinal, key: Buffer.from(reader.bytes()) });
  }
  const commands: Command[] = [];
  for (let left = reader.u32(); left > 0; left--) {
    reader.command();
    commands.push(readCommand(reader));
  }
  return { watches, commands };
}

/** Reads a whole body. @throws what the reader throws. */
export function readBatch(body: Buffer): BatchTime & { items: BatchItem[] } {
  const reader = new BatchReader();
  reader.begin(body, 0, body.length);
  const items: BatchItem[] = [];
  for (let left = reader.count; left > 0; left--) {
    reader.command();
    const isTransaction = reader.code === transactionCode;
    items.push(isTransaction ? readTransaction(reader) : readCommand(reader));
  }
  reader.finish();
  return { ms: reader.hlcMs, logical: reader.hlcLogical, items };
}
