/**
 * A reply that waits its turn: what a command wrote while others before it were in flight.
 * @module
 */
import type { Reply } from "../resp/reply.ts";

export class RecordedReply implements Reply {
  readonly resp3: boolean;
  private readonly calls: ((reply: Reply) => void)[] = [];

  constructor(resp3: boolean) {
    this.resp3 = resp3;
  }

  get empty(): boolean {
    return this.calls.length === 0;
  }

  replay(reply: Reply): void {
    for (const call of this.calls) call(reply);
  }

  ok(): void {
    this.calls.push((r) => r.ok());
  }
  queued(): void {
    this.calls.push((r) => r.queued());
  }
  simple(text: string): void {
    this.calls.push((r) => r.simple(text));
  }
  error(text: string): void {
    this.calls.push((r) => r.error(text));
  }
  integer(n: number | bigint): void {
    this.calls.push((r) => r.integer(n));
  }
  bulk(data: Uint8Array): void {
    const copy = Buffer.from(data);
    this.calls.push((r) => r.bulk(copy));
  }
  bulkFrom(buffer: Buffer, start: number, end: number): void {
    this.bulk(buffer.subarray(start, end));
  }
  bulkText(text: string): void {
    this.calls.push((r) => r.bulkText(text));
  }
  nil(): void {
    this.calls.push((r) => r.nil());
  }
  nilArray(): void {
    this.calls.push((r) => r.nilArray());
  }
  array(count: number): void {
    this.calls.push((r) => r.array(count));
  }
  map(pairs: number): void {
    this.calls.push((r) => r.map(pairs));
  }
  set(count: number): void {
    this.calls.push((r) => r.set(count));
  }
  attribute(pairs: number): void {
    this.calls.push((r) => r.attribute(pairs));
  }
  aloud(write: (reply: Reply) => void): void {
    const recorded = new RecordedReply(this.resp3);
    write(recorded);
    this.calls.push((r) => r.aloud((loud) => recorded.replay(loud)));
  }
  push(count: number): void {
    this.calls.push((r) => r.push(count));
  }
  double(n: number): void {
    this.calls.push((r) => r.double(n));
  }
  bool(b: boolean): void {
    this.calls.push((r) => r.bool(b));
  }
  verbatim(format: string, text: string): void {
    this.calls.push((r) => r.verbatim(format, text));
  }
  bigNumber(text: string): void {
    this.calls.push((r) => r.bigNumber(text));
  }
}
