/**
 * A server that speaks the part of Vault's and OpenBao's HTTP API that a KEK needs: mounts, keys,
 * policies, tokens, logins, namespaces, and the failures of a real one. For tests, and to try the
 * documents on: `node src/kek/vault/testing/server.ts PORT`.
 * @module
 */
import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import type { Fault } from "../../remote-suite.ts";
import { type Answer, refusal, Transit } from "./transit.ts";

type Body = Readonly<Record<string, unknown>>;
/** Capabilities by path, where a `*` at the end stands for anything. */
type Policy = readonly { readonly path: string; readonly capabilities: readonly string[] }[];

const faultAnswers: Partial<Record<Fault, Answer>> = {
  broken: refusal(503, "Vault is sealed"),
  throttled: {
    status: 429,
    body: { errors: ['request path "transit": rate limit quota exceeded'] },
    headers: { "retry-after": "1" },
  },
  denied: refusal(403, "1 error occurred:\n\t* permission denied\n\n"),
  missing: refusal(400, "encryption key not found"),
  disabled: refusal(400, "ciphertext or signature version is disallowed by policy (too old)"),
};

export interface Tls {
  readonly cert: string;
  readonly key: string;
}

export class TransitServer {
  readonly rootToken = `hvs.${randomBytes(18).toString("base64url")}`;
  readonly mounts = new Map<string, Transit>();
  /** AppRole: role id to secret id. Kubernetes and JWT: role to token. */
  readonly logins = new Map<string, string>();
  /** Seconds that a login's token lasts. */
  lease = 3600;
  /** Requests that have arrived. */
  requests: { method: string; path: string; namespace: string }[] = [];
  /** Where a standby sends its clients. */
  redirect: string | null = null;
  readonly #tokens = new Map<string, readonly string[]>();
  readonly #policies = new Map<string, Policy>();
  readonly #tls: Tls | null;
  #server: Server | null = null;
  #fault: { kind: Fault | number; left: number; first: number } | null = null;
  port = 0;

  constructor(tls: Tls | null = null) {
    this.#tls = tls;
    this.#tokens.set(this.rootToken, ["root"]);
  }

  get origin(): string {
    return `${this.#tls === null ? "http" : "https"}://127.0.0.1:${this.port}`;
  }

  /** @param port - 0: any free one, or the one it had. */
  async listen(port = this.port): Promise<this> {
    const handler = (request: IncomingMessage, response: ServerResponse): void =>
      void this.#serve(request, response);
    const server =
      this.#tls === null ? createServer(handler) : createTlsServer({ ...this.#tls }, handler);
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
   * The next `count` requests meet it, after `first` good ones: a fault by its name, or a bare
   * status.
   */
  async fail(kind: Fault | number, count = Number.POSITIVE_INFINITY, first = 0): Promise<void> {
    if (kind === "down") await this.close();
    else this.#fault = { kind, left: count, first };
  }

  async calm(): Promise<void> {
    this.#fault = null;
    if (this.#server === null) await this.listen();
  }

  /** A token that may do what `policies` say. */
  token(...policies: string[]): string {
    const token = `hvs.${randomBytes(18).toString("base64url")}`;
    this.#tokens.set(token, policies);
    return token;
  }

  revoke(token: string): void {
    this.#tokens.delete(token);
  }

  mount(path: string): Transit {
    const mount = this.mounts.get(path) ?? new Transit();
    this.mounts.set(path, mount);
    return mount;
  }

  /** `path "…" { capabilities = […] }`, as often as there are paths. */
  policy(name: string, text: string): void {
    const rules = [...text.matchAll(/path\s+"([^"]+)"\s*\{\s*capabilities\s*=\s*\[([^\]]*)\]/g)];
    const policy = rules.map(([, path = "", list = ""]) => ({
      path,
      capabilities: [...list.matchAll(/"(\w+)"/g)].map(([, one = ""]) => one),
    }));
    this.#policies.set(name, policy);
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const path = new URL(request.url ?? "/", "http://x").pathname.replace(/^\/v1\//, "");
    const namespace = String(request.headers["x-vault-namespace"] ?? "");
    this.requests.push({ method: request.method ?? "", path, namespace });
    if (this.redirect !== null) {
      response.writeHead(307, { location: `${this.redirect}/v1/${path}` }).end();
      return;
    }
    const fault = this.#takeFault();
    if (fault === "hang") return;
    if (fault === "garbage") {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>welcome</html>");
      return;
    }
    const token = String(request.headers["x-vault-token"] ?? "");
    const text = Buffer.concat(parts).toString("utf8");
    const { status, body, headers } =
      typeof fault === "number"
        ? refusal(fault)
        : fault !== null
          ? (faultAnswers[fault] as Answer)
          : this.#answer(request.method ?? "", namespace, path, token, text);
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body === null ? "" : JSON.stringify(body));
  }

  #takeFault(): Fault | number | null {
    const fault = this.#fault;
    if (fault === null || fault.first-- > 0) return null;
    fault.left--;
    if (fault.left <= 0) this.#fault = null;
    return fault.kind;
  }

  #answer(method: string, namespace: string, path: string, token: string, text: string): Answer {
    let body: Body;
    try {
      body = text === "" ? {} : (JSON.parse(text) as Body);
    } catch {
      return refusal(400, "error parsing JSON");
    }
    if (/^auth\/[\w/-]+\/login$/.test(path)) return this.#login(body);
    const capability = { GET: "read", DELETE: "delete" }[method] ?? "update";
    if (!this.#mayDo(token, path, capability)) return refusal(403, "permission denied");
    return this.#route(method, namespace, path, body);
  }

  #route(method: string, namespace: string, path: string, body: Body): Answer {
    const [, name = ""] = /^sys\/(?:mounts|policies\/acl)\/(.+)$/.exec(path) ?? [];
    if (path.startsWith("sys/mounts/")) {
      this.mount(`${namespace}|${name}`);
      return { status: 204, body: null };
    }
    if (path.startsWith("sys/policies/acl/")) {
      this.policy(name, String(body.policy));
      return { status: 204, body: null };
    }
    if (path === "auth/token/create") {
      const granted = this.token(...((body.policies as string[] | undefined) ?? []));
      return { status: 200, body: { auth: { client_token: granted, lease_duration: 0 } } };
    }
    const [, mount = "", action = "", key = "", verb = ""] =
      /^(.+)\/(keys|encrypt|decrypt)\/([^/]+)(?:\/(\w+))?$/.exec(path) ?? [];
    const transit = this.mounts.get(`${namespace}|${mount}`);
    if (transit === undefined)
      return refusal(404, `no handler for route "${path}". route entry not found.`);
    return transit.handle(method, action, key, verb, body);
  }

  #login(body: Body): Answer {
    const name = String(body.role_id ?? body.role);
    const secret = String(body.secret_id ?? body.jwt);
    if (this.logins.get(name) !== secret) return refusal(400, "invalid role or secret ID");
    const granted = this.token("root");
    return {
      status: 200,
      body: { auth: { client_token: granted, lease_duration: this.lease, renewable: true } },
    };
  }

  #mayDo(token: string, path: string, capability: string): boolean {
    const policies = this.#tokens.get(token);
    if (policies === undefined) return false;
    if (policies.includes("root")) return true;
    const rules = policies.flatMap((name) => this.#policies.get(name) ?? []);
    const covers = (rule: string): boolean =>
      rule.endsWith("*") ? path.startsWith(rule.slice(0, -1)) : rule === path;
    return rules.some((rule) => covers(rule.path) && rule.capabilities.includes(capability));
  }
}

if (process.argv[1] === import.meta.filename) {
  const server = await new TransitServer().listen(Number(process.argv[2] ?? 8200));
  process.stdout.write(`${server.origin} ${server.rootToken}\n`);
}
