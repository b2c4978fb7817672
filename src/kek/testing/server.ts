/**
 * What the servers that stand in for a key service have in common: they listen on the loopback,
 * read a request whole, and fail to order. A service's own part says what a request is and what
 * answers it; a fault comes between the two, after whatever that service settles first.
 * @module
 */
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Fault } from "../remote-suite.ts";

/** Both in PEM. */
export interface Tls {
  readonly cert: string;
  readonly key: string;
}

export interface Answer {
  readonly status: number;
  /** Sent as JSON; null: nothing. */
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that has arrived whole. */
export interface Asked {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

/** How a service tells the faults that are answers. */
export type FaultAnswers = Partial<Record<Fault, Answer>>;

export abstract class KmsServer {
  port = 0;
  readonly #faultAnswers: FaultAnswers;
  readonly #tls: Tls | null;
  #server: Server | null = null;
  #fault: { kind: Fault | Answer; left: number; first: number } | null = null;

  constructor(faultAnswers: FaultAnswers, tls: Tls | null = null) {
    this.#faultAnswers = faultAnswers;
    this.#tls = tls;
  }

  /** Counts the request; answers it at once, or null for what a fault may meet. */
  protected abstract arrive(asked: Asked): Answer | null;

  protected abstract answer(asked: Asked): Answer;

  get origin(): string {
    return `${this.#tls === null ? "http" : "https"}://127.0.0.1:${this.port}`;
  }

  /** @param port - 0: any free one, or the one it had. */
  async listen(port = this.port): Promise<this> {
    const handler = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response);
    const server =
      this.#tls === null
        ? createServer(handler)
        : createTlsServer({ cert: this.#tls.cert, key: this.#tls.key }, handler);
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen(port, "127.0.0.1", resolve);
    });
    this.#server = server;
    this.port = (server.address() as AddressInfo).port;
    return this;
  }

  async close(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }

  /**
   * The next `count` requests meet it, after `first` good ones: a fault by its name, or an answer
   * of any kind.
   */
  async fail(kind: Fault | Answer, count = Number.POSITIVE_INFINITY, first = 0): Promise<void> {
    if (kind === "down") await this.close();
    else this.#fault = { kind, left: count, first };
  }

  async calm(): Promise<void> {
    this.#fault = null;
    if (this.#server === null) await this.listen();
  }

  #takeFault(): Fault | Answer | null {
    const fault = this.#fault;
    if (fault === null || fault.first-- > 0 || fault.left <= 0) return null;
    fault.left--;
    return fault.kind;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const asked: Asked = {
      method: request.method ?? "",
      url: new URL(request.url ?? "/", this.origin),
      headers: request.headers,
      text: Buffer.concat(parts).toString("utf8"),
    };
    const early = this.arrive(asked);
    if (early !== null) return send(response, early);
    const fault = this.#takeFault();
    if (fault === null) return send(response, this.answer(asked));
    if (fault === "hang") return;
    if (fault === "garbage") {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>welcome</html>");
      return;
    }
    send(response, typeof fault === "string" ? (this.#faultAnswers[fault] as Answer) : fault);
  }
}

function send(response: ServerResponse, { status, body, headers }: Answer): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(body === null ? "" : JSON.stringify(body));
}
