/**
 * What failures of a service mean: which may pass and are tried again, which are for good. Every
 * remote provider judges by these tables and adds only what is its service's own. Hazard: a text
 * of the service that ends up in a log; so only a little of it is told, and nothing that could be a
 * secret. Status codes: RFC 9110, section 15; RFC 6585; 472 and 473 are Vault's.
 * @module
 */
import { type ErrorCode, StrongroomError } from "../base/errors.ts";
import type { Failure } from "./retry.ts";

/** Codes of Node and OpenSSL for a peer that does not prove who it is. */
const untrusted = new RegExp(
  "^(CERT_|CRL_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED|UNABLE_TO_(GET|VERIFY|DECRYPT)|HOSTNAME_|" +
    "INVALID_(CA|PURPOSE)|ERR_TLS_CERT|PATH_LENGTH_EXCEEDED)",
);

/** A connection that was not made or did not last: the other side may be back in a moment. */
const passing = new RegExp(
  "^(ECONN(REFUSED|RESET|ABORTED)|ENOTFOUND|EAI_(AGAIN|FAIL)|ETIMEDOUT|EHOST(UNREACH|DOWN)|" +
    "ENET(UNREACH|DOWN)|EPIPE|EMFILE|ENFILE|EADDRNOTAVAIL|EPROTO|UND_ERR_\\w+|ABORT_ERR|HPE_\\w+|" +
    "ERR_(SSL|HTTP2)_\\w+|ERR_STREAM_PREMATURE_CLOSE|TimeoutError|AbortError)$",
);

/** Statuses after which the same request may succeed. */
const passingStatuses: ReadonlySet<number> = new Set([408, 412, 421, 425, 429, 472, 473]);

const textMax = 160;

/** What of a service's words may be told: one line, short, nothing as long as a key or token. */
export function tellableText(text: string): string {
  const line = text.replace(/[^\x20-\x7e]+/g, " ").trim();
  const bare = line.replace(/[A-Za-z0-9+/_=-]{32,}/g, "…");
  return bare.length > textMax ? `${bare.slice(0, textMax)}…` : bare;
}

/** Code or name of an error or of the first cause that has one. */
function systemCode(error: unknown): string {
  let at = error;
  for (let depth = 0; depth < 5 && typeof at === "object" && at !== null; depth++) {
    const { code, name, cause, errors } = at as {
      code?: unknown;
      name?: unknown;
      cause?: unknown;
      errors?: unknown;
    };
    if (typeof code === "string" && (untrusted.test(code) || passing.test(code))) return code;
    if (typeof name === "string" && passing.test(name)) return name;
    at = cause ?? (Array.isArray(errors) ? errors[0] : undefined);
  }
  return "";
}

/** A failure of the connection, or null if the error is something else. */
export function connectionFailure(error: unknown): Failure | null {
  const code = systemCode(error);
  if (code === "") return null;
  if (untrusted.test(code))
    return { error: new StrongroomError("KEK_UNTRUSTED", code, { cause: error }) };
  return { error: new StrongroomError("KEK_UNAVAILABLE", code, { cause: error }) };
}

/** The same without the error it came from: those of some clients hold requests and tokens. */
export function withoutCause({ error, ...rest }: Failure): Failure {
  const detail = error.message.slice(error.code.length + 3);
  return { ...rest, error: new StrongroomError(error.code, detail) };
}

/** Code of an HTTP status that is no success. */
function statusCode(status: number): ErrorCode {
  if (status === 401 || status === 403) return "KEK_DENIED";
  if (status === 404) return "KEK_NOT_FOUND";
  if (status >= 500 || passingStatuses.has(status)) return "KEK_UNAVAILABLE";
  return "KEK_REFUSED";
}

/** RFC 9110, section 10.2.3, in seconds; the form with a date is not obeyed. */
function retryAfterMs(header: string | undefined): number {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1000 : 0;
}

/** A failure told by an HTTP status; `text` are the service's words. */
export function statusFailure(status: number, text: string, retryAfter?: string): Failure {
  const words = tellableText(text);
  const detail = words === "" ? `status ${status}` : `status ${status}: ${words}`;
  const error = new StrongroomError(statusCode(status), detail);
  return { error, retryAfterMs: retryAfterMs(retryAfter) };
}

/** What no table knows: for good, and told by its kind alone. */
export function unknownFailure(error: unknown): Failure {
  const { name } = Object(error) as { name?: unknown };
  const detail = typeof name === "string" ? tellableText(name) : "an error of no kind";
  return { error: new StrongroomError("KEK_REFUSED", detail, { cause: error }) };
}
