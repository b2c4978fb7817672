// Goal: replicas that hold other parts of the data in memory give the same replies and end in the
// same state, while time passes and keys expire.
// Method: random commands and steps of the clock over three keyspaces: plain Maps, everything
// resident, and one that writes, evicts and reloads at random.
import { expect, test } from "vitest";
import { sameReply } from "../../test/differential/compare.ts";
import { randomCommand } from "../../test/differential/generator.ts";
import { Choices } from "../../test/differential/random.ts";
import type { Keyspace } from "../keyspace/api.ts";
import { RespWriter } from "../resp/writer.ts";
import { Args } from "./args.ts";
import { perform } from "./dispatch.ts";
import { commandNamed } from "./table.ts";
import { OracleKeyspace } from "./testing/oracle.ts";
import { ResidentSubject } from "./testing/resident.ts";

const commandCount = 5000;
/** Milliseconds that pass before a command. */
const pauses = [0, 0, 0, 1, 500, 100_000, 10_000_000, 1_000_000_000];

function answer(keyspace: Keyspace, [name, ...rest]: readonly Buffer[]): Buffer {
  const spec = commandNamed((name as Buffer).toString("latin1"));
  if (spec === undefined) throw new Error(`no command ${name}`);
  const writer = new RespWriter();
  perform(spec, { keyspace, db: keyspace.database(0) }, Args.of(...rest), writer);
  return writer.take();
}

/** Every key of every database with value, expiry and encoding. */
function contents(keyspace: Keyspace): string[] {
  const rows: string[] = [];
  for (let number = 0; number < keyspace.databaseCount; number++) {
    const db = keyspace.database(number);
    for (const key of keyspace.directory.scan(number, 0n, 10_000).keys) {
      const value = db.getString(key)?.toString("latin1");
      rows.push([number, key, value, db.expireAt(key), db.encoding(key)].join("\0"));
    }
  }
  return rows;
}

/** Where each key was last changed: what WATCH compares must not depend on residency either. */
function stamps(keyspace: Keyspace): string[] {
  const db = keyspace.database(0);
  return keyspace.directory.scan(0, 0n, 10_000).keys.map((key) => JSON.stringify(db.modified(key)));
}

test.each([1, 2, 3])("commands: replicas agree whatever is resident, seed %i", (seed) => {
  const choices = new Choices(seed);
  const oracle = new OracleKeyspace();
  const resident = new ResidentSubject(oracle.nowMs);
  const moving = new ResidentSubject(oracle.nowMs);
  for (let n = 0; n < commandCount; n++) {
    const args = randomCommand(choices);
    oracle.nowMs += choices.of(pauses);
    resident.nextEntry();
    moving.nextEntry();
    if (choices.once(3)) moving.unload();
    resident.keyspace.nowMs = oracle.nowMs;
    moving.keyspace.nowMs = oracle.nowMs;
    const expected = answer(oracle, args);
    for (const { keyspace } of [resident, moving]) {
      const actual = answer(keyspace, args);
      const text = `${n}: ${args.join(" ")}: ${expected} ${actual}`;
      expect(sameReply(args, expected, actual), text).toBe(true);
    }
  }
  expect(contents(resident.keyspace)).toEqual(contents(oracle));
  expect(contents(moving.keyspace)).toEqual(contents(oracle));
  expect(stamps(moving.keyspace)).toEqual(stamps(resident.keyspace));
});
