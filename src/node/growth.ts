/**
 * Foretells how many bytes of values commands will have changed, beyond those that they carry: a
 * SETBIT makes half a gigabyte of twenty bytes, an EXPIRE has a whole value written anew. Batches
 * are closed by it, and wait by it, so that what waits for the store stays bounded. It is a guess,
 * by what is in memory; what an entry may change at most, the machine sees to (`changeMax`).
 * @module
 */
import type { Args } from "../commands/args.ts";
import { bitop } from "../commands/bitmaps/bitop.ts";
import type { CommandSpec } from "../commands/command.ts";
import { copy } from "../commands/keys/copy.ts";
import { del } from "../commands/keys/del.ts";
import { move } from "../commands/keys/move.ts";
import { rename } from "../commands/keys/rename.ts";
import { renamenx } from "../commands/keys/renamenx.ts";
import { unlink } from "../commands/keys/unlink.ts";
import { mset } from "../commands/strings/mset.ts";
import { msetnx } from "../commands/strings/msetnx.ts";
import type { Databases } from "../keyspace/databases.ts";

/** They make a value anew each time, under a key that need not be their first. */
const copying = new Set<unknown>([copy, rename, renamenx, move, bitop]);
/** They leave nothing of the values that were there. */
const replacing = new Set<unknown>([del, unlink, mset, msetnx]);
/** Values from this size on count once, however often a batch changes them in place. */
const singledBytes = 64 * 1024;

export class Growth {
  bytes = 0;
  /** Bytes counted of each large value, by its key's hash. */
  private readonly large = new Map<number, number>();

  add(bytes: number, hash: number): void {
    if (bytes < singledBytes) {
      this.bytes += bytes;
      return;
    }
    const counted = this.large.get(hash) ?? 0;
    if (bytes <= counted) return;
    this.bytes += bytes - counted;
    this.large.set(hash, bytes);
  }

  reset(): void {
    this.bytes = 0;
    if (this.large.size > 0) this.large.clear();
  }
}

/** Adds what a command will have changed. @param parsed - What its `parse` gave for `args`. */
export function foretell(
  growth: Growth,
  databases: Databases,
  spec: CommandSpec,
  db: number,
  args: Args,
  parsed: unknown,
): void {
  if (replacing.has(spec)) return;
  const { first, last, step } = spec.keys;
  if (first === 0) return;
  const database = databases.database(db);
  const { entries } = databases.resident;
  const { buffer, count } = args;
  // Arguments count from 0 without the command's name.
  const end = last < 0 ? count + last : Math.min(last, count) - 1;
  let bytes = spec.reach?.(parsed) ?? 0;
  for (let n = first - 1; n <= end; n += step)
    bytes += database.residentLength(buffer, args.start(n), args.end(n));
  if (bytes === 0) return;
  if (copying.has(spec)) {
    growth.bytes += bytes;
    return;
  }
  const [start, to] = [args.start(first - 1), args.end(first - 1)];
  growth.add(bytes, entries.hashOf(database.keyspaceId, buffer, start, to));
}
