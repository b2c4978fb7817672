/**
 * What INCR, DECR, INCRBY and DECRBY share. Numbers of up to 15 digits never become a BigInt; the
 * others take the exact way. The bounds are those of a signed 64-bit integer, as in Redis.
 * @module
 */
import type { Database } from "../../keyspace/api.ts";
import { CommandError } from "../../keyspace/errors.ts";
import type { Reply } from "../../resp/reply.ts";
import { parseInt64 } from "../args.ts";
import { notAnInteger } from "../failures.ts";
import { integerBytes, smallInteger } from "../numbers.ts";

const int64Min = -(2n ** 63n);
const int64Max = 2n ** 63n - 1n;
const keepTtl = { keepTtl: true } as const;

/** @param by - Exact: within 15 digits, or a bigint. */
export function increment(db: Database, key: Buffer, by: number | bigint, reply: Reply): void {
  const value = db.getString(key);
  const old = value === null ? 0 : smallInteger(value, 0, value.length);
  if (typeof by === "number" && !Number.isNaN(old)) {
    db.setString(key, integerBytes(old + by), keepTtl);
    reply.integer(old + by);
    return;
  }
  const exact = value === null ? 0n : parseInt64(value, 0, value.length);
  if (exact === null) throw notAnInteger();
  const sum = exact + BigInt(by);
  if (sum > int64Max || sum < int64Min)
    throw new CommandError("ERR increment or decrement would overflow");
  db.setString(key, Buffer.from(sum.toString(), "latin1"), keepTtl);
  reply.integer(sum);
}
