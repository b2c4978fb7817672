/**
 * Random string commands.
 * @module
 */
import type { Maker } from "../generator.ts";
import type { Words } from "./words.ts";

/** A time for SET: a key that is over at once would be in DBSIZE until Redis reclaims it. */
function futureTime(w: Words): (string | Buffer)[] {
  return w.choices.of([
    () => ["EX", w.seconds()],
    () => ["px", w.milliseconds()],
    () => ["EXAT", w.futureSeconds()],
    () => ["PXAT", w.unixMilliseconds(w.futureSeconds())],
  ])();
}

/** A time for GETEX, which deletes what is over. */
function time(w: Words): (string | Buffer)[] {
  return w.choices.of([
    () => ["EX", w.seconds()],
    () => ["px", w.milliseconds()],
    () => ["EXAT", w.unixSeconds()],
    () => ["PXAT", w.unixMilliseconds()],
  ])();
}

const set: Maker = (w) => [
  "set",
  w.key(),
  w.value(),
  ...w.options(
    6,
    () => ["NX"],
    () => ["xx"],
    () => ["GET"],
    () => ["KEEPTTL"],
    () => ["persist"],
    () => futureTime(w),
    () => futureTime(w),
    () => ["EX"],
  ),
];

const getex: Maker = (w) => [
  "getex",
  w.key(),
  ...w.options(
    4,
    () => time(w),
    () => ["PERSIST"],
    () => ["keepttl"],
    () => ["NX"],
  ),
];

const lcs: Maker = (w) => [
  "lcs",
  w.key(),
  w.key(),
  ...w.options(
    4,
    () => ["IDX"],
    () => ["LEN"],
    () => ["WITHMATCHLEN"],
    () => ["minmatchlen", w.position()],
  ),
];

export const stringCommands: readonly Maker[] = [
  set,
  set,
  (w) => ["set", w.key(), w.value()],
  (w) => ["set", w.key(), w.integer()],
  (w) => ["get", w.key()],
  (w) => ["get", w.key()],
  getex,
  lcs,
  (w) => ["setnx", w.key(), w.value()],
  (w) => ["setex", w.key(), w.seconds(), w.value()],
  (w) => ["psetex", w.key(), w.milliseconds(), w.value()],
  (w) => ["getset", w.key(), w.value()],
  (w) => ["getdel", w.key()],
  (w) => ["append", w.key(), w.value()],
  (w) => ["strlen", w.key()],
  (w) => ["setrange", w.key(), w.position(), w.value()],
  (w) => ["getrange", w.key(), w.position(), w.position()],
  (w) => ["substr", w.key(), w.position(), w.position()],
  (w) => ["incr", w.key()],
  (w) => ["decr", w.key()],
  (w) => ["incrby", w.key(), w.integer()],
  (w) => ["decrby", w.key(), w.integer()],
  (w) => ["incrbyfloat", w.key(), w.float()],
  (w) => ["incrbyfloat", w.key(), w.float()],
  (w) => ["mget", ...w.choices.list(1 + w.choices.below(4), () => w.key())],
  (w) => ["mset", ...w.choices.list(1 + w.choices.below(3), () => [w.key(), w.value()]).flat()],
  (w) => ["msetnx", ...w.choices.list(1 + w.choices.below(2), () => [w.key(), w.value()]).flat()],
];
