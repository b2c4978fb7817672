/**
 * A tour of all commands, as a table: what is sent and what comes back. Both client libraries run
 * it on one connection, in order, on an empty database.
 * @module
 */
import { expect } from "vitest";

type Row = readonly [command: string, reply: unknown];

const text = expect.any(String);
const number = expect.any(Number);
const list = expect.any(Array);

const strings: Row[] = [
  ["SET s hello", "OK"],
  ["SET s other NX", null],
  ["SET s other XX GET", "hello"],
  ["SET s value EX 100 NX", null],
  ["SET s value PX 100000", "OK"],
  ["SET s value KEEPTTL", "OK"],
  ["TTL s", expect.toSatisfy((ttl: number) => ttl > 90 && ttl <= 100)],
  ["GETEX s PERSIST", "value"],
  ["TTL s", -1],
  ["GET s", "value"],
  ["GETSET s new", "value"],
  ["GETDEL s", "new"],
  ["GET s", null],
  ["SETNX s a", 1],
  ["SETEX s 100 b", "OK"],
  ["PSETEX s 100000 c", "OK"],
  ["APPEND s def", 4],
  ["STRLEN s", 4],
  ["SETRANGE s 1 XY", 4],
  ["GETRANGE s 0 -2", "cXY"],
  ["SUBSTR s 0 0", "c"],
  ["INCR n", 1],
  ["INCRBY n 41", 42],
  ["DECR n", 41],
  ["DECRBY n 40", 1],
  ["INCRBYFLOAT n 0.5", "1.5"],
  ["MSET a ohmytext b mynewtext", "OK"],
  ["MSETNX a 1 z 2", 0],
  ["MGET a b none", ["ohmytext", "mynewtext", null]],
  ["LCS a b", "mytext"],
  ["LCS a b LEN", 6],
];

const bits: Row[] = [
  ["SETBIT bits 7 1", 0],
  ["GETBIT bits 7", 1],
  ["BITCOUNT bits", 1],
  ["BITCOUNT bits 0 3 BIT", 0],
  ["BITPOS bits 1", 7],
  ["BITOP NOT inverse bits", 1],
  ["BITFIELD field SET u8 0 200 INCRBY u8 0 100 OVERFLOW SAT", list],
  ["BITFIELD_RO field GET u8 0", [44]],
];

const keys: Row[] = [
  ["EXISTS a b none", 2],
  ["TYPE a", "string"],
  ["TYPE none", "none"],
  ["RENAME a a2", "OK"],
  ["RENAMENX a2 b", 0],
  ["COPY a2 a3 REPLACE", 1],
  ["TOUCH a2 a3 none", 2],
  ["UNLINK a2", 1],
  ["DEL a3 none", 1],
  ["RANDOMKEY", text],
  ["KEYS bi*", ["bits"]],
  ["SCAN 0 MATCH bi* COUNT 1000", ["0", ["bits"]]],
  ["EXPIRE b 100", 1],
  ["EXPIRE b 50 GT", 0],
  ["EXPIRE b 50 LT", 1],
  ["EXPIRE b 50 NX", 0],
  ["PEXPIRE b 60000 XX", 1],
  ["EXPIREAT b 4000000000", 1],
  ["EXPIRETIME b", 4000000000],
  ["PEXPIREAT b 4000000000123", 1],
  ["PEXPIRETIME b", 4000000000123],
  ["PTTL b", number],
  ["PERSIST b", 1],
  ["PERSIST b", 0],
  ["OBJECT ENCODING b", "embstr"],
  ["OBJECT REFCOUNT b", 1],
  ["OBJECT IDLETIME b", number],
  ["MOVE b 5", 1],
  ["SWAPDB 0 5", "OK"],
  ["GET b", "mynewtext"],
  ["SWAPDB 0 5", "OK"],
  ["SELECT 5", "OK"],
  ["DBSIZE", 1],
  ["FLUSHDB", "OK"],
  ["DBSIZE", 0],
  ["SELECT 0", "OK"],
  ["EXISTS s", 1],
];

const server: Row[] = [
  ["PING", "PONG"],
  ["PING hello", "hello"],
  ["ECHO hello", "hello"],
  ["CLIENT ID", number],
  ["CLIENT SETNAME tour", "OK"],
  ["CLIENT GETNAME", "tour"],
  ["CLIENT INFO", expect.stringContaining("name=tour")],
  ["CLIENT LIST", expect.stringContaining("name=tour")],
  ["CLIENT NO-EVICT off", "OK"],
  ["COMMAND COUNT", expect.toSatisfy((count: number) => count > 100)],
  ["COMMAND INFO get", list],
  ["COMMAND GETKEYS MSET a 1 b 2", ["a", "b"]],
  ["COMMAND LIST", expect.arrayContaining(["get"])],
  ["INFO server", expect.stringContaining("redis_version:")],
  ["INFO", expect.stringContaining("# Keyspace")],
  ["CONFIG SET slowlog-max-len 64", "OK"],
  ["CONFIG RESETSTAT", "OK"],
  ["TIME", list],
  ["LASTSAVE", number],
  ["SAVE", "OK"],
  ["MEMORY USAGE s", number],
  ["MEMORY DOCTOR", text],
  ["SLOWLOG LEN", number],
  ["SLOWLOG GET", list],
  ["SLOWLOG RESET", "OK"],
  ["LATENCY LATEST", list],
  ["LATENCY RESET", 0],
  ["DEBUG SLEEP 0", "OK"],
];

const transactions: Row[] = [
  ["WATCH t", "OK"],
  ["UNWATCH", "OK"],
  ["MULTI", "OK"],
  ["SET t 1", "QUEUED"],
  ["INCR t", "QUEUED"],
  ["EXEC", ["OK", 2]],
  ["MULTI", "OK"],
  ["SET t 9", "QUEUED"],
  ["DISCARD", "OK"],
  ["GET t", "2"],
];

const last: Row[] = [
  ["SWAPDB 1 2", "OK"],
  ["FLUSHALL", "OK"],
  ["DBSIZE", 0],
];

export const tour: readonly Row[] = [
  ...strings,
  ...bits,
  ...keys,
  ...server,
  ...transactions,
  ...last,
];

/** Sends every row and compares. Errors count as their text. */
export async function takeTour(send: (words: string[]) => Promise<unknown>): Promise<void> {
  for (const [command, reply] of tour) {
    const found = await send(command.split(" ")).catch((error: Error) => `error: ${error.message}`);
    expect(found, command).toEqual(reply);
  }
}
