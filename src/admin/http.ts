/**
 * The admin service on a loopback port. Requests and answers are small; both are bounded, in size
 * and in time.
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { StrongroomError } from "../base/errors.ts";
import { type AdminAnswer, type AdminBackend, answer } from "./service.ts";

const requestBytesMax = 64 * 1024;
const requestMsMax = 10_000;
const headerBytesMax = 8 * 1024;
const connectionsMax = 64;

export interface AdminServer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/** The whole body as text, null when it is longer than it may be. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > requestBytesMax) return null;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

function send(response: ServerResponse, { status, body }: AdminAnswer): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    "cache-control": "no-store",
  });
  response.end(text);
}

async function handle(
  backend: AdminBackend,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readBody(request);
  if (body === null) {
    response.setHeader("connection", "close");
    send(response, { status: 413, body: { code: "resource_exhausted", message: "too large" } });
    return;
  }
  const path = (request.url ?? "").split("?", 1)[0] as string;
  const { authorization } = request.headers;
  const httpMethod = request.method ?? "";
  send(response, await answer(backend, token, { httpMethod, path, authorization, body }));
}

function listen(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const detail = `admin port ${port}: ${error.code ?? error.name}`;
      reject(new StrongroomError("SERVER_LISTEN_FAILED", detail, { cause: error }));
    });
    server.listen({ host: "127.0.0.1", port }, resolve);
  });
}

/**
 * Listens on 127.0.0.1.
 * @param port - 0: any free one.
 * @throws SERVER_LISTEN_FAILED.
 */
export async function serveAdmin(
  backend: AdminBackend,
  token: string,
  port: number,
): Promise<AdminServer> {
  const server = createServer({ maxHeaderSize: headerBytesMax }, (request, response) => {
    handle(backend, token, request, response).catch(() => response.destroy());
  });
  server.requestTimeout = requestMsMax;
  server.headersTimeout = requestMsMax;
  server.maxConnections = connectionsMax;
  await listen(server, port);
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${actual}`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
