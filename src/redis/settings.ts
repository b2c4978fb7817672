/**
 * CONFIG parameters under Redis's names. Four kinds: those that act here, those of the node
 * (asked of the engine), those fixed at the start, and those kept only because tools set them.
 * @module
 */
import type { ServerContext, Settings } from "./context.ts";
import { parseMemory } from "./memorysize.ts";

/** Settings that are known at the start, by Redis's name. */
export interface ServerOptions {
  readonly maxclients?: number;
  readonly timeout?: number;
  readonly requirepass?: string;
  /** Without a password only the loopback and the unix socket are served. Default yes. */
  readonly "protected-mode"?: "yes" | "no";
  readonly "tcp-keepalive"?: number;
  readonly "enable-debug-command"?: "yes" | "no" | "local";
  readonly port?: number;
  readonly bind?: string;
  readonly unixsocket?: string;
  readonly "tls-port"?: number;
  readonly "tls-cert-file"?: string;
  readonly "tls-key-file"?: string;
  readonly "tls-ca-cert-file"?: string;
  readonly "tls-auth-clients"?: "yes" | "no" | "optional";
  readonly dir?: string;
}

interface Parameter {
  value: string;
  /** Null: it cannot be set. @returns the error, or null. */
  readonly accept: ((value: string) => string | null) | null;
}

const int32Max = 2 ** 31 - 1;

function integer(min: number, max: number): (value: string) => string | null {
  return (value) => {
    if (!/^-?\d{1,16}$/.test(value)) return "argument couldn't be parsed into an integer";
    const number = Number(value);
    if (number >= min && number <= max) return null;
    return `argument must be between ${min} and ${max} inclusive`;
  };
}

function choice(...words: string[]): (value: string) => string | null {
  return (value) => {
    if (words.includes(value.toLowerCase())) return null;
    if (words.join() === "yes,no") return "argument must be 'yes' or 'no'";
    return `argument(s) must be one of the following: ${words.join(", ")}`;
  };
}

const memoryNames = new Set(["maxmemory", "proto-max-bulk-len", "client-query-buffer-limit"]);
const notMemory = "argument must be a memory value";
const anything = () => null;

/** Bounds that Redis users read; fixed here. */
const fixed: Record<string, string> = {
  "cluster-enabled": "no",
  daemonize: "no",
  appendonly: "yes",
  appendfsync: "always",
  "io-threads": "1",
  supervised: "no",
  logfile: "",
  pidfile: "",
  "tcp-backlog": "511",
  "cluster-port": "0",
  "aof-use-rdb-preamble": "yes",
};

/** Kept as they were set; they change nothing here. */
const inert: Record<string, string> = {
  save: "",
  hz: "10",
  "dynamic-hz": "yes",
  loglevel: "notice",
  "maxmemory-samples": "5",
  "lazyfree-lazy-eviction": "no",
  "lazyfree-lazy-expire": "no",
  "lazyfree-lazy-server-del": "no",
  "lazyfree-lazy-user-del": "no",
  "lazyfree-lazy-user-flush": "no",
  "notify-keyspace-events": "",
  activerehashing: "yes",
  activedefrag: "no",
  "set-max-intset-entries": "512",
  "hash-max-listpack-entries": "512",
  "hash-max-listpack-value": "64",
  "hash-max-ziplist-entries": "512",
  "hash-max-ziplist-value": "64",
  "zset-max-listpack-entries": "128",
  "zset-max-listpack-value": "64",
  "zset-max-ziplist-entries": "128",
  "zset-max-ziplist-value": "64",
  "list-max-listpack-size": "-2",
  "list-max-ziplist-size": "-2",
  "list-compress-depth": "0",
  "stream-node-max-bytes": "4096",
  "stream-node-max-entries": "100",
  "hll-sparse-max-bytes": "3000",
  "lua-time-limit": "5000",
  "busy-reply-threshold": "5000",
  "replica-read-only": "yes",
  "repl-backlog-size": "1048576",
  "min-replicas-to-write": "0",
  "close-on-oom": "yes",
  "tracking-table-max-keys": "1000000",
};

class Parameters implements Settings {
  private readonly server: ServerContext;
  private readonly own: Map<string, Parameter>;

  constructor(server: ServerContext, own: Map<string, Parameter>) {
    this.server = server;
    this.own = own;
  }

  get names(): readonly string[] {
    const ofNode = this.server.engine.settings.names.filter((name) => !this.own.has(name));
    return [...this.own.keys(), ...ofNode];
  }

  get(name: string): string | null {
    const { settings } = this.server.engine;
    if (settings.names.includes(name)) return settings.get(name);
    return this.own.get(name)?.value ?? null;
  }

  set(name: string, value: string): string | null {
    const { settings } = this.server.engine;
    if (settings.names.includes(name)) return settings.set(name, value);
    const parameter = this.own.get(name) as Parameter;
    if (parameter.accept === null) return "can't set immutable config";
    const error = parameter.accept(value);
    const bytes = memoryNames.has(name) ? parseMemory(value) : null;
    const shown = this.shown(name, value);
    if (error === null) parameter.value = bytes === null ? shown : String(bytes);
    return error;
  }

  /** Of the password only the digest is kept, and that is not shown here. */
  private shown(name: string, value: string): string {
    if (name === "client-output-buffer-limit") return this.server.outputLimits.text;
    return name === "requirepass" && value !== "" ? "(hidden)" : value;
  }
}

type Acting = [name: string, value: string, accept: (value: string) => string | null];

/** The parameters that act here. */
function acting(server: ServerContext, options: ServerOptions): Acting[] {
  const password = (value: string): null => {
    const bytes = Buffer.from(value, "latin1");
    server.passwordDigest = value === "" ? null : server.host.sha256(bytes);
    return null;
  };
  const memory = (key: "bulkBytesMax" | "queryBytesMax", min: number) => (value: string) => {
    const bytes = parseMemory(value);
    if (bytes === null) return notMemory;
    if (bytes < min) return `argument must be between ${min} and ${2 ** 53 - 1} inclusive`;
    server.limits[key] = bytes;
    return null;
  };
  const timing =
    (key: "slowUsec" | "thresholdMs", check: (value: string) => string | null) =>
    (value: string) => {
      const error = check(value);
      if (error !== null) return error;
      server.latency[key] = Number(value);
      server.tuned();
      return null;
    };
  const tracking = (value: string) => {
    const error = choice("yes", "no")(value);
    if (error !== null) return error;
    server.latency.tracking = value.toLowerCase() === "yes";
    server.tuned();
    return null;
  };
  password(options.requirepass ?? "");
  return [
    ["maxclients", String(options.maxclients ?? 10_000), integer(1, 1_000_000)],
    ["timeout", String(options.timeout ?? 0), integer(0, int32Max)],
    ["protected-mode", options["protected-mode"] ?? "yes", choice("yes", "no")],
    ["tcp-keepalive", String(options["tcp-keepalive"] ?? 300), integer(0, int32Max)],
    ["requirepass", (options.requirepass ?? "") === "" ? "" : "(hidden)", password],
    ["proto-max-bulk-len", String(server.limits.bulkBytesMax), memory("bulkBytesMax", 1 << 20)],
    [
      "client-query-buffer-limit",
      String(server.limits.queryBytesMax),
      memory("queryBytesMax", 1 << 20),
    ],
    ["slowlog-log-slower-than", "10000", timing("slowUsec", integer(-1, 2 ** 53 - 1))],
    ["slowlog-max-len", "128", integer(0, 1_000_000)],
    ["latency-monitor-threshold", "0", timing("thresholdMs", integer(0, 2 ** 53 - 1))],
    ["latency-tracking", "no", tracking],
    [
      "client-output-buffer-limit",
      server.outputLimits.text,
      (value) => server.outputLimits.set(value),
    ],
    ["maxmemory", "0", (value) => (parseMemory(value) === null ? notMemory : null)],
    [
      "maxmemory-policy",
      "noeviction",
      choice("noeviction", "allkeys-lru", "volatile-lru", "allkeys-lfu", "volatile-lfu"),
    ],
  ];
}

export function makeSettings(server: ServerContext, options: ServerOptions): Settings {
  const own = new Map<string, Parameter>();
  for (const [name, value] of Object.entries(fixed)) own.set(name, { value, accept: null });
  for (const [name, value] of Object.entries(inert)) own.set(name, { value, accept: anything });
  for (const [name, value, accept] of acting(server, options)) own.set(name, { value, accept });
  own.set("databases", { value: String(server.engine.databaseCount), accept: null });
  const started = {
    "enable-debug-command": options["enable-debug-command"] ?? "local",
    port: options.port ?? 0,
    bind: options.bind ?? "127.0.0.1",
    unixsocket: options.unixsocket ?? "",
    "tls-port": options["tls-port"] ?? 0,
    "tls-cert-file": options["tls-cert-file"] ?? "",
    "tls-key-file": options["tls-key-file"] ?? "",
    "tls-ca-cert-file": options["tls-ca-cert-file"] ?? "",
    "tls-auth-clients": options["tls-auth-clients"] ?? "yes",
    dir: options.dir ?? "",
  };
  for (const [name, value] of Object.entries(started))
    own.set(name, { value: String(value), accept: null });
  return new Parameters(server, own);
}
