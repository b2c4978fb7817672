/**
 * COMMAND GETKEYS command [arg ...]: the keys of a command that is not performed.
 * @module
 */
import { Args } from "../../../commands/args.ts";
import { CommandError } from "../../../keyspace/errors.ts";
import type { Call, TableEntry } from "../../context.ts";
import { keysOf } from "./info.ts";

/** Indexes of the keys among the arguments after the name. */
function keyIndexes(entry: TableEntry, args: Args): number[] {
  if (entry.spec?.findKeys !== undefined) return entry.spec.findKeys(args);
  const { first, last, step } = keysOf(entry);
  if (first === 0) return [];
  const end = last < 0 ? args.count + last : last - 1;
  const found: number[] = [];
  for (let i = first - 1; i <= end && i < args.count; i += step) found.push(i);
  return found;
}

export function getKeys({ server, args, reply }: Call): void {
  const entry = server.table.find(args.buffer, args.start(0), args.end(0));
  if (entry === null) throw new CommandError("ERR Invalid command specified");
  const { arity } = entry;
  const fits = arity >= 0 ? args.count === arity : args.count >= -arity;
  const inner = new Args();
  inner.buffer = args.buffer;
  inner.starts = args.starts;
  inner.ends = args.ends;
  inner.first = args.first + 1;
  inner.count = args.count - 1;
  if (keysOf(entry).first === 0 && entry.spec?.findKeys === undefined)
    throw new CommandError("ERR The command has no key arguments");
  if (!fits) throw new CommandError("ERR Invalid number of arguments specified for command");
  const keys = keyIndexes(entry, inner);
  reply.array(keys.length);
  for (const i of keys) reply.bulk(inner.bytes(i));
}
