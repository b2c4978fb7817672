/**
 * COMMAND and COMMAND INFO: one array of ten a command, in the shape of Redis 7.0.
 * @module
 */
import type { KeyRange } from "../../../commands/command.ts";
import type { Reply } from "../../../resp/reply.ts";
import type { TableEntry } from "../../context.ts";
import { categoriesOf } from "../categories.ts";

const noKeys: KeyRange = { first: 0, last: 0, step: 0 };

export function keysOf(entry: TableEntry): KeyRange {
  return entry.spec?.keys ?? entry.server?.keys ?? noKeys;
}

function statusSet(reply: Reply, words: readonly string[]): void {
  reply.set(words.length);
  for (const word of words) reply.simple(word);
}

function keySpec(reply: Reply, entry: TableEntry, keys: KeyRange): void {
  reply.map(3);
  reply.bulkText("flags");
  statusSet(reply, entry.isWrite ? ["RW", "access", "update"] : ["RO", "access"]);
  reply.bulkText("begin_search");
  reply.map(2);
  reply.bulkText("type");
  reply.bulkText("index");
  reply.bulkText("spec");
  reply.map(1);
  reply.bulkText("index");
  reply.integer(keys.first);
  reply.bulkText("find_keys");
  reply.map(2);
  reply.bulkText("type");
  reply.bulkText("range");
  reply.bulkText("spec");
  reply.map(3);
  reply.bulkText("lastkey");
  reply.integer(keys.last < 0 ? keys.last : keys.last - keys.first);
  reply.bulkText("keystep");
  reply.integer(keys.step);
  reply.bulkText("limit");
  reply.integer(0);
}

export function writeInfo(reply: Reply, entry: TableEntry): void {
  const keys = keysOf(entry);
  reply.array(10);
  reply.bulkText(entry.name);
  reply.integer(entry.arity);
  statusSet(reply, [...entry.flags]);
  reply.integer(keys.first);
  reply.integer(keys.last);
  reply.integer(keys.step);
  statusSet(
    reply,
    categoriesOf(entry).map((name) => `@${name}`),
  );
  reply.set(0);
  reply.set(keys.first > 0 ? 1 : 0);
  if (keys.first > 0) keySpec(reply, entry, keys);
  const subcommands = [...(entry.subcommands?.values() ?? [])];
  reply.set(subcommands.length);
  for (const sub of subcommands) writeInfo(reply, sub);
}
