/**
 * The list of operations that BITFIELD and BITFIELD_RO perform in order. All are checked before
 * the first is done.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Reply } from "../../resp/reply.ts";
import { type Args, parseInt64 } from "../args.ts";
import { syntaxError } from "../failures.ts";
import { type FieldType, fitField, type Overflow, readField, writeField } from "./field.ts";
import { bitOffset, byteOf } from "./offset.ts";

export interface Operation {
  readonly kind: "get" | "set" | "incrby";
  readonly type: FieldType;
  readonly offset: number;
  readonly value: bigint;
  readonly overflow: Overflow;
}

export interface Operations {
  readonly key: Buffer;
  readonly list: Operation[];
  /** Bytes that the string must have for the writes among them; 0: there are none. */
  readonly bytesNeeded: number;
}

const overflows = ["wrap", "sat", "fail"] as const;
const signedMark = 0x69;
const unsignedMark = 0x75;

function typeAt(args: Args, i: number): FieldType {
  const start = args.start(i);
  const mark = args.length(i) > 0 ? args.buffer[start] : 0;
  const bits = parseInt64(args.buffer, Math.min(start + 1, args.end(i)), args.end(i)) ?? 0n;
  const signed = mark === signedMark;
  if ((!signed && mark !== unsignedMark) || bits < 1n || bits > (signed ? 64n : 63n))
    throw new CommandError(
      "ERR Invalid bitfield type. Use something like i16 u8. " +
        "Note that u64 is not supported but i64 is.",
    );
  return { signed, bits: Number(bits) };
}

function overflowAt(args: Args, i: number): Overflow {
  const overflow = overflows.find((name) => args.is(i, name));
  if (overflow === undefined) throw new CommandError("ERR Invalid OVERFLOW type specified");
  return overflow;
}

function kindAt(args: Args, i: number): Operation["kind"] {
  const left = args.count - i - 1;
  if (left >= 2 && args.is(i, "get")) return "get";
  if (left >= 3 && args.is(i, "set")) return "set";
  if (left >= 3 && args.is(i, "incrby")) return "incrby";
  throw syntaxError();
}

export function parseOperations(args: Args): Operations {
  const list: Operation[] = [];
  let overflow: Overflow = "wrap";
  let bytesNeeded = 0;
  let at = 1;
  while (at < args.count) {
    if (at + 1 < args.count && args.is(at, "overflow")) {
      overflow = overflowAt(args, at + 1);
      at += 2;
      continue;
    }
    const kind = kindAt(args, at);
    const type = typeAt(args, at + 1);
    const offset = bitOffset(args, at + 2, type.bits);
    const value = kind === "get" ? 0n : args.int64(at + 3);
    if (kind !== "get") bytesNeeded = Math.max(bytesNeeded, byteOf(offset + type.bits - 1) + 1);
    list.push({ kind, type, offset, value, overflow });
    at += kind === "get" ? 3 : 4;
  }
  return { key: args.bytes(0), list, bytesNeeded };
}

/** The old value and the new one; null: OVERFLOW FAIL keeps it from being written. */
function resultOf({ kind, type, value, overflow }: Operation, old: bigint): bigint | null {
  if (kind === "get") return old;
  return kind === "set"
    ? fitField(type, value, 0n, overflow)
    : fitField(type, old, value, overflow);
}

/** True if performing them would change a bit of `bytes`, which is long enough. */
export function wouldChange(list: readonly Operation[], bytes: Uint8Array): boolean {
  return list.some((operation) => {
    const old = readField(bytes, operation.offset, operation.type);
    const result = resultOf(operation, old);
    return result !== null && result !== old;
  });
}

/** Performs them on `bytes`, which are written only where a value changes. Writes the reply. */
export function runOperations(list: readonly Operation[], bytes: Uint8Array, reply: Reply): void {
  reply.array(list.length);
  for (const operation of list) {
    const { kind, type, offset } = operation;
    const old = readField(bytes, offset, type);
    const result = resultOf(operation, old);
    if (result === null) {
      reply.nil();
      continue;
    }
    reply.integer(kind === "set" ? old : result);
    if (result !== old) writeField(bytes, offset, type, result);
  }
}
