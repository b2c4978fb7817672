/**
 * What values a CONFIG parameter takes, in Redis's words when it does not (config.c of Redis 7.0),
 * and the parameters that tools read and set though nothing here depends on them.
 * @module
 */
import { parseInt64 } from "../commands/args.ts";
import { parseMemory } from "./memorysize.ts";

/** The value as CONFIG GET shows it, or why it is none. */
export type Taken = { readonly text: string } | { readonly error: string };
export type Kind = (value: string) => Taken;

export const int32Max = 2 ** 31 - 1;
export const int64Max = 2n ** 63n - 1n;

type Bound = number | bigint;

function within(number: bigint, min: Bound, max: Bound): Taken {
  if (number >= min && number <= max) return { text: String(number) };
  return { error: `argument must be between ${min} and ${max} inclusive` };
}

export function integer(min: Bound, max: Bound): Kind {
  return (value) => {
    const number = parseInt64(Buffer.from(value, "latin1"), 0, value.length);
    if (number === null) return { error: "argument couldn't be parsed into an integer" };
    return within(number, min, max);
  };
}

/** Bytes, with units. */
export function memory(min: Bound, max: Bound = int64Max): Kind {
  return (value) => {
    const bytes = parseMemory(value);
    if (bytes === null) return { error: "argument must be a memory value" };
    return within(BigInt(bytes), min, max);
  };
}

export function choice(...words: string[]): Kind {
  return (value) => {
    const text = value.toLowerCase();
    if (words.includes(text)) return { text };
    return { error: `argument(s) must be one of the following: ${words.join(", ")}` };
  };
}

export function yesNo(value: string): Taken {
  const text = value.toLowerCase();
  const fits = text === "yes" || text === "no";
  return fits ? { text } : { error: "argument must be 'yes' or 'no'" };
}

export function anything(value: string): Taken {
  return { text: value };
}

export const policies = choice(
  "volatile-lru",
  "volatile-lfu",
  "volatile-random",
  "volatile-ttl",
  "allkeys-lru",
  "allkeys-lfu",
  "allkeys-random",
  "noeviction",
);

/** What lies beyond the bounds is moved to them. */
function clamped(kind: Kind, min: number, max: number): Kind {
  return (value) => {
    const taken = kind(value);
    if ("error" in taken) return taken;
    return { text: String(Math.min(Math.max(Number(taken.text), min), max)) };
  };
}

/** Pairs of seconds and changes. */
function savePoints(value: string): Taken {
  if (value === "") return { text: "" };
  const words = value.split(" ");
  const numbers = words.map((word) => (/^[+-]?\d{1,15}$/.test(word) ? Number(word) : -1));
  const fits = numbers.every((number, i) => number >= (i % 2 === 0 ? 1 : 0));
  if (words.length % 2 !== 0 || !fits) return { error: "Invalid save parameters" };
  return { text: numbers.join(" ") };
}

const allClasses = "g$lshzxetd";

/** Classes of keyspace events, in Redis's order; "A" stands for `allClasses` and hides an "n". */
function events(value: string): Taken {
  const given = new Set(value.replaceAll("A", allClasses));
  const has = (letter: string): boolean => given.delete(letter);
  const classes = [...`${allClasses}n`].filter(has);
  const places = [..."KEm"].filter(has);
  if (given.size > 0) return { error: "Invalid event class character. Use 'Ag$lshzxeKEtmdn'." };
  const all = [...allClasses].every((letter) => classes.includes(letter));
  return { text: (all ? "A" : classes.join("")) + places.join("") };
}

const count = integer(0, int64Max);
const smallCount = integer(0, int32Max);
const bytes = memory(0);

/** Kept as they were set; they change nothing here. */
export const inert: Record<string, readonly [value: string, kind: Kind]> = {
  save: ["", savePoints],
  hz: ["10", clamped(smallCount, 1, 500)],
  "dynamic-hz": ["yes", yesNo],
  loglevel: ["notice", choice("debug", "verbose", "notice", "warning")],
  "maxmemory-policy": ["noeviction", policies],
  "maxmemory-samples": ["5", integer(1, int32Max)],
  "maxmemory-eviction-tenacity": ["10", integer(0, 100)],
  "lfu-log-factor": ["10", smallCount],
  "lfu-decay-time": ["1", smallCount],
  "lazyfree-lazy-eviction": ["no", yesNo],
  "lazyfree-lazy-expire": ["no", yesNo],
  "lazyfree-lazy-server-del": ["no", yesNo],
  "lazyfree-lazy-user-del": ["no", yesNo],
  "lazyfree-lazy-user-flush": ["no", yesNo],
  "notify-keyspace-events": ["", events],
  activerehashing: ["yes", yesNo],
  activedefrag: ["no", yesNo],
  "set-max-intset-entries": ["512", count],
  "hash-max-listpack-entries": ["512", count],
  "hash-max-listpack-value": ["64", bytes],
  "zset-max-listpack-entries": ["128", count],
  "zset-max-listpack-value": ["64", bytes],
  "list-max-listpack-size": ["-2", integer(-(2 ** 31), int32Max)],
  "list-compress-depth": ["0", smallCount],
  "stream-node-max-bytes": ["4096", bytes],
  "stream-node-max-entries": ["100", count],
  "hll-sparse-max-bytes": ["3000", bytes],
  "busy-reply-threshold": ["5000", count],
  "stop-writes-on-bgsave-error": ["yes", yesNo],
  rdbcompression: ["yes", yesNo],
  "no-appendfsync-on-rewrite": ["no", yesNo],
  "auto-aof-rewrite-percentage": ["100", smallCount],
  "auto-aof-rewrite-min-size": ["67108864", bytes],
  "replica-read-only": ["yes", yesNo],
  "repl-backlog-size": ["1048576", clamped(memory(1), 16_384, Number.MAX_SAFE_INTEGER)],
  "repl-timeout": ["60", integer(1, int32Max)],
  "min-replicas-to-write": ["0", smallCount],
  "tracking-table-max-keys": ["1000000", count],
};

/** Older names, each for a parameter above. */
export const aliases: Readonly<Record<string, string>> = {
  "hash-max-ziplist-entries": "hash-max-listpack-entries",
  "hash-max-ziplist-value": "hash-max-listpack-value",
  "zset-max-ziplist-entries": "zset-max-listpack-entries",
  "zset-max-ziplist-value": "zset-max-listpack-value",
  "list-max-ziplist-size": "list-max-listpack-size",
  "lua-time-limit": "busy-reply-threshold",
  "slave-read-only": "replica-read-only",
  "min-slaves-to-write": "min-replicas-to-write",
};

const durable = "every write is in the log before it is answered, and no other value is offered";

/** What is the only value here, though Redis has others; and why. */
export const only: Record<string, readonly [value: string, kind: Kind, why: string]> = {
  appendonly: ["yes", yesNo, durable],
  appendfsync: ["always", choice("everysec", "always", "no"), durable],
  "aof-use-rdb-preamble": ["yes", yesNo, "there is no append-only file to choose it for"],
};

/** Redis does not let them be set either, not even to the value that they have. */
export const immutable: Readonly<Record<string, string>> = {
  "cluster-enabled": "no",
  daemonize: "no",
  "io-threads": "1",
  supervised: "no",
  logfile: "",
  pidfile: "",
  "tcp-backlog": "511",
  "cluster-port": "0",
};
