/**
 * What GETRANGE and SUBSTR share: positions count from 0, negative ones from the end, both ends
 * are included, and what lies outside is cut off.
 * @module
 */

import type { Reply } from "../../resp/reply.ts";
import type { Args } from "../args.ts";
import type { Context } from "../command.ts";

export interface Range {
  readonly key: Buffer;
  readonly start: number;
  readonly end: number;
}

export function parseRange(args: Args): Range {
  return { key: args.bytes(0), start: args.long(1), end: args.long(2) };
}

const empty = Buffer.alloc(0);

export function runRange({ db }: Context, { key, start, end }: Range, reply: Reply): void {
  const value = db.getString(key);
  if (value === null || (start < 0 && end < 0 && start > end)) {
    reply.bulk(empty);
    return;
  }
  const first = Math.max(0, start < 0 ? start + value.length : start);
  const last = Math.min(value.length - 1, Math.max(0, end < 0 ? end + value.length : end));
  if (first > last) reply.bulk(empty);
  else reply.bulkFrom(value, first, last + 1);
}
