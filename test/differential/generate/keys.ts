/**
 * Random commands on keys and on whole databases. SCAN looks at everything at once, since pages
 * are cut differently.
 * @module
 */
import { encodePayload } from "../../../src/commands/keys/rdb/payload.ts";
import type { Maker } from "../generator.ts";
import type { Words } from "./words.ts";

const keyList = (w: Words): Buffer[] => w.choices.list(1 + w.choices.below(3), () => w.key());

const condition = (w: Words): (string | Buffer)[] =>
  w.options(
    5,
    () => ["NX"],
    () => ["xx"],
    () => ["GT"],
    () => ["lt"],
    () => ["zz"],
  );

const database = (w: Words): string =>
  w.choices.once(8) ? w.choices.of(["16", "-1", "x", "99999999999"]) : `${w.choices.below(3)}`;

const copy: Maker = (w) => [
  "copy",
  w.key(),
  w.key(),
  ...w.options(
    3,
    () => ["REPLACE"],
    () => ["db", database(w)],
  ),
];

const scan: Maker = (w) => [
  "scan",
  w.choices.once(12) ? w.choices.of(["x", "", "18446744073709551616", " 0", "1x"]) : "0",
  "COUNT",
  w.choices.once(12) ? w.choices.of(["0", "-1", "x"]) : "100000",
  ...w.options(
    3,
    () => ["MATCH", w.pattern()],
    () => ["type", w.choices.of(["string", "STRING", "list", "none"])],
  ),
];

const object: Maker = (w) => [
  "object",
  w.choices.of(["encoding", "ENCODING", "refcount", "idletime", "freq", "help", "nothing"]),
  ...(w.choices.once(12) ? [] : [w.key()]),
];

const restore: Maker = (w) => [
  "restore",
  w.key(),
  w.choices.once(4) ? w.milliseconds() : "0",
  w.choices.once(8) ? w.value() : encodePayload(w.value()),
  ...w.options(
    2,
    () => ["REPLACE"],
    () => (w.choices.once(5) ? ["idletime", w.integer()] : []),
    () => (w.choices.once(5) ? ["FREQ", w.integer()] : []),
  ),
];

const sorting = (w: Words): (string | Buffer)[] =>
  w.options(
    4,
    () => ["BY", w.pattern()],
    () => ["limit", w.integer(), w.choices.once(8) ? w.integer() : "2"],
    () => ["GET", w.pattern(), "get", "#"],
    () => [w.choices.of(["ASC", "desc", "DESC"])],
    () => ["alpha"],
    () => (w.choices.once(4) ? [w.choices.of(["by", "LIMIT", "get", "store", "zz"])] : []),
  );

export const keyCommands: readonly Maker[] = [
  (w) => ["del", ...keyList(w)],
  (w) => ["unlink", w.key()],
  (w) => ["exists", ...keyList(w)],
  (w) => ["touch", ...keyList(w)],
  (w) => ["type", w.key()],
  (w) => ["rename", w.key(), w.key()],
  (w) => ["renamenx", w.key(), w.key()],
  copy,
  (w) => ["move", w.key(), database(w)],
  () => ["randomkey"],
  (w) => ["keys", w.pattern()],
  scan,
  () => ["dbsize"],
  (w) => ["expire", w.key(), w.seconds(), ...condition(w)],
  (w) => ["pexpire", w.key(), w.milliseconds(), ...condition(w)],
  (w) => ["expireat", w.key(), w.unixSeconds(), ...condition(w)],
  (w) => ["pexpireat", w.key(), w.unixMilliseconds(), ...condition(w)],
  (w) => ["ttl", w.key()],
  (w) => ["pttl", w.key()],
  (w) => ["expiretime", w.key()],
  (w) => ["pexpiretime", w.key()],
  (w) => ["persist", w.key()],
  object,
  object,
  (w) => ["object", "encoding", w.key()],
  (w) => ["dump", w.key()],
  restore,
  (w) => ["sort", w.key(), ...sorting(w), ...w.options(2, () => ["STORE", w.key()])],
  (w) => ["sort_ro", w.key(), ...sorting(w), ...w.options(8, () => ["store", w.key()])],
  (w) => ["swapdb", database(w), database(w)],
  (w) =>
    w.choices.once(8)
      ? [
          "flushdb",
          ...w.options(
            3,
            () => ["async"],
            () => ["no"],
          ),
        ]
      : ["dbsize"],
  (w) => (w.choices.once(12) ? ["flushall", ...w.options(3, () => ["SYNC"])] : ["dbsize"]),
];
