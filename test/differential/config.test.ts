// Goal: CONFIG SET takes and refuses what redis-server 7.0 takes and refuses, in its words, and
// CONFIG GET shows the same afterwards.
// Method: the same changes to both, in this order; names that a change names are looked at.
import { afterAll, beforeAll, expect, test } from "vitest";
import { commands } from "../../src/commands/table.ts";
import { type Listening, serveRedis } from "../../src/server/listen.ts";
import { QuickEngine } from "../../src/server/testing/quick.ts";
import { RawClient } from "./client.ts";
import { redisOfTests } from "./redis.ts";

const redis = redisOfTests();
let listening: Listening;
let ours: RawClient;

beforeAll(async () => {
  const engine = new QuickEngine();
  listening = await serveRedis({ port: 0, engine, commands, report: console.error });
  ours = await RawClient.open(listening.port);
});

afterAll(async () => {
  ours?.close();
  await listening?.close();
});

/** Names with the values that they are set to, one after the other. */
const values: [name: string, ...values: string[]][] = [
  ["hz", "abc", "0", "1000", "-5", "10 ", " 10", "+10", "010", "", "99999999999", "1.5", "10"],
  ["HZ", "x", "11"],
  ["save", "a b", "900", "0 1", "-1 1", "900  1", " ", "900 1 300 10", "60 0", "60 -1", ""],
  ["loglevel", "foo", "WARNING", "debug", "notice"],
  ["appendonly", "maybe"],
  ["appendfsync", "foo", "always"],
  ["aof-use-rdb-preamble", "x", "YES"],
  ["maxmemory-policy", "foo", "ALLKEYS-RANDOM", "volatile-ttl", "volatile-random", "noeviction"],
  ["maxmemory-samples", "0", "x", "7"],
  ["maxmemory", "abc", "1KB", "1k", "1g", "-1", "0"],
  ["hash-max-ziplist-entries", "-1", "x", "3"],
  ["hash-max-listpack-value", "x", "1kb", "-1"],
  ["zset-max-ziplist-value", "33"],
  ["list-max-ziplist-size", "abc", "99999999999", "-3"],
  ["list-compress-depth", "-1", "x", "1"],
  ["set-max-intset-entries", "x", "9223372036854775807", "9223372036854775808"],
  ["close-on-oom", "yes"],
  ["dynamic-hz", "x", "YES", "no"],
  ["lazyfree-lazy-eviction", "x", "yes"],
  ["activedefrag", "x", "no"],
  ["notify-keyspace-events", "foo", "KEA", "tdKxmn", "zx$E", "KAn", "Kg$lshzxetd", "KK", ""],
  ["stream-node-max-bytes", "4kb", "x"],
  ["stream-node-max-entries", "-1", "5"],
  ["hll-sparse-max-bytes", "x", "16001"],
  ["lua-time-limit", "x", "-1", "77"],
  ["slave-read-only", "x", "no"],
  ["min-slaves-to-write", "x", "-1", "0"],
  ["repl-backlog-size", "x", "0", "1", "1mb"],
  ["repl-timeout", "0", "61"],
  ["tracking-table-max-keys", "x", "-1", "10"],
  ["stop-writes-on-bgsave-error", "no"],
  ["rdbcompression", "x", "no"],
  ["no-appendfsync-on-rewrite", "yes"],
  ["auto-aof-rewrite-percentage", "-1", "50"],
  ["auto-aof-rewrite-min-size", "64mb", "x"],
  ["maxmemory-eviction-tenacity", "101", "11"],
  ["lfu-log-factor", "-1", "9"],
  ["lfu-decay-time", "-1", "9"],
  ["protected-mode", "x", "YES"],
  ["latency-tracking", "YES", "x", "no"],
  ["timeout", "1.5", "-1", "99999999999", "0"],
  ["tcp-keepalive", "x", "300"],
  ["proto-max-bulk-len", "x", "2mb", "512mb"],
  ["databases", "16", "3"],
  ["io-threads", "1", "4"],
  ["enable-debug-command", "yes"],
  ["tls-auth-clients", "foo"],
  ["port", "x"],
  ["unixsocket", ""],
];

const changes = [
  ...values.flatMap(([name, ...all]) => all.map((value) => [name, value])),
  ["hz", "1", "hz", "2"],
  ["hz", "1", "HZ", "2"],
  ["timeout", "5", "hz", "abc"],
  ["hz", "12", "timeout", "abc"],
  ["timeout", "5", "databases", "3"],
  ["foo", "bar", "hz", "abc"],
  ["hash-max-ziplist-entries", "3", "hash-max-listpack-entries", "4"],
  ["requirepass", "", "timeout", "x"],
];

/** A parameter and its other name. */
const pairs: Record<string, string> = {
  "hash-max-ziplist-entries": "hash-max-listpack-entries",
  "hash-max-listpack-value": "hash-max-ziplist-value",
  "zset-max-ziplist-value": "zset-max-listpack-value",
  "list-max-ziplist-size": "list-max-listpack-size",
  "lua-time-limit": "busy-reply-threshold",
  "slave-read-only": "replica-read-only",
  "min-slaves-to-write": "min-replicas-to-write",
};
/** Their values belong to the server, or are of another default here. */
const notShown = new Set(["appendonly", "port", "databases", "appendfsync"]);

test("config: changes are taken, refused and shown as by Redis", async () => {
  for (const words of changes) {
    const names = words.filter((_, i) => i % 2 === 0 && !notShown.has(words[i] as string));
    const shown = names.flatMap((name) => [name, ...(name in pairs ? [pairs[name]] : [])]);
    const [expected, found] = await Promise.all(
      [redis.client, ours].map(async (client) => {
        const replies = [await client.call("CONFIG", "SET", ...words)];
        for (const name of shown) replies.push(await client.call("CONFIG", "GET", name as string));
        return replies.map(String);
      }),
    );
    expect(found, words.join(" ")).toEqual(expected);
  }
});

test("config: what is fixed here may be set to what it is, and says why it stays so", async () => {
  const set = async (...words: string[]) => String(await ours.call("CONFIG", "SET", ...words));
  for (const words of [
    ["appendonly", "yes"],
    ["appendonly", "YES", "appendfsync", "always"],
    ["port", "0", "bind", "127.0.0.1"],
  ])
    expect(await set(...words), words.join(" ")).toBe("+OK\r\n");
  expect(await set("appendonly", "no")).toContain(
    "every write is in the log before it is answered",
  );
  expect(await set("appendfsync", "everysec")).toContain("no other value is offered");
  expect(await set("port", "1")).toContain("it is chosen when the node is started");
});
