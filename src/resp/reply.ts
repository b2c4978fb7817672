/**
 * What a command answers with. A command writes its reply here, one call a value, and knows
 * nothing about protocol versions or sockets. Nested replies are an opening call with a count
 * followed by that many values; a wrong count puts a connection out of step, so counts must be
 * exact. Shapes are those of RESP2 and RESP3 (redis.io, "Redis serialization protocol").
 * @module
 */

export interface Reply {
  /** True after HELLO 3. Only for the few commands whose shape differs by more than the types. */
  readonly resp3: boolean;
  /** `+OK` */
  ok(): void;
  /** `+QUEUED` */
  queued(): void;
  /** A status line, a byte for each character (latin1). CR and LF are replaced by spaces. */
  simple(text: string): void;
  /**
   * The whole text with its prefix ("ERR ..."), without the dash, a byte for each character: what
   * it quotes of a request is decoded as latin1. CR and LF become spaces.
   */
  error(text: string): void;
  /** A safe integer or a bigint within 64 bits. */
  integer(n: number | bigint): void;
  bulk(data: Uint8Array): void;
  /** The bytes `buffer[start, end)`, copied now. */
  bulkFrom(buffer: Buffer, start: number, end: number): void;
  /** A bulk string of the text's UTF-8 bytes. */
  bulkText(text: string): void;
  /** RESP2 `$-1`, RESP3 `_`. */
  nil(): void;
  /** RESP2 `*-1`, RESP3 `_`. */
  nilArray(): void;
  array(count: number): void;
  /** `pairs` keys and values follow. RESP2: an array of twice as many. */
  map(pairs: number): void;
  /** RESP2: an array. */
  set(count: number): void;
  /** RESP3 alone: `pairs` keys and values follow, then the reply that they belong to. */
  attribute(pairs: number): void;
  /** Out-of-band data. RESP2: an array. */
  push(count: number): void;
  /** What `write` writes is sent even where replies are not (CLIENT REPLY OFF and SKIP). */
  aloud(write: (reply: Reply) => void): void;
  /** RESP2: a bulk string with 17 significant digits, as Redis 7.0. */
  double(n: number): void;
  /** RESP2: the integer 1 or 0. */
  bool(b: boolean): void;
  /** `format` has three characters ("txt", "mkd"). RESP2: a bulk string. */
  verbatim(format: string, text: string): void;
  /** Digits of any length. RESP2: a bulk string. */
  bigNumber(text: string): void;
}
