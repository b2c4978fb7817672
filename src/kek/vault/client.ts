/**
 * Requests to Vault or OpenBao: token, namespace, redirects of a standby, and answers taken apart.
 * Hazard: a token that goes where it should not; it is sent over TLS, or within this machine, and
 * a redirect may not change that. HTTP API of Vault 1.13 and later, of OpenBao 2.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { HttpClient, HttpResponse } from "../../platform/http.ts";
import { statusFailure } from "../failures.ts";
import type { Attempt } from "../retry.ts";
import { readSecretText } from "../secrets.ts";
import type { VaultSpec } from "./spec.ts";

const answerBytesMax = 64 * 1024;
const redirectsMax = 2;

/** An answer that is no success. */
export class VaultRefusal extends Error {
  readonly status: number;
  /** The service's own words, joined. */
  readonly words: string;
  readonly retryAfter: string | undefined;

  constructor(response: HttpResponse) {
    super(`status ${response.status}`);
    this.status = response.status;
    this.words = wordsOf(response.body);
    this.retryAfter = response.headers["retry-after"];
  }
}

/** `{"errors": ["…"]}`; an HTML page of something in between has no words of the service. */
function wordsOf(body: Buffer): string {
  try {
    const { errors } = JSON.parse(body.toString("utf8")) as { errors?: unknown };
    return Array.isArray(errors) ? errors.filter((one) => typeof one === "string").join("; ") : "";
  } catch {
    return "";
  }
}

export type VaultObject = Readonly<Record<string, unknown>>;

export class VaultClient {
  readonly #spec: VaultSpec;
  readonly #http: HttpClient;
  readonly #namespace: string | null;
  readonly #caFile: string | null;

  constructor(
    spec: VaultSpec,
    http: HttpClient,
    defaults: { readonly namespace: string | null; readonly caFile: string | null },
  ) {
    this.#spec = spec;
    this.#http = http;
    this.#namespace = spec.namespace ?? defaults.namespace;
    this.#caFile = spec.caFile ?? defaults.caFile;
  }

  /**
   * One request.
   * @param token - Null for a login.
   * @returns The whole answer, an object.
   * @throws VaultRefusal; KEK_REFUSED for an answer that is not understood; Node's errors.
   */
  async ask(
    method: "GET" | "POST",
    path: string,
    token: string | null,
    body: VaultObject | null,
    attempt: Attempt,
  ): Promise<VaultObject> {
    let url = new URL(`/v1/${path}`, this.#spec.origin);
    for (let redirects = 0; ; redirects++) {
      const response = await this.#send(method, url, token, body, attempt);
      const { status } = response;
      if ((status === 307 || status === 308) && redirects < redirectsMax)
        url = this.#redirected(url, response.headers.location);
      else return this.#answer(response);
    }
  }

  #send(
    method: "GET" | "POST",
    url: URL,
    token: string | null,
    body: VaultObject | null,
    { signal }: Attempt,
  ): Promise<HttpResponse> {
    const headers: Record<string, string> = { "x-vault-request": "true" };
    if (token !== null) headers["x-vault-token"] = token;
    if (this.#namespace !== null) headers["x-vault-namespace"] = this.#namespace;
    if (body !== null) headers["content-type"] = "application/json";
    return this.#http({
      ...{ method, url, headers, signal, bytesMax: answerBytesMax },
      ...(body === null ? {} : { body: JSON.stringify(body) }),
      ...(this.#caFile === null ? {} : { ca: readSecretText(this.#caFile, { shared: true }) }),
    });
  }

  #redirected(from: URL, location: string | undefined): URL {
    const base = from.href;
    const to =
      location !== undefined && URL.canParse(location, base) ? new URL(location, base) : null;
    // Over TLS to whoever its authority trusts; in clear to nobody but the same address.
    if (to !== null && (to.protocol === "https:" || to.origin === from.origin)) return to;
    throw new StrongroomError("KEK_UNTRUSTED", "a redirect that leaves TLS");
  }

  #answer(response: HttpResponse): VaultObject {
    const { status, body } = response;
    if (status < 200 || status > 299) throw new VaultRefusal(response);
    try {
      const value: unknown = JSON.parse(body.toString("utf8"));
      if (typeof value === "object" && value !== null) return value as VaultObject;
    } catch {
      // Told below: the answer itself might hold a key.
    } finally {
      body.fill(0);
    }
    throw new StrongroomError("KEK_REFUSED", "an answer that is not of Vault or OpenBao");
  }
}

/** What a refusal means wherever it is met; `statusFailure` knows the rest. */
export function refusalFailure(refusal: VaultRefusal) {
  return statusFailure(refusal.status, refusal.words, refusal.retryAfter);
}

/** An object within an answer. @throws KEK_REFUSED if there is none. */
export function objectIn(answer: VaultObject, name: string): VaultObject {
  const value = answer[name];
  if (typeof value === "object" && value !== null) return value as VaultObject;
  throw new StrongroomError("KEK_REFUSED", `an answer without ${name}`);
}

/** A text within an answer. @throws KEK_REFUSED if there is none. */
export function textIn(answer: VaultObject, name: string): string {
  const value = answer[name];
  if (typeof value === "string" && value !== "") return value;
  throw new StrongroomError("KEK_REFUSED", `an answer without ${name}`);
}
