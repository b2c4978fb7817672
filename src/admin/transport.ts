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
import { StrongroomError } from "../base/errors.ts";
import type { Disk } from "../base/ports.ts";
import { isLoopback } from "./address.ts";
import { readRunFile, tokenFile } from "./runfile.ts";

const answerMsMax = 120_000;
const answerBytesMax = 64 * 2 ** 20;

/** Certificates and keys are PEM text. */
export interface AdminTarget {
  /** `http://127.0.0.1:PORT`, `https://HOST:PORT`. */
  readonly url: string;
  readonly token?: string;
  /** Authorities of the node's certificate; by default those of the system. */
  readonly ca?: string;
  /** Shown instead of a token. */
  readonly cert?: string;
  readonly key?: string;
  /** The node's own certificate: no other is believed, whatever name it bears. */
  readonly pinned?: string;
}

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
  if (at.protocol === "http:" && !isLoopback(at.hostname.replace(/^\[|\]$/g, "")))
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

/** @throws ADMIN_NOT_RUNNING, ADMIN_UNAUTHENTICATED if the token cannot be read. */
export function findNode(disk: Disk, dataDir: string): AdminTarget {
  const run = readRunFile(disk, dataDir);
  if (run === null || run.url === "") throw new StrongroomError("ADMIN_NOT_RUNNING", dataDir);
  const { url, certificate: pinned } = run;
  const host = /^(https?):\/\/(\[[0-9a-f:.]+\]|[\w.-]+):\d{1,5}$/.exec(url);
  const clear = host?.[1] === "http";
  const near = isLoopback((host?.[2] ?? "").replace(/^\[|\]$/g, ""));
  if (host === null || (clear ? !near : pinned === undefined))
    throw new StrongroomError("ADMIN_NOT_RUNNING", `${dataDir}: an odd address in run/node.json`);
  let token: string;
  try {
    token = disk.readFile(tokenFile(dataDir)).toString("latin1").trim();
  } catch (cause) {
    throw new StrongroomError("ADMIN_UNAUTHENTICATED", "the token file cannot be read", { cause });
  }
  return { url, token, ...(pinned === undefined ? {} : { pinned }) };
}
