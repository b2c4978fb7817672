/**
 * The shape of a data command. `parse` and `run` are pure: no clock, no randomness, no I/O. A
 * command with the flag "write" becomes part of a log entry and runs on every replica with the
 * entry's time; it must not depend on `keyspace.directory` or other node-local results. A command
 * with the flag "readonly" runs on one node, at once.
 * @module
 */
import type { Database, Keyspace } from "../keyspace/api.ts";
import type { Reply } from "../resp/reply.ts";
import type { Args } from "./args.ts";

export type CommandFlag =
  | "write"
  | "readonly"
  | "denyoom"
  | "fast"
  | "random"
  | "movablekeys"
  | "loading"
  | "stale";

/** As in Redis's command table; `last` < 0 counts from the end, `first` 0 means no keys. */
export interface KeyRange {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

/** What COMMAND INFO tells of keys: where they stand and what is done with them. */
export interface KeySpec {
  /** Redis's words: "RW access update". */
  readonly flags: string;
  readonly notes?: string;
  /** Absent: the keys of the command. Null: their places follow from what else is there. */
  readonly keys?: KeyRange | null;
}

export interface Context {
  readonly keyspace: Keyspace;
  /** The selected database. */
  readonly db: Database;
}

/** Who is told what a write will ask of the database. */
export interface Needs {
  /** For its value, its expiry, or whether it exists. */
  read(db: Database, key: Buffer): void;
  /** It is deleted, if anything: only whether it exists. */
  deletes(db: Database, key: Buffer): void;
}

/** Of a write that asks for nothing: whatever its keys hold is replaced. */
export const needsNothing = (): void => {};

export interface CommandSpec<Parsed = unknown> {
  /** Lower case. */
  readonly name: string;
  /** Permanent u16 that stands for the command in log entries; never reused. 0: not a write. */
  readonly code: number;
  /** As in Redis: counts the name; negative means "at least". */
  readonly arity: number;
  readonly flags: readonly CommandFlag[];
  readonly keys: KeyRange;
  /** Absent: `keys` are read ("RO access") or, by a write, changed ("RW access update"). */
  readonly keySpecs?: readonly KeySpec[];
  /** Redis's tips for clients and proxies. */
  readonly tips?: readonly string[];
  /** Redis group ("string", "generic", "bitmap", "server", …), for COMMAND DOCS and ACL CAT. */
  readonly group: string;
  readonly since: string;
  readonly summary: string;
  readonly complexity: string;
  /**
   * Checks the arguments. The result holds views into them, and may be an object that the next
   * `parse` of the same command uses again: run it at once. What Redis checks only after it looked
   * at the key is checked in `run`. @throws CommandError with the reply of Redis 7.0.
   */
  parse(args: Args): Parsed;
  /** Bytes that the value has afterwards at least, if that may be more than the arguments have. */
  reach?(parsed: Parsed): number;
  /** Performs it and writes exactly one reply. @throws CommandError before any change. */
  run(context: Context, parsed: Parsed, reply: Reply): void;
  /**
   * Of a write: names all keys that `run` may ask for, so that none is met at its place in the log
   * that cannot be had. Without it: its keys, in the selected database, are read. Throws nothing.
   */
  needs?(context: Context, parsed: Parsed, needs: Needs): void;
  /**
   * Of a container (OBJECT): its subcommands with full names, "object|encoding". Their arity counts
   * both names, their `keys` too; their `parse` takes what follows both. The container's own
   * `parse` and `run` find and perform them, so a server may do either; Redis refuses a wrong
   * subcommand before it is queued in a transaction.
   */
  readonly subcommands?: readonly CommandSpec[];
  /** Indexes of keys in args, for commands with "movablekeys". All but the first are written. */
  findKeys?(args: Args): number[];
  /** What these arguments do with the keys, where their flags say "variable_flags". */
  keyFlags?(args: Args): string;
}

/** Keeps the relation of `parse` and `run` typed while the table holds CommandSpec<unknown>. */
export function defineCommand<Parsed>(spec: CommandSpec<Parsed>): CommandSpec<Parsed> {
  return spec;
}
