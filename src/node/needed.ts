/**
 * Loads what a write needs before it is proposed. Once it stands in the log it must be applied, and
 * a record that does not open then halts the node: no other reply would be the same everywhere.
 * Here it is an error for one client, and nothing has happened. Hazard it guards: one damaged
 * record and one honest write that stop everybody.
 * @module
 */
import { isStrongroomError, StrongroomError } from "../base/errors.ts";
import type { Args } from "../commands/args.ts";
import type { CommandSpec, Context, Needs } from "../commands/command.ts";
import { swapdb } from "../commands/server/swapdb.ts";
import type { Watch } from "../entry/batch.ts";
import type { Database } from "../keyspace/api.ts";
import type { Databases } from "../keyspace/databases.ts";
import { CommandError } from "../keyspace/errors.ts";
import { isThere, unreadable } from "../keyspace/removal.ts";
import type { Resident } from "../keyspace/resident.ts";
import type { QueuedCommand } from "./port.ts";

/** A write is applied within this time, so long the answer must stay the same. */
const applyMsMax = 60_000;

/** Who knows of exchanges of databases that were submitted and not applied. */
export interface Swaps {
  /** What takes the next command may hold one. */
  swaps(): void;
  /** How many there may be, in batches. */
  readonly swapping: number;
}

export class Needed implements Needs {
  private readonly databases: Databases;
  private readonly resident: Resident;
  private readonly contexts: readonly Context[];
  private readonly swaps: Swaps;
  private nowMs = 0;
  /** Which keyspace a database will be is not known: its keys are looked up in all of them. */
  private everywhere = false;

  constructor(databases: Databases, contexts: readonly Context[], swaps: Swaps) {
    this.databases = databases;
    this.resident = databases.resident;
    this.contexts = contexts;
    this.swaps = swaps;
  }

  /**
   * Of one write.
   * @param parsed - What `spec.parse` returned for `args`. @param nowMs - Time of reads.
   * @throws StrongroomError if it needs what cannot be had: it must not be proposed.
   */
  load(spec: CommandSpec, parsed: unknown, db: number, args: Args, nowMs: number): void {
    this.nowMs = nowMs;
    this.everywhere = this.swaps.swapping > 0;
    this.loadFor(spec, parsed, db, args);
  }

  /** Of a transaction: the same, also for what it watches. */
  loadMany(commands: readonly QueuedCommand[], watches: readonly Watch[], nowMs: number): void {
    this.nowMs = nowMs;
    this.everywhere = this.swaps.swapping > 0;
    for (const { database, key } of watches) this.ask(database, key, 0, key.length);
    for (const { spec, db, args } of commands) {
      if (spec?.flags.includes("write") !== true) continue;
      let parsed: unknown;
      try {
        parsed = spec.parse(args);
      } catch (error) {
        // Its reply, at its place.
        if (error instanceof CommandError) continue;
        throw error;
      }
      this.loadFor(spec, parsed, db, args);
    }
  }

  private loadFor(spec: CommandSpec, parsed: unknown, db: number, args: Args): void {
    if (spec.needs !== undefined) spec.needs(this.contexts[db] as Context, parsed, this);
    else this.loadAll(spec, db, args);
    if (spec !== (swapdb as CommandSpec)) return;
    this.swaps.swaps();
    this.everywhere = true;
  }

  private loadAll(spec: CommandSpec, db: number, args: Args): void {
    const { first, last, step } = spec.keys;
    if (first === 0) return;
    const end = Math.min(last < 0 ? args.count + last : last - 1, args.count - 1);
    for (let n = first - 1; n <= end; n += step)
      this.ask(db, args.buffer, args.start(n), args.end(n));
  }

  read({ number }: Database, key: Buffer): void {
    this.ask(number, key, 0, key.length);
  }

  deletes({ number }: Database, key: Buffer): void {
    try {
      this.ask(number, key, 0, key.length);
    } catch (error) {
      if (!isStrongroomError(error, ...unreadable) || !this.isKnown(number, key)) throw error;
    }
  }

  private ask(db: number, buffer: Buffer, start: number, end: number): void {
    const { resident, databases, nowMs } = this;
    if (this.everywhere)
      for (const id of databases.ids) resident.lookup(id, buffer, start, end, nowMs);
    else resident.lookup(databases.ids[db] as number, buffer, start, end, nowMs);
  }

  /** True if it is known, without its record, whether the key will be there. */
  private isKnown(db: number, key: Buffer): boolean {
    const { resident, databases, nowMs } = this;
    const until = nowMs + applyMsMax;
    const known = (id: number): boolean =>
      isThere(resident, id, key, 0, key.length, nowMs, until) !== null;
    return this.everywhere ? databases.ids.every(known) : known(databases.ids[db] as number);
  }
}

/** What the client is told whose write was not proposed. */
export function refusalOf(error: unknown): string | null {
  if (!isStrongroomError(error)) return null;
  const cause = error as StrongroomError;
  if (cause.code !== "STORE_RECORD_DAMAGED") return cause.explain();
  const place = cause.message.slice(cause.code.length + 3);
  return new StrongroomError("NODE_RECORD_NEEDED", place, { cause }).explain();
}
