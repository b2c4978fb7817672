/**
 * Strongroom as a library: the same node in the caller's process, without a socket. What `execute`
 * resolves with is durable; an error reply of a command is thrown.
 *
 * ```ts
 * const db = await open({ dataDir: "rooms", kek: "file:/secure/strongroom.key" });
 * await db.execute("SET", "greeting", "hello");
 * await db.execute("GET", "greeting"); // "hello"
 * await db.close();
 * ```
 * @module
 */
import { type ErrorCode, errorTable, StrongroomError } from "./base/errors.ts";
import { Queue } from "./base/queue.ts";
import { Args } from "./commands/args.ts";
import type { CommandSpec } from "./commands/command.ts";
import { commandNamed } from "./commands/table.ts";
import { CommandError } from "./keyspace/errors.ts";
import type { NodeOptions, NodeStatus, RotateResult } from "./node/api.ts";
import { openNode, type StrongroomNode } from "./node/open.ts";
import type { Client, QueuedCommand } from "./node/port.ts";
import { type Value as RawValue, ReplyError, ValueReply } from "./resp/values.ts";

export type { ErrorCode } from "./base/errors.ts";
export type { KeyStatus, NodeStatus, RotateResult } from "./node/api.ts";
export { ReplyError, StrongroomError };

/** Settings, with the defaults of the command line. Sizes are bytes. */
export interface OpenOptions extends Partial<Omit<NodeOptions, "dataDir" | "keks">> {
  /** Directory of everything the node writes. One process holds it at a time. */
  readonly dataDir: string;
  /** `file:PATH` or `env:NAME`; any one of several opens the data. */
  readonly kek?: string | readonly string[];
}

/** Text is sent as UTF-8, numbers in decimal, bytes as they are. */
export type Argument = string | number | bigint | Uint8Array;

/** A reply with bulk strings as UTF-8 text. Errors inside of EXEC's array are values. */
export type Reply =
  | string
  | number
  | bigint
  | boolean
  | null
  | ReplyError
  | Reply[]
  | Map<Reply, Reply>
  | Set<Reply>;

/** A reply with bulk strings as bytes. */
export type BytesReply = RawValue;

type Text = string | null;
type Done = "OK";

/** What the usual commands resolve with; all others with `Reply`. */
export interface Replies {
  APPEND: number;
  BITCOUNT: number;
  COPY: number;
  DBSIZE: number;
  /** A bigint where a number would be rounded. */
  DECR: number | bigint;
  DECRBY: number | bigint;
  DEL: number;
  EXISTS: number;
  EXPIRE: number;
  FLUSHALL: Done;
  FLUSHDB: Done;
  GET: Text;
  GETDEL: Text;
  GETEX: Text;
  GETRANGE: string;
  INCR: number | bigint;
  INCRBY: number | bigint;
  INCRBYFLOAT: string;
  KEYS: string[];
  MGET: Text[];
  MSET: Done;
  MSETNX: number;
  PERSIST: number;
  PEXPIRE: number;
  PTTL: number;
  RANDOMKEY: Text;
  RENAME: Done;
  SCAN: [cursor: string, keys: string[]];
  SET: Text;
  SETEX: Done;
  SETNX: number;
  SETRANGE: number;
  STRLEN: number;
  TTL: number;
  TYPE: string;
  UNLINK: number;
}

export type ReplyOf<Name extends string> =
  Uppercase<Name> extends keyof Replies ? Replies[Uppercase<Name>] : Reply;

const defaults = {
  encryption: "on",
  cacheBytes: 256 * 2 ** 20,
  compress: false,
  valueBytesMax: 512 * 2 ** 20,
} as const;

const databaseMax = 15;

function bytesOf(argument: Argument): Buffer {
  if (typeof argument === "string") return Buffer.from(argument, "utf8");
  if (argument instanceof Uint8Array)
    return Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
  if (typeof argument === "number" || typeof argument === "bigint")
    return Buffer.from(String(argument), "latin1");
  throw new TypeError("an argument must be a string, a number or bytes");
}

/** Bulk strings become text. */
function textOf(value: RawValue): Reply {
  if (Buffer.isBuffer(value)) return value.toString("utf8");
  if (Array.isArray(value)) return value.map(textOf);
  if (value instanceof Set) return new Set([...value].map(textOf));
  if (value instanceof Map)
    return new Map([...value].map(([key, one]) => [textOf(key), textOf(one)]));
  return value;
}

interface Call {
  readonly db: number;
  readonly args: Args;
  /** Null: a transaction. */
  readonly spec: CommandSpec | null;
  readonly queued: readonly QueuedCommand[];
  resolve(value: RawValue): void;
  reject(error: Error): void;
}

function isWrite({ spec }: { readonly spec: CommandSpec | null }): boolean {
  return spec?.flags.includes("write") === true;
}

/** Our own refusals arrive as `ERR [CODE] detail`; here they are errors of their own kind. */
function errorOf(reply: ReplyError): Error {
  const match = /^(?:ERR|EXECABORT .*?:) \[([A-Z_]+)\] (.*)$/s.exec(reply.message);
  if (match === null || !Object.hasOwn(errorTable, match[1] as string)) return reply;
  return new StrongroomError(match[1] as ErrorCode, match[2]);
}

/**
 * The one client of an embedded node. Calls are performed in their order: writes follow each other
 * without waiting, a read waits for the writes before it.
 */
class Session implements Client {
  readonly reply = new ValueReply();
  closed = false;
  private readonly node: StrongroomNode;
  private readonly waiting = new Queue<Call>();
  private readonly inFlight = new Queue<Call>();

  constructor(node: StrongroomNode) {
    this.node = node;
    node.engine.onReady = () => this.pump();
  }

  call(db: number, words: readonly Argument[]): Promise<RawValue> {
    const { spec, args } = prepared(words);
    return this.enqueue({ db, args, spec, queued: [] });
  }

  transaction(db: number, commands: readonly (readonly Argument[])[]): Promise<RawValue> {
    const queued = commands.map((words) => ({ ...prepared(words), db, local: null }));
    return this.enqueue({ db, args: Args.of(), spec: null, queued });
  }

  private enqueue(call: Omit<Call, "resolve" | "reject">): Promise<RawValue> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ ...call, resolve, reject });
      this.pump();
    });
  }

  private pump(): void {
    for (let next = this.waiting.first; next !== undefined; next = this.waiting.first) {
      const changes = next.spec === null ? next.queued.some(isWrite) : isWrite(next);
      if (this.closed) next.reject(new StrongroomError("NODE_STOPPING"));
      else if (changes ? this.node.engine.busy : this.inFlight.length > 0) return;
      this.waiting.shift();
      // The engine settles every transaction, one that only reads at once.
      if (!this.closed) this.perform(next, changes || next.spec === null);
    }
  }

  private perform(call: Call, settles: boolean): void {
    const { engine } = this.node;
    const { spec, db, args } = call;
    try {
      if (settles) this.inFlight.push(call);
      if (spec === null) engine.exec(this, call.queued, []);
      else if (settles) engine.write(this, spec, db, args);
      else engine.read(spec, db, args, this.reply);
      if (!settles) this.answer(call);
    } catch (error) {
      if (settles) this.inFlight.pop();
      const replied = error instanceof CommandError ? new ReplyError(error.message) : null;
      call.reject(replied === null ? (error as Error) : errorOf(replied));
    }
  }

  private answer(call: Call): void {
    const value = this.reply.take();
    if (value instanceof ReplyError) call.reject(errorOf(value));
    else call.resolve(value);
  }

  /** Its reply holds one at a time. */
  readonly oneByOne = true;

  settled(): void {
    this.answer(this.inFlight.shift() as Call);
    this.pump();
  }

  readReady(): void {
    this.pump();
  }

  close(): void {
    this.closed = true;
    this.pump();
  }
}

/** @throws ReplyError for a name that is no data command, or a wrong number of arguments. */
function prepared(words: readonly Argument[]): { spec: CommandSpec; args: Args } {
  const [name = "", ...rest] = words;
  const spec = commandNamed(bytesOf(name).toString("latin1"));
  if (spec === undefined)
    throw new ReplyError("ERR unknown command: the library has data commands");
  const { arity } = spec;
  const count = rest.length + 1;
  if (arity >= 0 ? count !== arity : count < -arity)
    throw new ReplyError(`ERR wrong number of arguments for '${spec.name}' command`);
  return { spec, args: Args.from(rest.map(bytesOf)) };
}

/** Commands on one of the 16 databases. */
export class Database {
  readonly #session: Session;
  readonly #db: number;

  /** Use `open` and `select`. */
  constructor(session: Session, db: number) {
    this.#session = session;
    this.#db = db;
  }

  /**
   * Runs a data command. Commands take effect in the order of the calls. With tens of thousands of
   * arguments, which no call of a function takes, use `transaction`, whose commands are arrays.
   * @throws ReplyError for an error reply; StrongroomError for a refusal of the node.
   */
  async execute<Name extends string>(name: Name, ...args: Argument[]): Promise<ReplyOf<Name>> {
    return textOf(await this.#session.call(this.#db, [name, ...args])) as ReplyOf<Name>;
  }

  /** As `execute`, with bulk strings as bytes. */
  async executeBytes(name: string, ...args: Argument[]): Promise<BytesReply> {
    return this.#session.call(this.#db, [name, ...args]);
  }

  /**
   * Runs commands as one transaction (MULTI … EXEC): all of them, and nothing between them. A
   * command that fails has a ReplyError in its place; the others take effect, as in Redis.
   */
  async transaction(commands: readonly (readonly [string, ...Argument[]])[]): Promise<Reply[]> {
    return textOf(await this.#session.transaction(this.#db, commands)) as Reply[];
  }
}

/** An open node. Database 0, unless another is selected. */
export class Strongroom extends Database {
  readonly #node: StrongroomNode;
  readonly #session: Session;
  #closing: Promise<void> | null = null;

  /** Use `open`. */
  constructor(node: StrongroomNode, session: Session) {
    super(session, 0);
    this.#node = node;
    this.#session = session;
  }

  /** @param db - 0..15 @throws RangeError */
  select(db: number): Database {
    if (!Number.isInteger(db) || db < 0 || db > databaseMax)
      throw new RangeError(`a database is an integer from 0 to ${databaseMax}`);
    return new Database(this.#session, db);
  }

  status(): NodeStatus {
    return this.#node.status();
  }

  /** Adds a data key and makes it the active one. */
  rotate(purpose: "storage" | "log"): Promise<RotateResult> {
    return this.#node.rotate(purpose);
  }

  /** Flushes and closes. What was acknowledged is durable without it too. */
  close(): Promise<void> {
    this.#session.close();
    this.#closing ??= this.#node.close();
    return this.#closing;
  }
}

/**
 * Opens a data directory, making it if it is new.
 * @throws StrongroomError with the code of what refuses it; nothing was changed then.
 */
export async function open(options: OpenOptions): Promise<Strongroom> {
  const { kek = [], ...rest } = options;
  const keks = typeof kek === "string" ? [kek] : [...kek];
  const node = await openNode({ ...defaults, ...rest, keks });
  return new Strongroom(node, new Session(node));
}
