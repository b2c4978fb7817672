/**
 * What the EXPIRE family shares: times that may be negative, the conditions NX, XX, GT and LT, and
 * the deletion of a key whose time has come already. A key without expiry counts as infinite.
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Reply } from "../../resp/reply.ts";
import type { Args } from "../args.ts";
import type { Context } from "../command.ts";
import { type ExpireUnit, expireAtOf } from "../expiry.ts";

export interface Expiring {
  readonly key: Buffer;
  readonly time: bigint;
  readonly onlyWithout: boolean;
  readonly onlyWith: boolean;
  readonly onlyLater: boolean;
  readonly onlySooner: boolean;
}

export function parseExpiring(args: Args): Expiring {
  let onlyWithout = false;
  let onlyWith = false;
  let onlyLater = false;
  let onlySooner = false;
  for (let at = 2; at < args.count; at++) {
    if (args.is(at, "nx")) onlyWithout = true;
    else if (args.is(at, "xx")) onlyWith = true;
    else if (args.is(at, "gt")) onlyLater = true;
    else if (args.is(at, "lt")) onlySooner = true;
    // As printf's %s: a zero byte ends it.
    else
      throw new CommandError(
        `ERR Unsupported option ${args.beginning(at, 1024).split("\0", 1)[0]}`,
      );
  }
  if (onlyWithout && (onlyWith || onlyLater || onlySooner))
    throw new CommandError("ERR NX and XX, GT or LT options at the same time are not compatible");
  if (onlyLater && onlySooner)
    throw new CommandError("ERR GT and LT options at the same time are not compatible");
  const time = args.int64(1);
  return { key: args.bytes(0), time, onlyWithout, onlyWith, onlyLater, onlySooner };
}

/** Reply: 1 if the expiry was set or the key deleted by it, 0 if absent or a condition failed. */
export function runExpiring(
  { db }: Context,
  parsed: Expiring,
  reply: Reply,
  unit: ExpireUnit,
  command: string,
): void {
  const when = expireAtOf(parsed.time, unit, db.nowMs, command);
  const current = db.expireAt(parsed.key);
  const infinite = current === 0;
  const refused =
    current < 0 ||
    (parsed.onlyWithout && !infinite) ||
    (parsed.onlyWith && infinite) ||
    (parsed.onlyLater && (infinite || when <= current)) ||
    (parsed.onlySooner && !infinite && when >= current);
  if (!refused) {
    if (when <= db.nowMs) db.delete(parsed.key);
    else db.setExpireAt(parsed.key, when);
  }
  reply.integer(refused ? 0 : 1);
}
