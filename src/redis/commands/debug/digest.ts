/**
 * DEBUG DIGEST. O(data). A status line: 40 hexadecimal digits that depend on all keys, their
 * values, databases, and on which of them expire; the same as Redis's (debug.c,
 * computeDatasetDigest) for the same data.
 * DEBUG DIGEST-VALUE key [key ...]. O(values). An array with the digest of each value; zeros for a
 * key that is not there.
 *
 * Hazard it guards: data may be larger than memory. Keys are read a page at a time, and the cache
 * is trimmed between pages; nothing else happens between them.
 * @module
 */
import { Args } from "../../../commands/args.ts";
import { type CommandSpec, defineCommand } from "../../../commands/command.ts";
import type { Database } from "../../../keyspace/api.ts";
import type { Call } from "../../context.ts";
import type { DebugSubcommand } from "./subcommand.ts";

const pageKeys = 100;
const digestBytes = 20;
/** Of a string, as Redis mixes it: network byte order. */
const typeString = Buffer.alloc(4);

type Sha1 = (data: Uint8Array) => Buffer;

class Digest {
  bytes: Buffer = Buffer.alloc(digestBytes);
  private readonly sha1: Sha1;

  constructor(sha1: Sha1) {
    this.sha1 = sha1;
  }

  /** In any order. */
  join(data: Uint8Array): void {
    const other = this.sha1(data);
    for (let i = 0; i < digestBytes; i++) this.bytes[i] ^= other[i];
  }

  /** One behind the other. */
  mix(data: Uint8Array): void {
    this.join(data);
    this.bytes = this.sha1(this.bytes);
  }

  mixValue(db: Database, key: Uint8Array, value: Uint8Array): void {
    this.mix(typeString);
    this.mix(value);
    if (db.expireAt(key) > 0) this.join(Buffer.from("!!expire!!"));
  }
}

/** A read of the data that writes no reply of its own. */
function look(run: CommandSpec["run"]): CommandSpec {
  return defineCommand<null>({
    name: "debug",
    code: 0,
    arity: 2,
    flags: ["readonly"],
    keys: { first: 0, last: 0, step: 0 },
    group: "server",
    since: "1.0.0",
    summary: "Look at data",
    complexity: "O(N) where N is the number of keys",
    parse: () => null,
    run,
  }) as CommandSpec;
}

function digestOfDatabase({ server, reply }: Call, number: number, whole: Digest): void {
  const sha1: Sha1 = (data) => server.host.sha1(data);
  let cursor = 0n;
  let any = false;
  const page = look(({ keyspace, db }) => {
    keyspace.counting = false;
    const found = keyspace.directory.scan(number, cursor, pageKeys);
    cursor = found.cursor;
    for (const key of found.keys) {
      const value = db.getString(key);
      if (value === null) continue;
      if (!any) whole.mix(Buffer.from([0, 0, number >> 8, number & 0xff]));
      any = true;
      const one = new Digest(sha1);
      one.mix(key);
      one.mixValue(db, key, value);
      whole.join(one.bytes);
    }
  });
  do server.engine.read(page, number, new Args(), reply);
  while (cursor !== 0n);
}

export const digest: DebugSubcommand = {
  name: "digest",
  usage: "",
  summary: "Output a hex signature representing the current DB content",
  argumentsMin: 0,
  argumentsMax: 0,
  run: (call) => {
    const { server, reply } = call;
    const whole = new Digest((data) => server.host.sha1(data));
    for (let n = 0; n < server.engine.databaseCount; n++) digestOfDatabase(call, n, whole);
    reply.simple(whole.bytes.toString("hex"));
  },
};

export const digestValue: DebugSubcommand = {
  name: "digest-value",
  usage: "<key> [<key> ...]",
  summary: "Output a hex signature of the values of all the specified keys",
  argumentsMin: 0,
  argumentsMax: Number.POSITIVE_INFINITY,
  run: ({ server, peer, args, reply }) => {
    const digests: string[] = [];
    for (let i = 0; i < args.count; i++) {
      const key = args.bytes(i);
      const one = new Digest((data) => server.host.sha1(data));
      const read = look(({ keyspace, db }) => {
        keyspace.counting = false;
        const value = db.getString(key);
        if (value !== null) one.mixValue(db, key, value);
      });
      server.engine.read(read, peer.session.db, args, reply);
      digests.push(one.bytes.toString("hex"));
    }
    reply.array(digests.length);
    for (const text of digests) reply.simple(text);
  },
};
