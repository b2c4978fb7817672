// Goal: COMMAND INFO and COMMAND DOCS say of our commands what redis-server 7.0 says.
import { expect, test } from "vitest";
import { commands } from "../../src/commands/table.ts";
import { redisOfTests } from "./redis.ts";
import { readTree, type Tree } from "./wire.ts";

const redis = redisOfTests();

function items(tree: Tree | undefined): Tree[] {
  if (tree === undefined || typeof tree === "string") throw new Error(`no list: ${tree}`);
  return tree.items;
}
const text = (tree: Tree | undefined): string => String(tree).slice(1);

const all = commands.flatMap((spec) => [spec, ...(spec.subcommands ?? [])]);

test.each(all.map((spec) => [spec.name, spec] as const))(
  "metadata: %s",
  async (name, { arity, flags, keys, group, since, summary, complexity }) => {
    const info = items(items(readTree(await redis.client.call("COMMAND", "INFO", name)))[0]);
    const pairs = items(items(readTree(await redis.client.call("COMMAND", "DOCS", name)))[1]);
    const docs = new Map<string, string>();
    for (let i = 0; i < pairs.length; i += 2) docs.set(text(pairs[i]), text(pairs[i + 1]));
    expect({ arity, flags, keys, group, since, summary, complexity }).toEqual({
      arity: Number(text(info[1])),
      flags: items(info[2]).map(text),
      keys: {
        first: Number(text(info[3])),
        last: Number(text(info[4])),
        step: Number(text(info[5])),
      },
      group: docs.get("group"),
      since: docs.get("since"),
      summary: docs.get("summary"),
      complexity: docs.get("complexity"),
    });
  },
);
