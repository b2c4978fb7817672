/**
 * All data commands. Their codes stand in log entries for ever: a code is never changed, and never
 * used again. 0x01 is the family of keys, 0x02 strings, 0x03 bitmaps, 0x04 whole databases.
 * @module
 */
import { bitcount } from "./bitmaps/bitcount.ts";
import { bitfield } from "./bitmaps/bitfield.ts";
import { bitfieldRo } from "./bitmaps/bitfield_ro.ts";
import { bitop } from "./bitmaps/bitop.ts";
import { bitpos } from "./bitmaps/bitpos.ts";
import { getbit } from "./bitmaps/getbit.ts";
import { setbit } from "./bitmaps/setbit.ts";
import type { CommandSpec } from "./command.ts";
import { copy } from "./keys/copy.ts";
import { dbsize } from "./keys/dbsize.ts";
import { del } from "./keys/del.ts";
import { dump } from "./keys/dump.ts";
import { exists } from "./keys/exists.ts";
import { expire } from "./keys/expire.ts";
import { expireat } from "./keys/expireat.ts";
import { expiretime } from "./keys/expiretime.ts";
import { keys } from "./keys/keys.ts";
import { move } from "./keys/move.ts";
import { object } from "./keys/object.ts";
import { persist } from "./keys/persist.ts";
import { pexpire } from "./keys/pexpire.ts";
import { pexpireat } from "./keys/pexpireat.ts";
import { pexpiretime } from "./keys/pexpiretime.ts";
import { pttl } from "./keys/pttl.ts";
import { randomkey } from "./keys/randomkey.ts";
import { rename } from "./keys/rename.ts";
import { renamenx } from "./keys/renamenx.ts";
import { restore } from "./keys/restore.ts";
import { scan } from "./keys/scan.ts";
import { sort } from "./keys/sort.ts";
import { sortRo } from "./keys/sort_ro.ts";
import { touch } from "./keys/touch.ts";
import { ttl } from "./keys/ttl.ts";
import { type } from "./keys/type.ts";
import { unlink } from "./keys/unlink.ts";
import { flushall } from "./server/flushall.ts";
import { flushdb } from "./server/flushdb.ts";
import { swapdb } from "./server/swapdb.ts";
import { append } from "./strings/append.ts";
import { decr } from "./strings/decr.ts";
import { decrby } from "./strings/decrby.ts";
import { get } from "./strings/get.ts";
import { getdel } from "./strings/getdel.ts";
import { getex } from "./strings/getex.ts";
import { getrange } from "./strings/getrange.ts";
import { getset } from "./strings/getset.ts";
import { incr } from "./strings/incr.ts";
import { incrby } from "./strings/incrby.ts";
import { incrbyfloat } from "./strings/incrbyfloat.ts";
import { lcs } from "./strings/lcs.ts";
import { mget } from "./strings/mget.ts";
import { mset } from "./strings/mset.ts";
import { msetnx } from "./strings/msetnx.ts";
import { psetex } from "./strings/psetex.ts";
import { set } from "./strings/set.ts";
import { setex } from "./strings/setex.ts";
import { setnx } from "./strings/setnx.ts";
import { setrange } from "./strings/setrange.ts";
import { strlen } from "./strings/strlen.ts";
import { substr } from "./strings/substr.ts";

export const commands: readonly CommandSpec[] = [
  set,
  get,
  setnx,
  setex,
  psetex,
  getset,
  getex,
  getdel,
  append,
  strlen,
  setrange,
  getrange,
  substr,
  incr,
  decr,
  incrby,
  decrby,
  incrbyfloat,
  mget,
  mset,
  msetnx,
  lcs,
  del,
  unlink,
  exists,
  touch,
  type,
  rename,
  renamenx,
  copy,
  move,
  randomkey,
  keys,
  scan,
  dbsize,
  expire,
  pexpire,
  expireat,
  pexpireat,
  ttl,
  pttl,
  expiretime,
  pexpiretime,
  persist,
  object,
  dump,
  restore,
  sort,
  sortRo,
  setbit,
  getbit,
  bitcount,
  bitpos,
  bitop,
  bitfield,
  bitfieldRo,
  flushdb,
  flushall,
  swapdb,
];

const byName = new Map(commands.map((spec) => [spec.name, spec]));
const byCode = new Map(commands.filter(({ code }) => code !== 0).map((spec) => [spec.code, spec]));

/**
 * For tools and tests: servers look names up by their bytes, in a table that holds their own
 * commands too.
 * @param name - In any case.
 */
export function commandNamed(name: string): CommandSpec | undefined {
  return byName.get(name.toLowerCase());
}

/** The write command that a log entry names. */
export function codeToSpec(code: number): CommandSpec | undefined {
  return byCode.get(code);
}
