// Goal: no command fails, in a way that would halt a node, for the number of its arguments: what a
// request may hold is answered, by a reply or an error of Redis's.
import { expect, test } from "vitest";
import { defaultRespLimits } from "../resp/limits.ts";
import { RespWriter } from "../resp/writer.ts";
import { Args } from "./args.ts";
import type { CommandSpec } from "./command.ts";
import { perform } from "./dispatch.ts";
import { commands } from "./table.ts";
import { ResidentSubject } from "./testing/resident.ts";

/** What stands before arguments that repeat, where the first ones are no keys. */
const beginnings: Record<string, { first: string[]; repeated: string[] }> = {
  bitop: { first: ["or", "d"], repeated: ["k"] },
  bitfield: { first: ["k"], repeated: ["set", "u8", "0", "1"] },
  bitfield_ro: { first: ["k"], repeated: ["get", "u8", "0"] },
  set: { first: ["k", "v"], repeated: ["get"] },
  expire: { first: ["k", "10"], repeated: ["gt"] },
  sort: { first: ["k"], repeated: ["get", "x"] },
  sort_ro: { first: ["k"], repeated: ["get", "x"] },
  scan: { first: ["0"], repeated: ["count", "10"] },
  lcs: { first: ["k", "k"], repeated: ["idx"] },
};
const { argumentsMax } = defaultRespLimits();
const usual = { first: ["k"], repeated: ["k", "1"] };

const specs = commands.flatMap((spec) => [spec, ...(spec.subcommands ?? [])]);
const open = specs.filter(({ arity, subcommands }) => arity < 0 && subcommands === undefined);

test.each(open.map((spec) => [spec.name, spec] as const))("many arguments: %s", (name, spec) => {
  const { first, repeated } = beginnings[name] ?? usual;
  const words = first.map((word) => Buffer.from(word));
  const parts = repeated.map((word) => Buffer.from(word));
  while (words.length + parts.length < argumentsMax) for (const part of parts) words.push(part);
  const { keyspace } = new ResidentSubject();
  keyspace.database(0).setString(Buffer.from("k"), Buffer.from("12"));
  const reply = new RespWriter();
  perform(spec as CommandSpec, { keyspace, db: keyspace.database(0) }, Args.from(words), reply);
  expect(reply.take().length).toBeGreaterThan(0);
});

test("many arguments: BITOP holds one source at a time", () => {
  const { keyspace } = new ResidentSubject();
  const long = 1 << 20;
  keyspace.database(0).setString(Buffer.from("k"), Buffer.alloc(long, 1));
  const bitop = commands.find(({ name }) => name === "bitop") as CommandSpec;
  const words = ["or", "d", ...Array(1000).fill("k")].map((word) => Buffer.from(word));
  let most = 0;
  const before = process.memoryUsage().arrayBuffers;
  const database = keyspace.database(0);
  const { getString } = database;
  database.getString = (key) => {
    most = Math.max(most, process.memoryUsage().arrayBuffers - before);
    return getString.call(database, key);
  };
  const reply = new RespWriter();
  perform(bitop, { keyspace, db: database }, Args.from(words), reply);
  expect(reply.take().toString()).toBe(`:${long}\r\n`);
  expect(most).toBeLessThan(16 * long);
});
