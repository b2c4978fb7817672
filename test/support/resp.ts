/**
 * A small RESP2 client for tests, independent of the product's own code: pipelining, one promise a
 * command, bytes as latin1 text so that values compare with `===`.
 * @module
 */
import { connect, type Socket } from "node:net";

/** An error reply of the server. */
export class ServerError extends Error {
  override readonly name = "ServerError";
}

/** The connection ended: what was sent and not answered is in doubt. */
export class ConnectionLost extends Error {
  override readonly name = "ConnectionLost";
}

/** Bulk strings are latin1 text. Errors inside arrays are values. */
export type Reply = string | number | null | ServerError | Reply[];

export type Argument = string | number | Buffer;

/** One command in the protocol. Text is taken as latin1. */
function encode(args: readonly Argument[]): Buffer {
  const parts: Buffer[] = [Buffer.from(`*${args.length}\r\n`)];
  for (const arg of args) {
    const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg), "latin1");
    parts.push(Buffer.from(`$${bytes.length}\r\n`), bytes, Buffer.from("\r\n"));
  }
  return Buffer.concat(parts);
}

interface Parsed {
  readonly value: Reply;
  readonly next: number;
}

/** One reply at `at`, null if it is not complete yet. */
function parse(data: Buffer, at: number): Parsed | null {
  const end = data.indexOf("\r\n", at);
  if (end < 0) return null;
  const head = data.toString("latin1", at + 1, end);
  const next = end + 2;
  switch (String.fromCharCode(data[at] as number)) {
    case "+":
      return { value: head, next };
    case "-":
      return { value: new ServerError(head), next };
    case ":":
      return { value: Number(head), next };
    case "$": {
      const length = Number(head);
      if (length < 0) return { value: null, next };
      if (data.length < next + length + 2) return null;
      return { value: data.toString("latin1", next, next + length), next: next + length + 2 };
    }
    case "*":
      return parseArray(data, Number(head), next);
    default:
      throw new Error(`not RESP2: ${data.toString("latin1", at, Math.min(at + 40, data.length))}`);
  }
}

function parseArray(data: Buffer, count: number, from: number): Parsed | null {
  if (count < 0) return { value: null, next: from };
  const items: Reply[] = [];
  let next = from;
  for (let item = 0; item < count; item++) {
    const parsed = parse(data, next);
    if (parsed === null) return null;
    items.push(parsed.value);
    next = parsed.next;
  }
  return { value: items, next };
}

interface Waiting {
  resolve(value: Reply): void;
  reject(error: Error): void;
}

export class Client {
  readonly #socket: Socket;
  readonly #waiting: Waiting[] = [];
  #parts: Buffer[] = [];
  #lost: ConnectionLost | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("data", (part) => this.#receive(part));
    socket.on("error", () => this.#end());
    socket.on("close", () => this.#end());
  }

  static open(to: { port: number; host?: string } | { path: string }): Promise<Client> {
    return new Promise((resolve, reject) => {
      const socket = connect({ host: "127.0.0.1", ...to });
      socket.setNoDelay(true);
      socket.once("connect", () => resolve(new Client(socket)));
      socket.once("error", reject);
    });
  }

  #receive(part: Buffer): void {
    try {
      this.#take(part);
    } catch (error) {
      // Somebody else's port: who waits is told.
      this.#lost ??= new ConnectionLost((error as Error).message);
      this.#socket.destroy();
    }
  }

  #take(part: Buffer): void {
    this.#parts.push(part);
    let data = this.#parts.length === 1 ? part : Buffer.concat(this.#parts);
    for (;;) {
      const parsed = data.length === 0 ? null : parse(data, 0);
      if (parsed === null) break;
      this.#waiting.shift()?.resolve(parsed.value);
      data = data.subarray(parsed.next);
    }
    this.#parts = data.length === 0 ? [] : [data];
  }

  #end(): void {
    this.#lost ??= new ConnectionLost("connection lost");
    for (const waiting of this.#waiting.splice(0)) waiting.reject(this.#lost);
  }

  /** Sends and resolves with the reply; error replies are values. */
  send(...args: Argument[]): Promise<Reply> {
    return this.sendAll([args])[0] as Promise<Reply>;
  }

  /** Sends several commands in one write. */
  sendAll(commands: readonly (readonly Argument[])[]): Promise<Reply>[] {
    const replies = commands.map(
      () =>
        new Promise<Reply>((resolve, reject) => {
          if (this.#lost !== null) reject(this.#lost);
          else this.#waiting.push({ resolve, reject });
        }),
    );
    for (const reply of replies) reply.catch(() => {});
    if (this.#lost === null) this.#socket.write(Buffer.concat(commands.map(encode)));
    return replies;
  }

  /** Sends and resolves with the reply. @throws ServerError for an error reply. */
  async call(...args: Argument[]): Promise<Reply> {
    const reply = await this.send(...args);
    if (reply instanceof ServerError) throw reply;
    return reply;
  }

  /** Bytes as they are, for input that is no command. */
  raw(bytes: Buffer | string): void {
    this.#socket.write(bytes);
  }

  close(): void {
    this.#socket.destroy();
  }
}
