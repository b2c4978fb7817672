/**
 * A server that speaks the part of Vault's and OpenBao's HTTP API that a KEK needs: mounts, keys,
 * policies, tokens, logins, namespaces, and the failures of a real one. For tests, and to try the
 * documents on: `node src/kek/vault/testing/server.ts PORT`.
 * @module
 */
import { randomBytes } from "node:crypto";
import {
  type Answer,
  type Asked,
  type FaultAnswers,
  KmsServer,
  type Tls,
} from "../../testing/server.ts";
import { refusal, Transit } from "./transit.ts";

type Body = Readonly<Record<string, unknown>>;
/** Capabilities by path, where a `*` at the end stands for anything. */
type Policy = readonly { readonly path: string; readonly capabilities: readonly string[] }[];

const faultAnswers: FaultAnswers = {
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

function pathOf(url: URL): string {
  return url.pathname.replace(/^\/v1\//, "");
}

function namespaceOf(headers: Asked["headers"]): string {
  return String(headers["x-vault-namespace"] ?? "");
}

export class TransitServer extends KmsServer {
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

  constructor(tls: Tls | null = null) {
    super(faultAnswers, tls);
    this.#tokens.set(this.rootToken, ["root"]);
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

  protected override arrive({ method, url, headers }: Asked): Answer | null {
    const path = pathOf(url);
    this.requests.push({ method, path, namespace: namespaceOf(headers) });
    if (this.redirect === null) return null;
    return { status: 307, body: null, headers: { location: `${this.redirect}/v1/${path}` } };
  }

  protected override answer({ method, url, headers, text }: Asked): Answer {
    const path = pathOf(url);
    let body: Body;
    try {
      body = text === "" ? {} : (JSON.parse(text) as Body);
    } catch {
      return refusal(400, "error parsing JSON");
    }
    if (/^auth\/[\w/-]+\/login$/.test(path)) return this.#login(body);
    const capability = { GET: "read", DELETE: "delete" }[method] ?? "update";
    const token = String(headers["x-vault-token"] ?? "");
    if (!this.#mayDo(token, path, capability)) return refusal(403, "permission denied");
    return this.#route(method, namespaceOf(headers), path, body);
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
