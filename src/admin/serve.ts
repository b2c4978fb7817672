/**
 * The admin port: who may ask, then what. Credentials are judged from the headers alone, before a
 * byte of a body is read: a certificate of the admin authority, or the token.
 * @module
 */
import type { TLSSocket } from "node:tls";
import {
  Code,
  type ConnectRouter,
  createConnectRouter,
  createContextKey,
  createContextValues,
} from "@connectrpc/connect";
import {
  universalRequestFromNodeRequest,
  universalResponseToNodeResponse,
} from "@connectrpc/connect-node";
import { isLoopback } from "../base/address.ts";
import { StrongroomError } from "../base/errors.ts";
import { AdminService } from "../proto/strongroom/admin/v1/admin_pb.ts";
import {
  type Door,
  type DoorLimits,
  type DoorRequest,
  type DoorResponse,
  type DoorTls,
  doorLimits,
  openDoor,
} from "./door.ts";
import { wireError } from "./errors.ts";
import { adminHandlers, type HandlerDeps } from "./handlers.ts";
import { type Page, type Pages, pageOf } from "./pages.ts";
import { tokenJudge } from "./token.ts";

const requestBytesMax = 64 * 1024;
/** Longest time that a caller may ask to wait for. */
const waitMsMax = 24 * 3600 * 1000;

export interface AdminOptions extends HandlerDeps {
  readonly token: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly tls?: DoorTls | undefined;
  /** Metrics and health. */
  readonly pages: Pages;
  readonly doorLimits?: DoorLimits;
}

export interface AdminServer {
  /** `http://127.0.0.1:PORT`, or https. An address that stands for all is told as the loopback. */
  readonly url: string;
  /** Stops listening and ends every connection. */
  close(): Promise<void>;
}

/**
 * True if the client showed a certificate of the authority. A resumed TLS 1.3 session without any
 * certificate also counts as authorized for Node, so the certificate itself must be there.
 */
function hasCertificate({ socket }: DoorRequest): boolean {
  const { authorized, getPeerX509Certificate } = socket as Partial<TLSSocket>;
  if (authorized !== true || getPeerX509Certificate === undefined) return false;
  return getPeerX509Certificate.call(socket as TLSSocket) !== undefined;
}

const admittedKey = createContextKey<boolean>(false);

type Route = ConnectRouter["handlers"][number];

function routesOf(deps: HandlerDeps): Map<string, Route> {
  const router = createConnectRouter({
    acceptCompression: [],
    readMaxBytes: requestBytesMax,
    maxTimeoutMs: waitMsMax,
    jsonOptions: { alwaysEmitImplicit: true, ignoreUnknownFields: false },
    requestGate: ({ values }) => {
      if (!values.get(admittedKey)) throw wireError(new StrongroomError("ADMIN_UNAUTHENTICATED"));
    },
  });
  router.service(AdminService, adminHandlers(deps));
  return new Map(router.handlers.map((handler) => [handler.requestPath, handler]));
}

async function callRoute(
  route: Route,
  request: DoorRequest,
  response: DoorResponse,
  admitted: boolean,
): Promise<void> {
  const values = createContextValues().set(admittedKey, admitted);
  // The types of Connect want one of the two kinds; it takes either.
  const [req, res] = [request as never, response as never];
  const universal = universalRequestFromNodeRequest(req, res, undefined, values);
  await universalResponseToNodeResponse(await route(universal), res);
}

function sendPage(response: DoorResponse, { status, type, text }: Page): void {
  const length = Buffer.byteLength(text);
  const headers = { "content-type": type, "content-length": length, "cache-control": "no-store" };
  (response as import("node:http").ServerResponse).writeHead(status, headers);
  response.end(text);
}

function sendError(response: DoorResponse, status: number, error: StrongroomError): void {
  const { code, rawMessage } = wireError(error);
  const word = Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toLowerCase();
  const body = { code: word, message: rawMessage };
  sendPage(response, { status, type: "application/json", text: `${JSON.stringify(body)}\n` });
}

class Desk {
  readonly #routes: Map<string, Route>;
  readonly #judge: (header: string | undefined) => boolean;
  readonly #pages: Pages;

  constructor(options: AdminOptions) {
    this.#routes = routesOf(options);
    this.#judge = tokenJudge(options.token);
    this.#pages = options.pages;
  }

  /** Answers one request. Never throws. @returns true if the caller showed who it is. */
  readonly answer = (request: DoorRequest, response: DoorResponse): boolean => {
    response.on("error", () => {});
    const admitted = hasCertificate(request) || this.#judge(request.headers.authorization);
    const path = (request.url ?? "").split("?", 1)[0] as string;
    const page = pageOf(this.#pages, path);
    if (page !== null && (admitted || isLoopback(request.socket.remoteAddress ?? ""))) {
      page(request.method ?? "").then(
        (told) => sendPage(response, told),
        () => sendError(response, 500, new StrongroomError("ADMIN_INTERNAL")),
      );
      return admitted;
    }
    const route = this.#routes.get(path);
    if (route !== undefined) {
      callRoute(route, request, response, admitted).catch(() => request.destroy());
    } else if (admitted) {
      sendError(response, 404, new StrongroomError("ADMIN_REQUEST_INVALID", "no such method"));
    } else {
      sendError(response, 401, new StrongroomError("ADMIN_UNAUTHENTICATED"));
    }
    return admitted;
  };
}

/** How others on this machine reach an address that a server is bound to. */
function reachable(host: string): string {
  if (host === "0.0.0.0") return "127.0.0.1";
  if (host === "::") return "[::1]";
  return host.includes(":") ? `[${host}]` : host;
}

/** @throws ADMIN_TLS_REQUIRED, ADMIN_TLS_INVALID, SERVER_LISTEN_FAILED. */
export async function serveAdmin(options: AdminOptions): Promise<AdminServer> {
  const { host, port, tls } = options;
  if (tls === undefined && !isLoopback(host))
    throw new StrongroomError("ADMIN_TLS_REQUIRED", `--admin-bind ${host}`);
  const desk = new Desk(options);
  const limits = options.doorLimits ?? doorLimits;
  const door: Door = await openDoor(desk.answer, { host, port, tls }, limits);
  const scheme = tls === undefined ? "http" : "https";
  return { url: `${scheme}://${reachable(host)}:${door.port}`, close: () => door.close() };
}
