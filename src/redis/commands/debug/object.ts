/**
 * DEBUG OBJECT key. O(size), since it is packed as DUMP packs it. A status line with Redis's
 * fields: the number of references, the encoding, the bytes of the packed value, and the time of
 * the last access on this node. Values have no address here: it is 0x0.
 * @module
 */

import { type CommandSpec, defineCommand } from "../../../commands/command.ts";
import { referencesTo } from "../../../commands/keys/object/refcount.ts";
import { encodePayload } from "../../../commands/keys/rdb/payload.ts";
import { CommandError } from "../../../keyspace/errors.ts";
import type { DebugSubcommand } from "./subcommand.ts";

/** What a payload of DUMP has besides the value: its type, a version, a checksum. */
const payloadOverheadBytes = 11;
/** Redis's clock of accesses: seconds, 24 bits of them. */
const lruMask = 0xffffff;

const about: CommandSpec = defineCommand<Buffer>({
  name: "debug",
  code: 0,
  arity: 3,
  flags: ["readonly"],
  keys: { first: 1, last: 1, step: 1 },
  group: "server",
  since: "1.0.0",
  summary: "Show low level info about a key and its value",
  complexity: "O(N) where N is the size of the value",
  parse: (args) => args.bytes(0),
  run: ({ keyspace, db }, key, reply) => {
    keyspace.counting = false;
    const idle = db.idleSeconds(key);
    if (idle < 0) throw new CommandError("ERR no such key");
    const encoding = db.encoding(key);
    const references = referencesTo(db, key);
    const value = db.getString(key) ?? Buffer.alloc(0);
    const bytes = encodePayload(value).length - payloadOverheadBytes;
    const lru = (Math.floor(db.nowMs / 1000) - idle) & lruMask;
    reply.simple(
      `Value at:0x0 refcount:${references} encoding:${encoding} serializedlength:${bytes} ` +
        `lru:${lru} lru_seconds_idle:${idle}`,
    );
  },
}) as CommandSpec;

export const object: DebugSubcommand = {
  name: "object",
  usage: "<key>",
  summary: "Show low level info about a key and its value",
  argumentsMin: 1,
  argumentsMax: 1,
  run: ({ server, peer, args, reply }) => server.engine.read(about, peer.session.db, args, reply),
};
