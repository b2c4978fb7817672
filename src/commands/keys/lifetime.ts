/**
 * What TTL, PTTL, EXPIRETIME and PEXPIRETIME share: -2 for an absent key, -1 for one without
 * expiry; seconds are rounded to the nearest.
 * @module
 */
import type { Reply } from "../../resp/reply.ts";
import type { Context } from "../command.ts";
import type { ExpireUnit } from "../expiry.ts";

export function runLifetime({ db }: Context, key: Buffer, reply: Reply, unit: ExpireUnit): void {
  const expireAt = db.expireAt(key);
  if (expireAt <= 0) {
    reply.integer(expireAt < 0 ? -2 : -1);
    return;
  }
  const left = unit.absolute ? expireAt : Math.max(0, expireAt - db.nowMs);
  reply.integer(unit.seconds ? Math.floor((left + 500) / 1000) : left);
}
