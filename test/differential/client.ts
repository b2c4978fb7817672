/**
 * A connection that hands out raw replies, in order.
 * @module
 */
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { encodeRequest, replyEnd } from "./wire.ts";

interface Waiter {
  resolve(reply: Buffer): void;
  reject(error: Error): void;
}

export class RawClient {
  private readonly socket: Socket;
  private readonly waiting: Waiter[] = [];
  private received: Buffer = Buffer.alloc(0);

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (data: Buffer) => this.receive(data));
    const fail = (error?: Error): void => {
      for (const waiter of this.waiting.splice(0))
        waiter.reject(error ?? new Error("connection closed"));
    };
    socket.on("error", fail);
    socket.on("close", () => fail());
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new RawClient(socket);
  }

  private receive(data: Buffer): void {
    this.received = this.received.length === 0 ? data : Buffer.concat([this.received, data]);
    let at = 0;
    while (at < this.received.length) {
      const end = replyEnd(this.received, at);
      if (end < 0) break;
      this.waiting.shift()?.resolve(Buffer.from(this.received.subarray(at, end)));
      at = end;
    }
    this.received = this.received.subarray(at);
  }

  /** Sends at once; replies come in order, so calls may overlap. */
  call(...args: (string | Buffer)[]): Promise<Buffer> {
    return this.send(args.map((arg) => Buffer.from(arg)));
  }

  send(args: readonly Buffer[]): Promise<Buffer> {
    const reply = new Promise<Buffer>((resolve, reject) => this.waiting.push({ resolve, reject }));
    this.socket.write(encodeRequest(args));
    return reply;
  }

  close(): void {
    this.socket.destroy();
  }
}
