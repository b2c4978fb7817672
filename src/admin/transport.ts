/**
 * The way to a node. The token is shown to the right node only: in clear on the loopback alone,
 * under TLS to a server whose certificate an authority vouches for, or, for a node found by its
 * data directory, to the very certificate that the node left there.
 * @module
 */
import { X509Certificate } from "node:crypto";
import type { RequestOptions } from "node:https";
import type { Interceptor, Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { isLoopback } from "../base/address.ts";
import { StrongroomError } from "../base/errors.ts";
import type { AdminTarget } from "./find.ts";

const answerMsMax = 120_000;
const answerBytesMax = 64 * 2 ** 20;

function tlsOptions({ ca, cert, key, pinned }: AdminTarget): RequestOptions {
  const own = cert === undefined || key === undefined ? {} : { cert, key };
  if (pinned === undefined) return ca === undefined ? own : { ...own, ca };
  const { fingerprint256 } = new X509Certificate(pinned);
  return {
    ...own,
    ca: pinned,
    allowPartialTrustChain: true,
    checkServerIdentity: (_host, shown) =>
      shown.fingerprint256 === fingerprint256 ? undefined : new Error("another certificate"),
  };
}

/**
 * @throws CONFIG_INVALID for an address that is none, or to which a token would go in clear.
 */
export function transportTo(target: AdminTarget): Transport {
  const { url, token } = target;
  let at: URL;
  try {
    at = new URL(url);
  } catch {
    throw new StrongroomError("CONFIG_INVALID", "the admin url must be http(s)://HOST:PORT");
  }
  if (at.protocol === "http:" && !isLoopback(at.hostname))
    throw new StrongroomError("CONFIG_INVALID", "beyond the loopback the admin url must be https");
  const show: Interceptor = (next) => (request) => {
    if (token !== undefined) request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
  return createConnectTransport({
    baseUrl: at.origin,
    httpVersion: "1.1",
    // A connection of its own for each call: nothing keeps the process alive between them.
    nodeOptions: { agent: false, ...(at.protocol === "https:" ? tlsOptions(target) : {}) },
    interceptors: [show],
    acceptCompression: [],
    readMaxBytes: answerBytesMax,
    defaultTimeoutMs: answerMsMax,
  });
}
