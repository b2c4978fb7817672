/**
 * DEBUG POPULATE count [prefix] [size]. O(count). +OK once the keys prefix:0, prefix:1 … hold
 * value:0, value:1 …, filled up with zeros or cut to `size` bytes; keys that are there already stay
 * as they are. They are written as SETNX would write them: through the log, durable, on every node.
 * @module
 */
import { Args } from "../../../commands/args.ts";
import type { CommandSpec } from "../../../commands/command.ts";
import { checkStringLength } from "../../../commands/limits.ts";
import { setnx } from "../../../commands/strings/setnx.ts";
import { CommandError } from "../../../keyspace/errors.ts";
import type { Reply } from "../../../resp/reply.ts";
import { ReplyError, ValueReply } from "../../../resp/values.ts";
import type { Call, Peer } from "../../context.ts";
import type { Client, Engine } from "../../port.ts";
import type { DebugSubcommand } from "./subcommand.ts";

const outOfRange = "ERR value is out of range, must be positive";
/** What is submitted before it is waited for: so much is in memory besides what is written. */
const keysAtOnceMax = 512;
const bytesAtOnceMax = 1 << 20;

/** The engine's client of these writes. What took long is put down to the connection that asked. */
class Writer implements Client {
  readonly reply: Reply;
  readonly closed = false;
  readonly oneByOne = false;
  readonly session: Peer["session"];
  readonly address: string;
  private readonly engine: Engine;
  private readonly db: number;
  private readonly values = new ValueReply();
  private inFlight = 0;
  private done: () => void = () => {};

  constructor(engine: Engine, peer: Peer) {
    this.engine = engine;
    this.reply = this.values;
    this.session = peer.session;
    this.address = peer.address;
    this.db = peer.session.db;
  }

  settled(count: number): void {
    this.inFlight -= count;
    if (this.inFlight === 0) this.done();
  }

  readReady(): void {}

  /** Resolves once all are durable. @throws CommandError with the first error among the replies. */
  async write(pairs: readonly Args[]): Promise<void> {
    const settled = new Promise<void>((resolve) => {
      this.done = resolve;
    });
    this.inFlight = pairs.length;
    for (const pair of pairs) this.engine.write(this, setnx as CommandSpec, this.db, pair);
    await settled;
    while (this.values.complete > 0) {
      const value = this.values.take();
      if (value instanceof ReplyError) throw new CommandError(value.message);
    }
  }
}

function filled(n: number, size: number): Buffer {
  const text = Buffer.from(`value:${n}`);
  if (size === 0) return text;
  const value = Buffer.alloc(size);
  text.copy(value);
  return value;
}

async function run({ server, peer, args, reply }: Call): Promise<void> {
  const count = args.integer(0, outOfRange, 0);
  const prefix = args.count > 1 ? Buffer.from(args.bytes(1)) : Buffer.from("key");
  const size = args.count > 2 ? args.integer(2, outOfRange, 0) : 0;
  checkStringLength(0, size);
  const pairBytes = prefix.length + size + 64;
  const atOnce = Math.max(1, Math.min(keysAtOnceMax, Math.floor(bytesAtOnceMax / pairBytes)));
  const writer = new Writer(server.engine, peer);
  for (let from = 0; from < count && server.peers.has(peer.id); from += atOnce) {
    const pairs: Args[] = [];
    for (let n = from; n < Math.min(from + atOnce, count); n++)
      pairs.push(Args.of(Buffer.concat([prefix, Buffer.from(`:${n}`)]), filled(n, size)));
    await writer.write(pairs);
  }
  reply.ok();
}

export const populate: DebugSubcommand = {
  name: "populate",
  usage: "<count> [<prefix>] [<size>]",
  summary: "Create <count> string keys named key:<num>, or <prefix>:<num>",
  argumentsMin: 1,
  argumentsMax: 3,
  later: true,
  run,
};
