/**
 * The admin service: what an operator may ask of a running node. Methods have the paths and the
 * JSON of the Connect protocol (connectrpc.com/docs/protocol, unary requests), so that curl and
 * later generated clients reach it alike. This module knows no sockets: requests come in and
 * answers go out as values.
 *
 * The hazard: everybody on the machine can reach a loopback port. Each request must show the token
 * that only the owner of the data directory can read, before its body is even looked at.
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { type ErrorCode, StrongroomError } from "../base/errors.ts";
import type { NodeStatus, RotateResult } from "../node/api.ts";

/** What the service asks of the node. */
export interface AdminBackend {
  status(): NodeStatus | Promise<NodeStatus>;
  rotate(purpose: "storage" | "log"): Promise<RotateResult>;
  /** Makes everything applied durable in the store; resolves with the index up to which. */
  checkpoint(): Promise<unknown>;
}

export const servicePath = "/strongroom.admin.v1.AdminService/";

/** Methods and what they are called with. Bodies are JSON objects. */
export const methods = ["GetStatus", "RotateKey", "Checkpoint"] as const;
export type Method = (typeof methods)[number];

export interface AdminRequest {
  readonly httpMethod: string;
  readonly path: string;
  readonly authorization: string | undefined;
  readonly body: string;
}

export interface AdminAnswer {
  readonly status: number;
  readonly body: unknown;
}

/** Connect's error: `code` is the protocol's word, `details` carries ours for programs. */
function refusal(status: number, word: string, error: StrongroomError): AdminAnswer {
  const details = [{ type: "strongroom.admin.v1.Refusal", value: { code: error.code } }];
  return { status, body: { code: word, message: error.explain(), details } };
}

const words: Partial<Record<ErrorCode, readonly [number, string]>> = {
  ADMIN_UNAUTHENTICATED: [401, "unauthenticated"],
  ADMIN_REQUEST_INVALID: [400, "invalid_argument"],
  ADMIN_INTERNAL: [500, "internal"],
};

function refuse(error: unknown): AdminAnswer {
  const coded =
    error instanceof StrongroomError
      ? error
      : new StrongroomError("ADMIN_INTERNAL", error instanceof Error ? error.name : "unknown");
  const [status, word] =
    words[coded.code] ?? (coded.retryable ? [503, "unavailable"] : [412, "failed_precondition"]);
  return refusal(status, word, coded);
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

/** Compares in constant time, whatever the lengths. */
function authorized(given: string | undefined, token: string): boolean {
  return timingSafeEqual(digest(given ?? ""), digest(`Bearer ${token}`));
}

function parseBody(body: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = body === "" ? {} : JSON.parse(body);
  } catch {
    throw new StrongroomError("ADMIN_REQUEST_INVALID", "the body is not JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new StrongroomError("ADMIN_REQUEST_INVALID", "the body is not a JSON object");
  return value as Record<string, unknown>;
}

async function call(backend: AdminBackend, method: Method, body: string): Promise<unknown> {
  const message = parseBody(body);
  switch (method) {
    case "GetStatus":
      return backend.status();
    case "Checkpoint":
      await backend.checkpoint();
      return {};
    case "RotateKey": {
      const { purpose } = message;
      if (purpose !== "storage" && purpose !== "log")
        throw new StrongroomError("ADMIN_REQUEST_INVALID", "purpose must be storage or log");
      return backend.rotate(purpose);
    }
  }
}

/** Answers one request. Never throws. */
export async function answer(
  backend: AdminBackend,
  token: string,
  request: AdminRequest,
): Promise<AdminAnswer> {
  try {
    if (!authorized(request.authorization, token))
      throw new StrongroomError("ADMIN_UNAUTHENTICATED");
    const name = request.path.startsWith(servicePath) && request.path.slice(servicePath.length);
    const method = methods.find((one) => one === name);
    if (method === undefined || request.httpMethod !== "POST")
      return refusal(404, "unimplemented", new StrongroomError("ADMIN_REQUEST_INVALID"));
    return { status: 200, body: await call(backend, method, request.body) };
  } catch (error) {
    return refuse(error);
  }
}
