/**
 * One connection, without its socket: bytes in, replies out. Hazard it guards: memory taken by a
 * client that sends faster than it is served, or never reads: it stops parsing, and the socket
 * stops reading.
 * @module
 */
import type { BufferPool } from "../resp/pool.ts";
import { Dispatcher } from "./dispatcher.ts";
import { type OutputLimit, outputBytesHard } from "./outputlimits.ts";
import { type Halt, halts, type Owner, type Transport } from "./owner.ts";
import { subscriptions } from "./session.ts";

const { running, order, output, promised, barrier, ended } = halts;

/** Unread output at which a connection is served no further until it reads. */
export const outputBytesHigh = 1024 * 1024;

/** Less is no two GETs. */
const aheadBytesMin = 40;

export class Connection extends Dispatcher {
  private readonly transport: Transport;
  private parsing = false;
  private readingPaused = false;
  /** In the server's list of connections to be flushed at the end of the tick. */
  private listed = false;
  /** Unread output after the reply before. */
  private level = 0;
  /** Since when the soft bound is passed, monotonic ms; 0: it is not. */
  private softSinceMs = 0;
  private broken = false;
  /** A reply passed a limit while it was written: nothing is sent any more. */
  private condemned = false;
  /** Of the transport, a second ago or less. */
  private takenMark = 0;
  /** Up to here the engine was told of what stands in the parser's chunk. */
  private toldTo = 0;
  /** The next `receive` is of what `announced` has looked at. */
  private looked = false;

  constructor(server: Owner, transport: Transport, id: number, pool: BufferPool) {
    super(server, id, pool);
    this.transport = transport;
  }

  get address(): string {
    return this.transport.address;
  }
  get localAddress(): string {
    return this.transport.localAddress;
  }
  get unix(): boolean {
    return this.transport.unix;
  }
  get fd(): number {
    return this.transport.fd;
  }
  get figures(): { queryBytes: number; outputBytes: number; inFlight: number } {
    return {
      queryBytes: this.parser.pendingBytes,
      outputBytes: this.writer.pending + this.transport.unsentBytes,
      inFlight: this.order.issued - this.order.settled,
    };
  }

  /**
   * These bytes will be received soon; before that, other connections may be told of theirs.
   * @returns false if no more should be.
   */
  announced(chunk: Buffer, start: number, end: number): boolean {
    const { foresight } = this.server;
    if (this.parser.pendingBytes > 0 || !this.readsAtOnce) return true;
    this.toldTo = foresight.look(chunk, start, end, this.session.db);
    this.looked = true;
    return !foresight.full;
  }

  /** A read that comes now is performed now. */
  private get readsAtOnce(): boolean {
    return this.halt === running && this.idle && !this.guarded && !this.server.watchful;
  }

  /** Bytes from the socket, valid during the call. */
  receive(chunk: Buffer, start: number, end: number): void {
    this.server.foresight.tell();
    if (!this.looked) this.toldTo = 0;
    this.looked = false;
    if (this.closed) return;
    this.server.touchClock();
    this.activeMs = this.server.nowMs;
    this.parser.feed(chunk, start, end);
    this.listed = true;
    this.proceed();
    this.listed = false;
    if (this.writer.pending > 0 || this.halt === ended) this.flush();
  }

  /** Called by the server at the end of a tick. */
  flush(): void {
    this.listed = false;
    if (this.closed || this.heedOutput()) return;
    if (this.writer.pending > 0) {
      this.activeMs = this.server.nowMs;
      this.transport.flush();
    }
    this.level = this.transport.unsentBytes;
    if (this.halt === ended && this.idle) this.transport.end();
  }

  /** The socket has taken everything. */
  drained(): void {
    this.resume(output);
  }

  /** The socket is gone. */
  gone(): void {
    if (this.closed) return;
    this.closed = true;
    this.halt = ended;
    this.writer.close();
    this.order.clear();
    this.waiting = null;
    this.session.watches = [];
    this.server.forget(this);
  }

  /** Called by the server at the end of a tick: goes on if what was waited for is there. */
  turn(): void {
    const { halt } = this;
    if (halt === promised ? this.passed : halt === barrier && this.passed && this.idle)
      this.resume(halt);
    else if (halt === order && this.idle) this.resume(halt);
  }

  /** Goes on if the parser stands still for this reason. */
  resume(from: Halt): void {
    if (this.closed || this.halt !== from) return;
    this.halt = running;
    if (from === promised) this.passed = false;
    const { waiting } = this;
    this.waiting = null;
    if (waiting !== null) this.guard(waiting.entry, waiting.args, waiting.shown);
    this.endSkip();
    this.proceed();
    this.wake();
  }

  /** Reads, or replies, wait behind writes in flight. */
  get oneByOne(): boolean {
    return this.order.waiting > 0;
  }

  settled(count: number): void {
    this.order.settled += count;
    if (this.order.waiting > 0) this.answerDue();
    if (this.closed) return;
    if ((this.halt === order || this.halt === barrier) && this.idle) this.server.soon(this);
    this.wake();
  }

  wake(): void {
    if (this.closed) return;
    if (this.heedOutput()) return;
    const unread = this.writer.pending + this.transport.unsentBytes;
    this.level = unread;
    if (this.listed || (unread === 0 && this.halt !== ended)) return;
    this.listed = true;
    this.server.flushSoon(this);
  }

  /**
   * Whether a reply passes the hard limit while it is written, as one MGET or EXEC can. The
   * connection ends, but not here, where its command has not come to its end.
   */
  overflows(bytes: number): boolean {
    const { hardBytes } = this.outputLimit;
    if (hardBytes === 0 || bytes + this.transport.unsentBytes < hardBytes) return false;
    if (!this.condemned && !this.closed) {
      this.condemned = true;
      this.halt = ended;
      this.waiting = null;
      this.server.flushSoon(this);
    }
    return true;
  }

  /** Closes it if it leaves too much unread. @returns whether it is closed. */
  heedOutput(): boolean {
    const unread = this.writer.pending + this.transport.unsentBytes;
    if (this.condemned) this.kill();
    else if (unread < this.server.outputLimits.leastBytes) this.softSinceMs = 0;
    else if (this.exceeds(unread)) this.kill();
    return this.closed;
  }

  /**
   * Called once a second. Ends it if it neither sent, nor was sent, nor took anything since then;
   * who takes a long reply slowly, or waits for one, is not idle.
   */
  endIfIdle(sinceMs: number): void {
    const { takenMark } = this.transport;
    const { halt, session } = this;
    const waits = !this.idle || (halt !== running && halt !== output && halt !== ended);
    if (takenMark !== this.takenMark) {
      this.takenMark = takenMark;
      this.activeMs = this.server.nowMs;
    }
    const listens = session.monitor || subscriptions(session) > 0;
    if (!waits && !listens && this.activeMs < sinceMs) this.kill();
  }

  /** Of its class. */
  private get outputLimit(): OutputLimit {
    const { session } = this;
    const { normal, pubsub } = this.server.outputLimits;
    return session.monitor || subscriptions(session) > 0 ? pubsub : normal;
  }

  private exceeds(unread: number): boolean {
    const { hardBytes, softBytes, softSeconds } = this.outputLimit;
    if (hardBytes > 0 && unread >= hardBytes) return true;
    if (hardBytes === 0 && this.level > outputBytesHard && unread > this.level) return true;
    if (softBytes === 0 || unread < softBytes) {
      this.softSinceMs = 0;
      return false;
    }
    const now = this.server.host.clock.monotonicMs();
    if (this.softSinceMs === 0) this.softSinceMs = now;
    return now - this.softSinceMs > softSeconds * 1000;
  }

  closeAfterReplies(): void {
    if (this.halt === ended) return;
    this.halt = ended;
    this.waiting = null;
    this.pauseReading();
    this.wake();
  }

  kill(): void {
    this.transport.destroy();
    this.gone();
  }

  /** Parses and performs commands until one of them makes it wait. */
  private proceed(): void {
    if (this.parsing) return;
    this.parsing = true;
    const { parser, writer } = this;
    while (this.halt === running) {
      if (parser.aheadAt >= this.toldTo) this.lookAhead();
      if (!parser.next()) break;
      this.perform();
      if (writer.pending > outputBytesHigh && !this.condemned) this.awaitOutput();
    }
    this.parsing = false;
    if (this.closed) return;
    if (this.halt !== running) {
      parser.detach();
      this.toldTo = 0;
      this.pauseReading();
    } else if (parser.error !== null) this.endBroken(parser.error);
    else if (this.readingPaused) {
      this.readingPaused = false;
      this.transport.resume();
    }
  }

  /** Tells the engine of the GETs that come next, unless what comes is short. */
  private lookAhead(): void {
    const { parser } = this;
    const { aheadAt, aheadEnd } = parser;
    if (aheadEnd - aheadAt < aheadBytesMin || !this.readsAtOnce) return;
    const { foresight } = this.server;
    this.toldTo = foresight.look(parser.ahead, aheadAt, aheadEnd, this.session.db);
    foresight.tell();
  }

  private pauseReading(): void {
    if (this.readingPaused) return;
    this.readingPaused = true;
    this.transport.pause();
  }

  private awaitOutput(): void {
    this.transport.flush();
    if (this.transport.unsentBytes > 0 && this.halt === running) this.halt = output;
  }

  private endBroken(text: string): void {
    if (this.broken) return;
    this.broken = true;
    this.refuse(null, text);
    this.closeAfterReplies();
  }
}
