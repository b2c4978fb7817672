/**
 * Performs the commands of one connection: finds them, checks them, and gives them to the engine
 * or runs them, so that every reply has its place. Hazard it guards: arguments are views into a
 * buffer that is reused; whatever waits holds a copy.
 *
 * Writes go to the engine at once and are counted. What comes behind a write in flight waits in
 * `order` with the count at which it is its turn; a command that depends on everything before it
 * (`in-order`) halts the parser until nothing is in flight.
 * @module
 */
import { Args } from "../commands/args.ts";
import { arityFits, arityText } from "../commands/failures.ts";
import { RespParser } from "../resp/parser.ts";
import type { BufferPool } from "../resp/pool.ts";
import type { Reply } from "../resp/reply.ts";
import { type OutputGuard, RespWriter } from "../resp/writer.ts";
import type { Peer, Session, TableEntry, Transaction } from "./context.ts";
import { copyArgs } from "./copyargs.ts";
import { ReplyOrder } from "./order.ts";
import { type Halt, halts, type Owner, type Waiter } from "./owner.ts";
import type { Client, WatchToken } from "./port.ts";
import { RecordedReply } from "./recorded.ts";
import { isHeldAsWrite, isQueued, refusal, unknownCommand, unknownSubcommand } from "./refusals.ts";
import { newSession, subscriptions } from "./session.ts";

const { running, order, engineBusy, promised, paused, barrier } = halts;

/** Replies that may wait behind writes in flight. */
const deferredMax = 1024;

interface Waiting {
  readonly entry: TableEntry;
  readonly args: Args;
  /** MONITOR has shown it. */
  readonly shown: boolean;
}

export abstract class Dispatcher implements Client, Peer, Waiter, OutputGuard {
  readonly id: number;
  readonly writer: RespWriter;
  readonly sinceMs: number;
  activeMs: number;
  lastCommand = "NULL";
  closed = false;
  session: Session;

  abstract readonly address: string;
  abstract readonly localAddress: string;
  abstract readonly unix: boolean;
  abstract readonly fd: number;
  abstract readonly figures: Peer["figures"];
  abstract turn(): void;
  abstract flush(): void;
  abstract resume(from: Halt): void;
  abstract readonly oneByOne: boolean;
  abstract settled(count: number): void;
  abstract wake(): void;
  abstract closeAfterReplies(): void;
  abstract kill(): void;
  abstract overflows(bytes: number): boolean;

  protected readonly server: Owner;
  protected readonly parser: RespParser;
  protected readonly order = new ReplyOrder();
  protected halt: Halt = running;
  /** The command that halted the parser. */
  protected waiting: Waiting | null = null;
  /** The barrier of the waiting read, or its promise, is done. */
  protected passed = false;
  private readonly args = new Args();
  /** Commands need more than the usual checks. */
  protected guarded = false;
  /** CLIENT REPLY SKIP: the command being performed has no reply. */
  private skipping = false;

  constructor(server: Owner, id: number, pool: BufferPool) {
    this.server = server;
    this.id = id;
    this.writer = new RespWriter(pool, this);
    this.parser = new RespParser(server.limits);
    this.session = newSession(server.passwordDigest === null);
    this.sinceMs = this.activeMs = server.nowMs;
    this.refresh();
  }

  get reply(): Reply {
    return this.writer;
  }
  get out(): Reply {
    return this.writer;
  }
  get protocol(): 2 | 3 {
    return this.writer.resp3 ? 3 : 2;
  }
  set protocol(protocol: 2 | 3) {
    this.writer.resp3 = protocol === 3;
  }

  protected get idle(): boolean {
    return this.order.idle;
  }

  submitExec(transaction: Transaction, watches: WatchToken[]): void {
    this.order.issued++;
    try {
      this.server.engine.exec(this, transaction.commands, watches);
    } catch (error) {
      // Nothing was submitted, so nothing is to come.
      this.order.issued--;
      throw error;
    }
    if (transaction.local) this.awaitOrder();
    this.heedBusy();
  }

  /** After something was submitted: halts while the engine has enough to do. */
  private heedBusy(): void {
    if (!this.server.engine.busy || this.halt !== running) return;
    this.halt = engineBusy;
    this.server.awaitEngine(this);
  }

  /** Halts until nothing is in flight. */
  protected awaitOrder(): void {
    if (!this.idle && this.halt === running) this.halt = order;
  }

  readReady(): void {
    this.passed = true;
    this.server.soon(this);
  }

  mute(muted: boolean): void {
    this.writer.muted = muted;
  }

  refresh(): void {
    const { session } = this;
    this.parser.authenticated = session.authenticated;
    this.guarded =
      !session.authenticated ||
      session.transaction !== null ||
      session.replies !== "on" ||
      subscriptions(session) > 0;
  }

  /** The command that the parser stands at. */
  protected perform(): void {
    const { parser, server, args } = this;
    server.figures.commands++;
    args.buffer = parser.buffer;
    args.starts = parser.starts;
    args.ends = parser.ends;
    args.first = 1;
    args.count = parser.argc - 1;
    const entry = server.table.find(parser.buffer, parser.starts[0], parser.ends[0]);
    if (entry === null) {
      this.unknown();
      return;
    }
    const { arity } = entry;
    if (!arityFits(arity, parser.argc - 1)) {
      this.refuse(entry, arityText(entry.name));
      return;
    }
    if (this.guarded || server.watchful || entry.server !== null) this.guard(entry, args);
    else this.performData(entry, args, this.session.db);
  }

  private unknown(): void {
    const { parser, session } = this;
    const end = Math.min(parser.ends[0], parser.starts[0] + 32);
    const name = parser.buffer.toString("latin1", parser.starts[0], end).toLowerCase();
    // A browser that was made to speak to us by somebody else (cross-protocol scripting).
    if (name === "post" || name === "host:") {
      this.kill();
      return;
    }
    if (session.transaction !== null) session.transaction.aborted = true;
    this.refuse(null, unknownCommand(parser.buffer, parser.starts, parser.ends, parser.argc));
  }

  /** A command with all the checks; `args` begin after its name. */
  protected guard(entry: TableEntry, args: Args, shown = false): void {
    const { server, session } = this;
    const found = this.subcommand(entry, args);
    if (found === null) return;
    const text = refusal(server, this, found);
    if (text !== null) {
      this.refuse(found, text);
      return;
    }
    if (this.held(found, args)) return;
    this.lastCommand = found.name;
    if (server.monitors.size > 0 && !shown) server.feedMonitors(this, found, args);
    // A line too many for a monitor that is this connection.
    if (this.closed) return;
    if (session.replies === "skip" && !this.beginSkip(found, args)) return;
    const { transaction } = session;
    if (transaction !== null && isQueued(found)) this.queue(transaction, found, args);
    else if (found.spec !== null) this.performData(found, args, session.db);
    else this.performServer(found, args);
    if (this.skipping) this.endSkip();
  }

  /** The entry of the subcommand, with `args` moved past its name; null: it was refused. */
  private subcommand(entry: TableEntry, args: Args): TableEntry | null {
    if (entry.subcommands === null || args.count === 0) return entry;
    const name = args.length(0) > 32 ? "" : args.text(0).toLowerCase();
    const found = entry.subcommands.get(name);
    if (found === undefined) {
      this.refuse(entry, unknownSubcommand(entry.name, args));
      return null;
    }
    const argc = args.count + 1;
    if (!arityFits(found.arity, argc - 1)) {
      this.refuse(found, arityText(found.name));
      return null;
    }
    args.first++;
    args.count--;
    return found;
  }

  /** CLIENT PAUSE: true if the command waits for its end. */
  private held(entry: TableEntry, args: Args): boolean {
    const { server, session } = this;
    if (session.monitor || !server.isPaused(isHeldAsWrite(session, entry))) return false;
    this.waitWith(paused, entry, args);
    server.awaitPause(this);
    return true;
  }

  private waitWith(halt: Halt, entry: TableEntry, args: Args): void {
    // A subcommand is looked up again by its container's row.
    const back = entry.name.includes("|") ? 1 : 0;
    const whole = copyArgs(args, back);
    const container = this.server.table.byName(entry.name.split("|")[0]);
    const found = back === 1 && container !== null ? container : entry;
    this.waiting = { entry: found, args: whole, shown: halt !== paused };
    this.halt = halt;
  }

  private performData(entry: TableEntry, args: Args, db: number): void {
    entry.figures.calls++;
    if (entry.isWrite) this.submit(entry, args, db);
    else if (!this.passed && !this.server.engine.mayRead(this, this.session.localReads)) {
      entry.figures.calls--;
      this.waitWith(barrier, entry, args);
    } else if (this.idle) this.read(entry, args, db);
    else {
      this.order.deferRead(entry, copyArgs(args), db);
      this.boundDeferred();
    }
  }

  private submit(entry: TableEntry, args: Args, db: number): void {
    const { engine } = this.server;
    this.order.issued++;
    try {
      engine.write(this, entry.spec!, db, args);
    } catch (error) {
      this.order.issued--;
      this.fail(entry, this.server.errorText(error));
    }
    this.heedBusy();
  }

  private read(entry: TableEntry, args: Args, db: number): void {
    const { server } = this;
    this.passed = false;
    const begin = entry.timed || server.closely ? server.host.clock.monotonicMs() : 0;
    try {
      server.engine.read(entry.spec!, db, args, this.writer);
    } catch (error) {
      const text = server.errorText(error);
      server.countError(entry, text);
      this.writer.error(text);
    }
    if (begin !== 0) server.timed(this, entry, args, begin);
  }

  private boundDeferred(): void {
    if (this.order.waiting >= deferredMax) this.awaitOrder();
  }

  /** Answers what has its turn now. */
  protected answerDue(): void {
    for (let item = this.order.due(); item !== null; item = this.order.due()) {
      if (item.recorded !== null) item.recorded.replay(this.writer);
      else this.read(item.entry!, item.args!, item.db);
    }
  }

  /** An error reply in its turn. Inside MULTI it spoils the transaction; of EXEC it ends it. */
  protected refuse(entry: TableEntry | null, reason: string): void {
    if (entry !== null) entry.figures.rejected++;
    const { session } = this;
    let text = reason;
    if (entry?.name === "exec") {
      session.transaction = null;
      session.watches = [];
      this.refresh();
      text = `EXECABORT Transaction discarded because of: ${reason.replace(/^ERR /, "")}`;
    } else if (session.transaction !== null) session.transaction.aborted = true;
    this.server.countError(null, text);
    if (this.session.replies === "skip") this.session.replies = "on";
    else this.answer((reply) => reply.error(text));
  }

  /** The error reply of a command that was performed. */
  private fail(entry: TableEntry, text: string): void {
    this.server.countError(entry, text);
    this.answer((reply) => reply.error(text));
  }

  /** Writes a reply now, or when its turn comes. */
  private answer(write: (reply: Reply) => void): void {
    if (this.idle) {
      write(this.writer);
      return;
    }
    const recorded = new RecordedReply(this.writer.resp3);
    write(recorded);
    if (recorded.empty) return;
    this.order.deferReply(recorded);
    this.boundDeferred();
  }

  private queue(transaction: Transaction, entry: TableEntry, args: Args): void {
    const text = this.server.queue(this, transaction, entry, args);
    if (text !== null) this.refuse(entry, text);
    else this.answer((reply) => reply.queued());
  }

  private performServer(entry: TableEntry, args: Args): void {
    const command = entry.server!;
    const reads = this.isReadingExec(entry);
    if (!this.idle && (command.when === "in-order" || reads)) {
      this.waitWith(order, entry, args);
      return;
    }
    if (reads && !this.passed && !this.server.engine.mayRead(this, this.session.localReads)) {
      this.waitWith(barrier, entry, args);
      return;
    }
    if (reads) this.passed = false;
    entry.figures.calls++;
    if (command.when === "at-once")
      this.answer((reply) => this.server.run(this, entry, args, reply));
    else {
      const pending = this.server.run(this, entry, args, this.writer);
      if (pending !== null) this.awaitPromise(pending);
    }
  }

  /** A transaction without writes has no place in the log: the engine answers it at once. */
  private isReadingExec(entry: TableEntry): boolean {
    const { transaction } = this.session;
    return transaction !== null && entry.name === "exec" && !transaction.writes;
  }

  private awaitPromise(pending: Promise<void>): void {
    if (this.halt === running) this.halt = promised;
    const done = () => {
      this.passed = true;
      this.server.soon(this);
      this.wake();
    };
    pending.then(done, done);
  }

  /** CLIENT REPLY SKIP: this command's reply, and no other, is thrown away. False: it waits. */
  private beginSkip(entry: TableEntry, args: Args): boolean {
    if (!this.idle) {
      this.waitWith(order, entry, args);
      return false;
    }
    this.session.replies = "on";
    this.skipping = true;
    this.writer.muted = true;
    return true;
  }

  protected endSkip(): void {
    if (!this.skipping) return;
    if (this.halt === running && !this.idle) this.halt = order;
    if (this.halt !== running) return;
    this.skipping = false;
    this.mute(this.session.replies !== "on");
    this.refresh();
  }
}
