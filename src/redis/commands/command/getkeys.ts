/**
 * COMMAND GETKEYS command [arg ...]: the keys of a command that is not performed.
 * COMMAND GETKEYSANDFLAGS command [arg ...]: the same with what is done with each, "RW access".
 * @module
 */
import { Args } from "../../../commands/args.ts";
import { arityFits } from "../../../commands/failures.ts";
import { CommandError } from "../../../keyspace/errors.ts";
import type { Reply } from "../../../resp/reply.ts";
import type { Call, TableEntry } from "../../context.ts";
import { findKeys, hasKeys } from "./keys.ts";

/** The command that stands at the beginning, and how many names it has. */
function entryOf({ server, args }: Call): { entry: TableEntry; names: number } {
  const entry = server.table.find(args.buffer, args.start(0), args.end(0));
  const contained = entry?.subcommands ?? null;
  if (entry !== null && contained === null) return { entry, names: 1 };
  const found = contained?.get(args.beginning(1, 64).toLowerCase());
  if (found === undefined) throw new CommandError("ERR Invalid command specified");
  return { entry: found, names: 2 };
}

type Write = (reply: Reply, key: Buffer, flags: string) => void;

function answer(call: Call, write: Write): void {
  const { args, reply } = call;
  const { entry, names } = entryOf(call);
  if (!hasKeys(entry)) throw new CommandError("ERR The command has no key arguments");
  if (!arityFits(entry.arity, args.count - 1))
    throw new CommandError("ERR Invalid number of arguments specified for command");
  const inner = new Args();
  inner.buffer = args.buffer;
  inner.starts = args.starts;
  inner.ends = args.ends;
  inner.first = args.first + names;
  inner.count = args.count - names;
  const keys = findKeys(entry, inner);
  reply.array(keys.length);
  for (const { at, flags } of keys) write(reply, inner.bytes(at), flags);
}

export function getKeys(call: Call): void {
  answer(call, (reply, key) => reply.bulk(key));
}

export function getKeysAndFlags(call: Call): void {
  answer(call, (reply, key, flags) => {
    const words = flags.split(" ");
    reply.array(2);
    reply.bulk(key);
    reply.set(words.length);
    for (const word of words) reply.simple(word);
  });
}
