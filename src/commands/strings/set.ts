/**
 * SET key value [NX | XX] [GET] [EX seconds | PX milliseconds | EXAT unix-time-seconds |
 * PXAT unix-time-milliseconds | KEEPTTL]
 *
 * Reply: OK; nil if NX or XX kept it from being set; with GET the old value or nil, either way.
 * Complexity: O(1). https://redis.io/docs/latest/commands/set/
 * @module
 */
import type { Reply } from "../../resp/reply.ts";
import { Args } from "../args.ts";
import { type Context, defineCommand } from "../command.ts";
import { counted } from "../counted.ts";
import { unitExat, unitPxat } from "../expiry.ts";
import { optionExpireAt, parseStringOptions, type StringOptions } from "./options.ts";

interface Parsed {
  key: Buffer;
  value: Buffer;
  args: Args;
  /** Undefined: a plain SET. */
  options: StringOptions | undefined;
}

const none = Buffer.alloc(0);
/** Reused: most writes are a plain SET, which allocates nothing but two views. */
const parsed: Parsed = { key: none, value: none, args: new Args(), options: undefined };

function runWithOptions(
  { keyspace, db }: Context,
  given: Parsed,
  options: StringOptions,
  reply: Reply,
): void {
  const { key, value, args } = given;
  const expireAt = optionExpireAt(args, options, db.nowMs, "set");
  const old = options.get ? counted(keyspace, () => db.getString(key)) : null;
  const refused = options.onlyIfAbsent ? db.exists(key) : options.onlyIfPresent && !db.exists(key);
  // The old value is a view: it must be in the reply before anything changes.
  if (old !== null) reply.bulk(old);
  else if (options.get || refused) reply.nil();
  else reply.ok();
  if (refused) return;
  if (expireAt !== undefined) db.setString(key, value, { expireAt });
  else if (options.keepTtl) db.setString(key, value, { keepTtl: true });
  else db.setString(key, value);
}

export const set = defineCommand<Parsed>({
  name: "set",
  code: 0x0201,
  arity: -3,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [
    {
      flags: "RW access update variable_flags",
      notes: "RW and ACCESS due to the optional `GET` argument",
    },
  ],
  group: "string",
  since: "1.0.0",
  summary: "Set the string value of a key",
  complexity: "O(1)",
  keyFlags(args) {
    for (let i = 2; i < args.count; i++) if (args.is(i, "get")) return "RW access update";
    return "OW update";
  },
  parse(args) {
    parsed.key = args.bytes(0);
    parsed.value = args.bytes(1);
    parsed.args = args;
    parsed.options = args.count === 2 ? undefined : parseStringOptions(args, 2, "set");
    return parsed;
  },
  needs({ db }, { key, options }, needs) {
    if (options === undefined) return;
    const { onlyIfAbsent, onlyIfPresent, get, keepTtl, unit } = options;
    if (onlyIfAbsent || onlyIfPresent || get || keepTtl) needs.read(db, key);
    // A time that is over deletes it.
    else if (unit === unitExat || unit === unitPxat) needs.deletes(db, key);
  },
  run(context, given, reply) {
    if (given.options === undefined) {
      context.db.setString(given.key, given.value);
      reply.ok();
    } else runWithOptions(context, given, given.options, reply);
  },
});
