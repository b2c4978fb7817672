/**
 * CONFIG parameters under Redis's names: those that act here, those of the node (asked of the
 * engine), those fixed at the start or for good, and those kept only because tools set them.
 * @module
 */
import type { ServerContext, Settings } from "./context.ts";
import {
  aliases,
  anything,
  choice,
  immutable,
  inert,
  int32Max,
  integer,
  type Kind,
  memory,
  only,
  yesNo,
} from "./parameters.ts";

/** Settings that are known at the start, by Redis's name. */
export interface ServerOptions {
  readonly maxclients?: number;
  /** As many as there are descriptors for: `maxclients` is never more. */
  readonly clientsMax?: number;
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
  readonly kind: Kind;
  /** Called with what the kind took. @returns the error, or null. */
  readonly act?: (text: string) => string | null;
  /** Why it stays as it is. What it is already may be set all the same. */
  readonly fixed?: string;
}

const refused = "can't set immutable config";
const atStart = "it is chosen when the node is started";
const tooManyClients =
  "The operating system is not able to handle the specified number of clients, try with";

class Parameters implements Settings {
  private readonly server: ServerContext;
  private readonly own: Map<string, Parameter>;

  constructor(server: ServerContext, own: Map<string, Parameter>) {
    this.server = server;
    this.own = own;
  }

  get names(): readonly string[] {
    const ofNode = this.server.engine.settings.names.filter((name) => !this.own.has(name));
    return [...this.own.keys(), ...Object.keys(aliases), ...ofNode];
  }

  get(name: string): string | null {
    const { settings } = this.server.engine;
    if (settings.names.includes(name)) return settings.get(name);
    return this.own.get(aliases[name] ?? name)?.value ?? null;
  }

  set(name: string, value: string): string | null {
    const { settings } = this.server.engine;
    if (settings.names.includes(name)) return settings.set(name, value);
    const parameter = this.own.get(aliases[name] ?? name) as Parameter;
    if (parameter.fixed === refused) return refused;
    const taken = parameter.kind(value);
    if ("error" in taken) return taken.error;
    const { text } = taken;
    if (parameter.fixed !== undefined) return text === parameter.value ? null : parameter.fixed;
    const error = parameter.act?.(text) ?? null;
    if (error === null) parameter.value = this.shown(name, text);
    return error;
  }

  /** Of the password only the digest is kept, and that is not shown here. */
  private shown(name: string, value: string): string {
    if (name === "client-output-buffer-limit") return this.server.outputLimits.text;
    return name === "requirepass" && value !== "" ? "(hidden)" : value;
  }
}

type Acting = [name: string, value: string, kind: Kind, act?: (text: string) => string | null];

/** The parameters that act here. */
function acting(server: ServerContext, options: ServerOptions): Acting[] {
  const done = (act: (text: string) => void) => (text: string) => {
    act(text);
    return null;
  };
  const digestOf = (text: string, encoding: BufferEncoding): Buffer | null =>
    text === "" ? null : server.host.sha256(Buffer.from(text, encoding));
  // What clients send is bytes, a character each; what was given at the start is text.
  const password = done((text) => {
    server.passwordDigest = digestOf(text, "latin1");
  });
  const limit = (key: "bulkBytesMax" | "queryBytesMax") =>
    done((text) => {
      server.limits[key] = Number(text);
    });
  const timing = (key: "slowUsec" | "thresholdMs") =>
    done((text) => {
      server.latency[key] = Number(text);
      server.tuned();
    });
  const tracking = done((text) => {
    server.latency.tracking = text === "yes";
    server.tuned();
  });
  const outputLimit = (text: string): string | null => server.outputLimits.set(text);
  const bytes = memory(1 << 20, 2 ** 53 - 1);
  const { bulkBytesMax, queryBytesMax } = server.limits;
  server.passwordDigest = digestOf(options.requirepass ?? "", "utf8");
  const clientsMax = options.clientsMax ?? Number.POSITIVE_INFINITY;
  const clients = (text: string): string | null =>
    Number(text) <= clientsMax ? null : `${tooManyClients} ${clientsMax}`;
  const maxclients = Math.min(options.maxclients ?? 10_000, clientsMax);
  return [
    ["maxclients", String(maxclients), integer(1, 1_000_000), clients],
    ["timeout", String(options.timeout ?? 0), integer(0, int32Max)],
    ["protected-mode", options["protected-mode"] ?? "yes", yesNo],
    ["tcp-keepalive", String(options["tcp-keepalive"] ?? 300), integer(0, int32Max)],
    ["requirepass", (options.requirepass ?? "") === "" ? "" : "(hidden)", anything, password],
    ["proto-max-bulk-len", String(bulkBytesMax), bytes, limit("bulkBytesMax")],
    ["client-query-buffer-limit", String(queryBytesMax), bytes, limit("queryBytesMax")],
    ["slowlog-log-slower-than", "10000", integer(-1, 2 ** 53 - 1), timing("slowUsec")],
    ["slowlog-max-len", "128", integer(0, 1_000_000)],
    ["latency-monitor-threshold", "0", integer(0, 2 ** 53 - 1), timing("thresholdMs")],
    ["latency-tracking", "no", yesNo, tracking],
    ["client-output-buffer-limit", server.outputLimits.text, anything, outputLimit],
    ["maxmemory", "0", memory(0)],
  ];
}

type Started = [name: string, value: string | number, kind: Kind, fixed: string];

/** What is chosen when the node is started. */
function started(options: ServerOptions, databaseCount: number): Started[] {
  const port = integer(0, 65_535);
  return [
    ["databases", databaseCount, anything, refused],
    ["enable-debug-command", options["enable-debug-command"] ?? "local", anything, refused],
    ["unixsocket", options.unixsocket ?? "", anything, refused],
    ["port", options.port ?? 0, port, atStart],
    ["bind", options.bind ?? "127.0.0.1", anything, atStart],
    ["tls-port", options["tls-port"] ?? 0, port, atStart],
    ["tls-cert-file", options["tls-cert-file"] ?? "", anything, atStart],
    ["tls-key-file", options["tls-key-file"] ?? "", anything, atStart],
    ["tls-ca-cert-file", options["tls-ca-cert-file"] ?? "", anything, atStart],
    [
      "tls-auth-clients",
      options["tls-auth-clients"] ?? "yes",
      choice("no", "yes", "optional"),
      atStart,
    ],
    ["dir", options.dir ?? "", anything, "can't set protected config"],
  ];
}

export function makeSettings(server: ServerContext, options: ServerOptions): Settings {
  const own = new Map<string, Parameter>();
  for (const [name, value] of Object.entries(immutable))
    own.set(name, { value, kind: anything, fixed: refused });
  for (const [name, [value, kind, fixed]] of Object.entries(only))
    own.set(name, { value, kind, fixed });
  for (const [name, [value, kind]] of Object.entries(inert)) own.set(name, { value, kind });
  for (const [name, value, kind, act] of acting(server, options))
    own.set(name, { value, kind, ...(act === undefined ? {} : { act }) });
  for (const [name, value, kind, fixed] of started(options, server.engine.databaseCount))
    own.set(name, { value: String(value), kind, fixed });
  return new Parameters(server, own);
}
