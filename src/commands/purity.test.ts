// Goal: what the state machine builds on: an error changes nothing, a read changes nothing, a
// write never asks what only this node knows.
// Method: random commands over a keyspace that counts changes and can refuse its directory.
import { expect, test } from "vitest";
import { randomCommand } from "../../test/differential/generator.ts";
import { Choices } from "../../test/differential/random.ts";
import { ValueReply } from "../resp/values.ts";
import { Args } from "./args.ts";
import type { CommandSpec } from "./command.ts";
import { perform } from "./dispatch.ts";
import { commandNamed, commands } from "./table.ts";
import { OracleKeyspace } from "./testing/oracle.ts";

interface Step {
  readonly spec: CommandSpec;
  readonly args: Args;
  readonly line: string;
}

function* steps(seed: number, count: number): Generator<Step> {
  const choices = new Choices(seed);
  for (let n = 0; n < count; n++) {
    const [name, ...rest] = randomCommand(choices) as [Buffer, ...Buffer[]];
    const spec = commandNamed(name.toString("latin1")) as CommandSpec;
    yield { spec, args: Args.of(...rest), line: [name, ...rest].join(" ") };
  }
}

/** All there is, as text. */
function stateOf(keyspace: OracleKeyspace): string {
  const rows = keyspace.contents.flatMap((entries, number) =>
    [...entries].map(([key, { value, raw, expireAt, modified }]) =>
      [number, key, value.toString("latin1"), raw, expireAt, modified.index].join("\0"),
    ),
  );
  return rows.sort().join("\n");
}

test("commands: an error reply and a read change nothing, and each replies exactly once", () => {
  const keyspace = new OracleKeyspace();
  const context = { keyspace, db: keyspace.database(0) };
  for (const { spec, args, line } of steps(5, 6000)) {
    const before = stateOf(keyspace);
    const reply = new ValueReply();
    perform(spec, context, args, reply);
    expect(reply.complete, line).toBe(1);
    const failed = reply.take() instanceof Error;
    if (failed || spec.code === 0) expect(stateOf(keyspace), line).toBe(before);
  }
});

test("commands: writes do without the directory, and parsing changes nothing", () => {
  const keyspace = new OracleKeyspace();
  const refusing = new Proxy(keyspace, {
    get(target, name) {
      if (name === "directory") throw new Error("a write asked the directory");
      const value: unknown = Reflect.get(target, name);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const context = { keyspace: refusing, db: keyspace.database(0) };
  for (const { spec, args } of steps(6, 6000))
    if (spec.code !== 0) perform(spec, context, args, new ValueReply());
  expect(stateOf(keyspace)).not.toBe("");
});

test("commands: a parsed command may be parsed again, with the same result", () => {
  const one = new OracleKeyspace();
  const other = new OracleKeyspace();
  for (const { spec, args, line } of steps(7, 3000)) {
    const first = new ValueReply();
    const second = new ValueReply();
    perform(spec, { keyspace: one, db: one.database(0) }, args, first);
    try {
      spec.parse(args);
    } catch {
      // Refused before it is proposed; here it is performed again for its error.
    }
    perform(spec, { keyspace: other, db: other.database(0) }, args, second);
    expect(second.take(), line).toEqual(first.take());
  }
  expect(stateOf(one)).toBe(stateOf(other));
});

test("commands: every command is met by the random ones", () => {
  const met = new Set([...steps(8, 8000)].map(({ spec }) => spec.name));
  expect(commands.map(({ name }) => name).filter((name) => !met.has(name))).toEqual([]);
});
