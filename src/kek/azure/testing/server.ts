/**
 * A server that speaks the part of the Azure Key Vault REST API that a KEK needs, over TLS: the
 * bearer challenge of a 401, `GET /keys/NAME[/VERSION]`, `POST /keys/NAME/VERSION/OPERATION`; and
 * the token endpoint of an authority for one service principal. For tests, and to try the documents
 * on: `node src/kek/azure/testing/server.ts PORT FOLDER` writes its certificate to FOLDER.
 * @module
 */
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdtempSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  type Answer,
  type Asked,
  type FaultAnswers,
  KmsServer,
  type Tls,
} from "../../testing/server.ts";
import { type Body, describe, type Key, operate, pairOf, refusal } from "./keys.ts";

export interface TlsFiles extends Tls {
  /** Where `cert` is, for clients to trust. */
  readonly caFile: string;
}

/** A self-signed certificate of 127.0.0.1, in a folder. */
export function makeTls(folder: string): TlsFiles {
  const [keyFile, caFile] = [join(folder, "tls.key"), join(folder, "tls.pem")];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"].concat(
      ["-days", "2", "-keyout", keyFile, "-out", caFile],
      ["-subj", "/CN=azure", "-addext", "subjectAltName=IP:127.0.0.1"],
    ),
    { stdio: "ignore" },
  );
  return { cert: readFileSync(caFile, "utf8"), key: readFileSync(keyFile, "utf8"), caFile };
}

export const principal = {
  tenant: "11111111-2222-3333-4444-555555555555",
  client: "66666666-7777-8888-9999-000000000000",
  secret: "pW8Q~client-secret-of-the-test-principal",
} as const;

const faultAnswers: FaultAnswers = {
  broken: refusal(500, "InternalServerError", "An internal error occurred."),
  throttled: refusal(429, "Throttled", "Request was not processed because too many were made."),
  denied: refusal(403, "Forbidden", "The caller is not authorized", "ForbiddenByRbac"),
  missing: refusal(404, "KeyNotFound", "A key with (name/id) kek was not found."),
  disabled: refusal(403, "Forbidden", "not allowed on a disabled key", "KeyDisabled"),
};

export class AzureKeyServer extends KmsServer {
  readonly keys = new Map<string, Key>();
  /** Operations that have arrived with a token. */
  requests: string[] = [];
  /** What the challenge names; tokens are for it. */
  resource: string;
  readonly token = randomBytes(24).toString("hex");
  readonly #vaultUrl: string;
  readonly #caFile: string;

  constructor(tls: TlsFiles, kind: "vault" | "managedhsm" = "vault") {
    super(faultAnswers, tls);
    this.#caFile = tls.caFile;
    this.#vaultUrl = `https://strongroom.${kind}.azure.net`;
    this.resource = `https://${kind}.azure.net`;
  }

  specOf(key: Key): string {
    const query = `endpoint=${this.origin}&ca=${this.#caFile}`;
    return `azure:${this.#vaultUrl}/keys/${key.name}?${query}`;
  }

  createKey(kty: Key["kty"] = "RSA", bits = 2048): Key {
    const operations =
      kty === "oct-HSM" ? ["encrypt", "decrypt"] : ["wrapKey", "unwrapKey", "sign", "verify"];
    const key: Key = { name: `kek${this.keys.size + 1}`, kty, bits, operations, versions: [] };
    this.keys.set(key.name, key);
    this.rotate(key);
    return key;
  }

  rotate(key: Key): void {
    const version = randomBytes(16).toString("hex");
    const pair = pairOf(this.keys.size - 1 + key.versions.length, key.bits);
    const secret = randomBytes(32);
    key.versions.push({ version, pair, secret, enabled: true, expired: false });
  }

  protected override arrive({ url, headers, text }: Asked): Answer | null {
    if (!url.pathname.startsWith("/keys/")) return this.#authority(url.pathname, text);
    if (headers.authorization !== `Bearer ${this.token}`) {
      const authority = `https://login.microsoftonline.com/${principal.tenant}`;
      const challenge = `Bearer authorization="${authority}", resource="${this.resource}"`;
      const told = refusal(401, "Unauthorized", "AKV10000: Request is missing a Bearer token.");
      return { ...told, headers: { "www-authenticate": challenge } };
    }
    this.requests.push(partsOf(url).operation);
    return null;
  }

  protected override answer({ url, text }: Asked): Answer {
    if (!url.searchParams.has("api-version"))
      return refusal(400, "BadParameter", "api-version is missing");
    const { name, version, operation } = partsOf(url);
    const body: Body = text === "" ? {} : JSON.parse(text);
    const key = this.keys.get(name);
    const at = key?.versions.findLast((one) => version === "" || one.version === version);
    if (key === undefined || at === undefined)
      return refusal(404, "KeyNotFound", `A key with (name/id) ${name}/${version} was not found.`);
    const kid = `${this.#vaultUrl}/keys/${name}/${at.version}`;
    if (operation === "get") return describe(key, at, kid);
    const done = operate(key, at, operation, body);
    if (done.status !== 200 || operation === "verify") return done;
    return { ...done, body: { kid, ...(done.body as Readonly<Record<string, unknown>>) } };
  }

  /** OpenID Connect discovery and the grant of client credentials (RFC 6749, section 4.4). */
  #authority(path: string, text: string): Answer {
    const base = `${this.origin}/${principal.tenant}`;
    if (path.endsWith("/.well-known/openid-configuration")) {
      const [issuer, oauth] = [`${base}/v2.0`, `${base}/oauth2/v2.0`];
      const endpoints = { authorization_endpoint: `${oauth}/authorize`, jwks_uri: `${oauth}/keys` };
      return { status: 200, body: { issuer, token_endpoint: `${oauth}/token`, ...endpoints } };
    }
    const given = new URLSearchParams(text);
    const known =
      given.get("client_id") === principal.client &&
      given.get("client_secret") === principal.secret &&
      (given.get("scope") ?? "").startsWith(`${this.resource}/.default`);
    if (!known)
      return { status: 401, body: { error: "invalid_client", error_description: "AADSTS7000215" } };
    const token = { token_type: "Bearer", expires_in: 3600, ext_expires_in: 3600 };
    return { status: 200, body: { ...token, access_token: this.token } };
  }
}

/** `/keys/NAME[/VERSION[/OPERATION]]`. */
function partsOf(url: URL) {
  const [, , name = "", version = "", operation = "get"] = url.pathname.split("/");
  return { name, version, operation };
}

if (import.meta.main) {
  const [port = "0", folder = mkdtempSync("azure-")] = process.argv.slice(2);
  const server = await new AzureKeyServer(makeTls(folder)).listen(Number(port));
  const { tenant, client, secret } = principal;
  process.stdout.write(
    `AZURE_AUTHORITY_HOST=${server.origin} AZURE_TENANT_ID=${tenant} AZURE_CLIENT_ID=${client} ` +
      `AZURE_CLIENT_SECRET=${secret}\n${server.specOf(server.createKey())}\n`,
  );
}
