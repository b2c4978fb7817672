/**
 * ACL categories of a command, derived from its flags and group as Redis does (server.c,
 * setImplicitACLCategories).
 * @module
 */
import type { TableEntry } from "../context.ts";

export const categories = [
  "keyspace",
  "read",
  "write",
  "set",
  "sortedset",
  "list",
  "hash",
  "string",
  "bitmap",
  "hyperloglog",
  "geo",
  "stream",
  "pubsub",
  "admin",
  "fast",
  "slow",
  "blocking",
  "dangerous",
  "connection",
  "transaction",
  "scripting",
] as const;

const ofGroup: Record<string, string> = {
  generic: "keyspace",
  "sorted-set": "sortedset",
  transactions: "transaction",
};
const dangerous = new Set([
  "flushall",
  "flushdb",
  "swapdb",
  "keys",
  "info",
  "role",
  "lastsave",
  "sort",
  "sort_ro",
  "restore",
]);
/** For the administrator, without the flag that would keep them from MONITOR. */
const admin = new Set(["role", "lastsave"]);
/** What belongs to a connection in Redis, whatever its group says. */
const connection = new Set(["asking", "readonly", "readwrite", "wait"]);
/** As most containers, it is in no category of its group. */
const pubsubHelp = "pubsub|help";
/** SORT is no command of keys there, but one of every type that it sorts. */
const sorted = ["set", "sortedset", "list"];
const keyspace = new Set(["flushall", "flushdb", "swapdb", "dbsize"]);

function ownCategories({ name, subcommands }: TableEntry, group: string): readonly string[] {
  if (connection.has(name) || name === "command" || name.startsWith("command|"))
    return ["connection"];
  if (name === "sort" || name === "sort_ro") return sorted;
  return subcommands !== null || name === pubsubHelp ? [] : [ofGroup[group] ?? group];
}

export function categoriesOf(entry: TableEntry): string[] {
  const found = new Set<string>();
  const group = entry.spec?.group ?? entry.server?.group ?? "";
  if (entry.flags.has("write")) found.add("write");
  if (entry.flags.has("readonly")) found.add("read");
  for (const name of ownCategories(entry, group))
    if ((categories as readonly string[]).includes(name)) found.add(name);
  if (keyspace.has(entry.name)) found.add("keyspace");
  if (entry.flags.has("admin") || admin.has(entry.name)) found.add("admin").add("dangerous");
  if (dangerous.has(entry.name)) found.add("dangerous");
  found.add(entry.flags.has("fast") ? "fast" : "slow");
  return categories.filter((name) => found.has(name));
}

export function groupOf(entry: TableEntry): string {
  return entry.spec?.group ?? entry.server?.group ?? "server";
}
