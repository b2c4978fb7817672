/**
 * Builds JavaScript values from a reply, for the embedded library and for tests: status lines are
 * strings, bulk strings are Buffers, integers are numbers (bigint when not safe), RESP3 maps and
 * sets are Map and Set, errors are values of their own.
 * @module
 */
import { assert } from "../base/assert.ts";
import type { Reply } from "./reply.ts";

/** An error reply. `code` is its first word ("ERR", "WRONGTYPE"). */
export class ReplyError extends Error {
  override readonly name = "ReplyError";
  readonly code: string;

  constructor(text: string) {
    super(text);
    this.code = text.split(" ", 1)[0];
  }
}

export type Value =
  | string
  | number
  | bigint
  | boolean
  | Buffer
  | null
  | ReplyError
  | Value[]
  | Map<Value, Value>
  | Set<Value>;

/** What an "attribute" says is taken and dropped. */
type Kind = "array" | "map" | "set" | "attribute";

interface Open {
  readonly kind: Kind;
  readonly items: Value[];
  readonly count: number;
}

function close(open: Open): Value {
  if (open.kind === "array") return open.items;
  if (open.kind === "set") return new Set(open.items);
  const map = new Map<Value, Value>();
  for (let i = 0; i < open.items.length; i += 2) map.set(keyOf(open.items[i]), open.items[i + 1]);
  return map;
}

/** Map keys compare by identity, so bytes become text, a character each. */
function keyOf(value: Value): Value {
  return Buffer.isBuffer(value) ? value.toString("latin1") : value;
}

export class ValueReply implements Reply {
  resp3: boolean;
  private readonly stack: Open[] = [];
  private readonly done: Value[] = [];

  constructor(resp3 = true) {
    this.resp3 = resp3;
  }

  /** Complete top-level replies not yet taken. */
  get complete(): number {
    return this.done.length;
  }

  /** The oldest complete reply. */
  take(): Value {
    assert(this.done.length > 0, "no complete reply");
    return this.done.shift() as Value;
  }

  private add(value: Value): void {
    let current = value;
    for (;;) {
      const open = this.stack.at(-1);
      if (open === undefined) {
        this.done.push(current);
        return;
      }
      open.items.push(current);
      if (open.items.length < open.count) return;
      this.stack.pop();
      if (open.kind === "attribute") return;
      current = close(open);
    }
  }

  private open(kind: Kind, count: number): void {
    const open: Open = { kind, items: [], count };
    if (count === 0) this.add(close(open));
    else this.stack.push(open);
  }

  ok(): void {
    this.add("OK");
  }
  queued(): void {
    this.add("QUEUED");
  }
  simple(text: string): void {
    this.add(text);
  }
  error(text: string): void {
    this.add(new ReplyError(text.replace(/[\r\n]/g, " ")));
  }
  integer(n: number | bigint): void {
    const safe =
      typeof n === "bigint" && BigInt(Number(n)) === n && Number.isSafeInteger(Number(n));
    this.add(safe ? Number(n) : n);
  }
  bulk(data: Uint8Array): void {
    this.add(Buffer.from(data));
  }
  bulkFrom(buffer: Buffer, start: number, end: number): void {
    this.add(Buffer.from(buffer.subarray(start, end)));
  }
  bulkText(text: string): void {
    this.add(Buffer.from(text));
  }
  nil(): void {
    this.add(null);
  }
  nilArray(): void {
    this.add(null);
  }
  array(count: number): void {
    this.open("array", count);
  }
  map(pairs: number): void {
    this.open(this.resp3 ? "map" : "array", pairs * 2);
  }
  set(count: number): void {
    this.open(this.resp3 ? "set" : "array", count);
  }
  attribute(pairs: number): void {
    this.open("attribute", pairs * 2);
  }
  aloud(write: (reply: Reply) => void): void {
    write(this);
  }
  push(count: number): void {
    this.open("array", count);
  }
  double(n: number): void {
    this.add(n);
  }
  bool(b: boolean): void {
    this.add(this.resp3 ? b : Number(b));
  }
  verbatim(_format: string, text: string): void {
    this.add(text);
  }
  bigNumber(text: string): void {
    this.add(BigInt(text));
  }
}
