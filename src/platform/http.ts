/**
 * One HTTPS request, for services that are asked a few times in the life of a process. Hazards: an
 * answer without end, and a connection kept open that has died; so answers are bounded and every
 * request has its own connection.
 * @module
 */
import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

export interface HttpRequest {
  readonly method: "GET" | "POST" | "PUT";
  /** `https:`, or `http:`. */
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Authorities to trust instead of the system's, PEM. */
  readonly ca?: string;
  readonly signal: AbortSignal;
  /** A longer answer is an error. */
  readonly bytesMax: number;
}

export interface HttpResponse {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Buffer;
}

/** @throws Node's errors, with `code`; the signal's reason. */
export type HttpClient = (request: HttpRequest) => Promise<HttpResponse>;

/** The HttpClient on Node. Redirects are answers like others. */
export const systemHttp: HttpClient = (request) =>
  new Promise((resolve, reject) => {
    const { method, url, headers, body = "", ca, signal, bytesMax } = request;
    const send = url.protocol === "https:" ? requestHttps : requestHttp;
    const options = { method, headers: { ...headers }, signal, agent: false as const };
    if (body !== "") options.headers["content-length"] = String(Buffer.byteLength(body));
    const outgoing = send(url, ca === undefined ? options : { ...options, ca }, (incoming) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      incoming.on("data", (part: Buffer) => {
        bytes += part.length;
        if (bytes > bytesMax) incoming.destroy(new Error(`an answer beyond ${bytesMax} bytes`));
        else parts.push(part);
      });
      incoming.on("error", reject);
      incoming.on("end", () => {
        const names = Object.entries(incoming.headers);
        const flat = names.map(([name, value]) => [name, value?.toString()] as const);
        resolve({
          status: incoming.statusCode ?? 0,
          headers: Object.fromEntries(flat),
          body: Buffer.concat(parts),
        });
      });
    });
    outgoing.on("error", reject);
    outgoing.end(body);
  });
