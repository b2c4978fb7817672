// Goal: what clients learn by COMMAND INFO, LIST, GETKEYS and GETKEYSANDFLAGS about our commands is
// what redis-server 7.0 tells: arity, flags, keys, ACL categories, tips, key specifications.
// Method: every command of the table is asked for, of both, in RESP2 and RESP3.
import { afterAll, beforeAll, expect, test } from "vitest";
import { commands } from "../../src/commands/table.ts";
import { serverCommands } from "../../src/redis/commands.ts";
import { makeTable } from "../../src/redis/table.ts";
import { type Listening, serveRedis } from "../../src/server/listen.ts";
import { QuickEngine } from "../../src/server/testing/quick.ts";
import { RawClient } from "./client.ts";
import { redisOfTests } from "./redis.ts";
import { readTree, type Tree } from "./wire.ts";

const redis = redisOfTests();
let listening: Listening;
let ours: RawClient;

beforeAll(async () => {
  const engine = new QuickEngine();
  listening = await serveRedis({ port: 0, engine, commands, report: console.error });
  ours = await RawClient.open(listening.port);
});

afterAll(async () => {
  ours?.close();
  await listening?.close();
});

const { entries } = makeTable(commands, serverCommands);
/** Those that came after Redis 7.0. */
const later = ["client|setinfo", "client|no-touch"];
const containers = entries.filter(({ subcommands }) => subcommands !== null);
const alone = entries.flatMap((entry) =>
  entry.subcommands === null ? [entry] : [...entry.subcommands.values()],
);
const names = alone.map(({ name }) => name).filter((name) => !later.includes(name));

async function both(...args: string[]): Promise<[expected: Buffer, found: Buffer]> {
  return [await redis.client.call(...args), await ours.call(...args)];
}

function items(tree: Tree | undefined): Tree[] {
  if (tree === undefined || typeof tree === "string") throw new Error(`no list: ${tree}`);
  return tree.items;
}

test.each(["2", "3"])("introspection: COMMAND INFO of every command, RESP%s", async (protocol) => {
  await both("HELLO", protocol);
  for (const name of names) {
    const [expected, found] = await both("COMMAND", "INFO", name);
    expect(found.toString(), name).toBe(expected.toString());
  }
  for (const { name } of containers) {
    const [expected, found] = (await both("COMMAND", "INFO", name)).map((reply) => {
      const info = items(items(readTree(reply))[0]);
      const subcommands = items(info[9])
        .map((sub) => String(items(sub)[0]).slice(1))
        .filter((sub) => !later.includes(sub));
      return { info: info.slice(0, 9), subcommands: subcommands.sort() };
    });
    expect(found, name).toEqual(expected);
  }
});

const asked = `get a|get|get a b|MEMORY usage k|memory usage k samples 3|memory usage|memory stats
memory foo k|memory doctor x|OBJECT ENCODING k|object refcount k|object help|object foo k
object encoding|object encoding k x|client list|client foo|config get k|debug object k
sort a store b|sort a by x limit 0 1 get y store b store c|sort a|sort_ro a get b|copy a b db 1
restore a 0 v|bitop and a b c|bitop and a|lcs a b|mset a|mset a b c|mset a b c d|spublish a b
ssubscribe a b|sunsubscribe a b|subscribe a b|publish a b|watch a b|pubsub numsub a|foo x|ping a
set a b|set a b get|SET a b ex 10 GET|set a b keepttl|bitfield a get u8 0|bitfield a set u8 0 1
bitfield a get u8 0 incrby u8 0 1|bitfield_ro a get u8 0|getex a persist|getdel a|del a b|rename a b
exists a b|unlink a b|swapdb 0 1|wait 0 0|flushall sync|eval x|cluster keyslot a|select 0`
  .split(/[|\n]/)
  .map((line) => line.split(" "));

test.each(["2", "3"])(
  "introspection: keys and what is done with them, RESP%s",
  async (protocol) => {
    await both("HELLO", protocol);
    for (const words of asked)
      for (const subcommand of ["GETKEYS", "GETKEYSANDFLAGS"]) {
        const [expected, found] = await both("COMMAND", subcommand, ...words);
        const line = [subcommand, ...words].join(" ");
        if (words[0] === "eval") expect(found.toString(), line).toContain("Invalid command");
        else expect(found.toString(), line).toBe(expected.toString());
      }
  },
);

test("introspection: ACL DRYRUN", async () => {
  await both("HELLO", "2");
  const lines = `default get a|nobody get a|default foo a|default get|default client list
default client foo|default client|default set a b|default`;
  for (const line of lines.split(/[|\n]/)) {
    const [expected, found] = await both("ACL", "DRYRUN", ...line.split(" "));
    expect(found.toString(), line).toBe(expected.toString());
  }
});
