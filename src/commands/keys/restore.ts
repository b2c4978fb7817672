/**
 * RESTORE key ttl serialized-value [REPLACE] [ABSTTL] [IDLETIME seconds] [FREQ frequency]
 *
 * Reply: OK. Creates a key from what DUMP gave; ttl in milliseconds, 0 for none. Strings only.
 * IDLETIME and FREQ are checked and have no effect. Complexity: O(size).
 * https://redis.io/docs/latest/commands/restore/
 * @module
 */
import { CommandError } from "../../keyspace/errors.ts";
import type { Reply } from "../../resp/reply.ts";
import type { Args } from "../args.ts";
import { type Context, defineCommand } from "../command.ts";
import { expireAtMax } from "../expiry.ts";
import { syntaxError } from "../failures.ts";
import { decodePayload, isPayload } from "./rdb/payload.ts";

interface Parsed {
  readonly key: Buffer;
  /** Redis looks at the key before it reads the time and the value. */
  readonly args: Args;
  readonly replace: boolean;
  readonly absolute: boolean;
}

function parse(args: Args): Parsed {
  let replace = false;
  let absolute = false;
  let idleGiven = false;
  let freqGiven = false;
  for (let at = 3; at < args.count; at++) {
    const more = at + 1 < args.count;
    if (args.is(at, "replace")) replace = true;
    else if (args.is(at, "absttl")) absolute = true;
    else if (args.is(at, "idletime") && more && !freqGiven) {
      idleGiven = true;
      if (args.long(++at) < 0) throw new CommandError("ERR Invalid IDLETIME value, must be >= 0");
    } else if (args.is(at, "freq") && more && !idleGiven) {
      freqGiven = true;
      const freq = args.long(++at);
      if (freq < 0 || freq > 255)
        throw new CommandError("ERR Invalid FREQ value, must be >= 0 and <= 255");
    } else throw syntaxError();
  }
  return { key: args.bytes(0), args, replace, absolute };
}

function run({ db }: Context, { key, args, replace, absolute }: Parsed, reply: Reply): void {
  if (!replace && db.exists(key)) throw new CommandError("BUSYKEY Target key name already exists.");
  const ttl = args.int64(1);
  if (ttl < 0n) throw new CommandError("ERR Invalid TTL value, must be >= 0");
  const payload = args.bytes(2);
  if (!isPayload(payload)) throw new CommandError("ERR DUMP payload version or checksum are wrong");
  const value = decodePayload(payload);
  if (value === null) throw new CommandError("ERR Bad data format");
  // The sum wraps at 64 bits, as there: such a key is over at once.
  const when = absolute ? ttl : BigInt.asIntN(64, ttl + BigInt(db.nowMs));
  if (ttl === 0n) db.setString(key, value);
  else if (when <= BigInt(db.nowMs)) db.delete(key);
  else db.setString(key, value, { expireAt: Math.min(Number(when), expireAtMax) });
  reply.ok();
}

export const restore = defineCommand<Parsed>({
  name: "restore",
  code: 0x010c,
  arity: -4,
  flags: ["write", "denyoom"],
  keys: { first: 1, last: 1, step: 1 },
  keySpecs: [{ flags: "OW update" }],
  group: "generic",
  since: "2.6.0",
  summary: "Create a key using the provided serialized value, previously obtained using DUMP.",
  complexity:
    "O(1) to create the new key and additional O(N*M) to reconstruct the serialized " +
    "value, where N is the number of Redis objects composing the value and M their " +
    "average size. For small string values the time complexity is thus O(1)+O(1*M) where " +
    "M is small, so simply O(1). However for sorted set values the complexity is " +
    "O(N*M*log(N)) because inserting values into sorted sets is O(log(N)).",
  parse,
  needs({ db }, { key, replace }, needs) {
    // A time that is over deletes it.
    if (replace) needs.deletes(db, key);
    else needs.read(db, key);
  },
  run,
});
