/**
 * COMMAND and COMMAND INFO: one array of ten a command, in the shape of Redis 7.0.
 * @module
 */
import type { KeyRange, KeySpec } from "../../../commands/command.ts";
import type { Reply } from "../../../resp/reply.ts";
import type { TableEntry } from "../../context.ts";
import { categoriesOf } from "../categories.ts";
import { keySpecsOf, keysOf } from "./keys.ts";

function statusSet(reply: Reply, words: readonly string[]): void {
  reply.set(words.length);
  for (const word of words) reply.simple(word);
}

function typed(reply: Reply, name: string, type: string, fields: [string, number][]): void {
  reply.bulkText(name);
  reply.map(2);
  reply.bulkText("type");
  reply.bulkText(type);
  reply.bulkText("spec");
  reply.map(fields.length);
  for (const [field, value] of fields) {
    reply.bulkText(field);
    reply.integer(value);
  }
}

function keySpec(reply: Reply, spec: KeySpec, ofCommand: KeyRange): void {
  reply.map(spec.notes === undefined ? 3 : 4);
  if (spec.notes !== undefined) {
    reply.bulkText("notes");
    reply.bulkText(spec.notes);
  }
  reply.bulkText("flags");
  statusSet(reply, spec.flags.split(" "));
  if (spec.keys === null) {
    typed(reply, "begin_search", "unknown", []);
    typed(reply, "find_keys", "unknown", []);
    return;
  }
  const { first, last, step } = spec.keys ?? ofCommand;
  typed(reply, "begin_search", "index", [["index", first]]);
  typed(reply, "find_keys", "range", [
    ["lastkey", last < 0 ? last : last - first],
    ["keystep", step],
    ["limit", 0],
  ]);
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
  const tips = entry.spec?.tips ?? entry.server?.tips ?? [];
  reply.set(tips.length);
  for (const tip of tips) reply.bulkText(tip);
  const specs = keySpecsOf(entry);
  reply.set(specs.length);
  for (const spec of specs) keySpec(reply, spec, keys);
  const subcommands = [...(entry.subcommands?.values() ?? [])];
  reply.set(subcommands.length);
  for (const sub of subcommands) writeInfo(reply, sub);
}
