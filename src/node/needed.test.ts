// Goal: a write that was let through is applied as on every other replica, whatever records of this
// one are damaged; and what asks for nothing of a damaged record is let through.
// Method: random writes over two keyspaces: one keeps everything in memory, the other loads what it
// needs before each write, from a shelf on which other records are damaged each time; time passes
// between a write's admission and its place in the log.
import { expect, test } from "vitest";
import { randomCommand } from "../../test/differential/generator.ts";
import { Choices } from "../../test/differential/random.ts";
import { StrongroomError } from "../base/errors.ts";
import { Args } from "../commands/args.ts";
import type { CommandSpec, Context } from "../commands/command.ts";
import { perform } from "../commands/dispatch.ts";
import { arityFits } from "../commands/failures.ts";
import { encodePayload } from "../commands/keys/rdb/payload.ts";
import { commandNamed } from "../commands/table.ts";
import { ResidentSubject } from "../commands/testing/resident.ts";
import { CommandError } from "../keyspace/errors.ts";
import { RespWriter } from "../resp/writer.ts";
import { Needed } from "./needed.ts";

const writeCount = 10_000;
/** Milliseconds that pass before a write, and until it is applied. */
const pauses = [0, 0, 0, 0, 1, 500, 10_000];
const delays = [0, 0, 0, 0, 1, 500, 999, 60_000];
const payload = encodePayload(Buffer.from("v"));

/** Writes that delete, on few keys, and others that have these expire soon. */
function deletion(choices: Choices, nowMs: number): (string | Buffer)[] {
  const key = choices.of(["a", "b", "c"]);
  const seconds = Math.ceil(nowMs / 1000) + choices.of([0, 1, 2, 3, 60, 61]);
  const ms = `${seconds * 1000 - choices.of([0, 1, 500, 999])}`;
  return choices.of([
    ["del", key],
    ["unlink", key, "d"],
    ["bitop", "or", key, "none"],
    ["sort", "none", "store", key],
    ["set", key, "v", "pxat", ms],
    ["set", key, "v", "exat", `${seconds}`],
    ["restore", key, ms, payload, "replace", "absttl"],
    ["pexpireat", key, ms],
  ]);
}

function contextsOf({ keyspace }: ResidentSubject): Context[] {
  const numbers = Array.from({ length: keyspace.databaseCount }, (_, n) => n);
  return numbers.map((n) => ({ keyspace, db: keyspace.database(n) }));
}

/** Every key of every database, with all there is to know of it. */
function contents({ keyspace }: ResidentSubject): string[] {
  const rows: string[] = [];
  for (let number = 0; number < keyspace.databaseCount; number++) {
    const db = keyspace.database(number);
    for (const key of keyspace.directory.scan(number, 0n, 10_000).keys) {
      const value = db.getString(key)?.toString("latin1");
      const more = [db.expireAt(key), db.encoding(key), JSON.stringify(db.modified(key))];
      rows.push([number, key, value, ...more].join("\0"));
    }
  }
  return rows;
}

class Replicas {
  readonly choices: Choices;
  nowMs = 1_700_000_000_000;
  readonly whole = new ResidentSubject(this.nowMs);
  readonly damaged = new ResidentSubject(this.nowMs);
  private readonly contexts = [contextsOf(this.whole), contextsOf(this.damaged)];
  private readonly needed: Needed;
  refused = 0;
  /** Let through although a key of theirs was damaged. */
  past = 0;

  constructor(seed: number) {
    this.choices = new Choices(seed);
    const { keyspace } = this.damaged;
    this.needed = new Needed(keyspace, this.contexts[1] as Context[], { swapping: 0, swaps() {} });
  }

  write(spec: CommandSpec, args: Args, text: string): void {
    const { choices, damaged, whole } = this;
    damaged.unload();
    const { shelf } = damaged;
    this.nowMs += choices.of(pauses);
    shelf.damaged.clear();
    for (const name of shelf.records.keys()) if (choices.once(2)) shelf.damaged.add(name);
    if (!this.admits(spec, args)) {
      this.refused++;
      return;
    }
    if (shelf.damaged.has(`1:${args.count > 0 ? args.text(0) : ""}`)) this.past++;
    this.nowMs += choices.of(delays);
    if (choices.once(2)) damaged.resident.evictAll();
    const replies = [whole, damaged].map((subject, n) => {
      subject.nextEntry();
      subject.keyspace.nowMs = this.nowMs;
      const writer = new RespWriter();
      perform(spec, this.contexts[n]?.[0] as Context, args, writer);
      return writer.take().toString("latin1");
    });
    expect(replies[1], text).toBe(replies[0]);
  }

  private admits(spec: CommandSpec, args: Args): boolean {
    try {
      this.needed.load(spec, spec.parse(args), 0, args, this.nowMs);
    } catch (error) {
      if (error instanceof CommandError) return true;
      if (!(error instanceof StrongroomError)) throw error;
      return false;
    }
    return true;
  }
}

test("needed: what has expired is deleted without its record, but for one second", () => {
  const expireAt = 1_700_000_002_500;
  const key = Buffer.from("a");
  for (const [nowMs, deleted] of [
    [1_700_000_001_999, false],
    [1_700_000_002_000, false],
    [1_700_000_002_001, null],
    [1_700_000_002_999, null],
    [1_700_000_003_000, true],
  ] as const) {
    const subjects = [true, false].map((damaged) => {
      const subject = new ResidentSubject();
      const database = subject.keyspace.database(0);
      database.setString(key, Buffer.from("v"), { expireAt });
      subject.unload();
      if (damaged) subject.shelf.damaged.add("1:a");
      subject.nextEntry();
      subject.keyspace.nowMs = nowMs;
      return subject;
    });
    const expired = subjects.map(
      ({ keyspace }) =>
        () =>
          keyspace.database(0).expire(key, 0, 1),
    );
    if (deleted === null) {
      expect(expired[0]).toThrow(/STORE_RECORD_DAMAGED/);
      continue;
    }
    expect([expired[0]?.(), expired[1]?.()], `${nowMs}`).toEqual([deleted, deleted]);
    if (!deleted) continue;
    const [one, other] = subjects.map((subject) => {
      const watched = subject.keyspace.database(0).modified(key);
      subject.unload();
      subject.shelf.damaged.clear();
      return [watched, subject.keyspace.database(0).getString(key), contents(subject)];
    });
    expect(one).toEqual(other);
    expect(one?.[1]).toBeNull();
  }
});

test.each([1, 2, 3])("needed: replicas agree whatever is damaged, seed %i", (seed) => {
  const replicas = new Replicas(seed);
  for (let n = 0; n < writeCount; n++) {
    const { choices, nowMs } = replicas;
    const words = choices.once(2) ? deletion(choices, nowMs) : randomCommand(choices);
    const [name, ...rest] = words.map((word) => Buffer.from(word)) as [Buffer, ...Buffer[]];
    const spec = commandNamed(name.toString("latin1")) as CommandSpec;
    if (!spec.flags.includes("write") || !arityFits(spec.arity, rest.length)) continue;
    replicas.write(spec, Args.of(...rest), `${n}: ${[name, ...rest].join(" ")}`);
  }
  replicas.damaged.shelf.damaged.clear();
  expect(contents(replicas.damaged)).toEqual(contents(replicas.whole));
  expect(replicas.refused).toBeGreaterThan(100);
  expect(replicas.past).toBeGreaterThan(100);
});
