/**
 * Where the token comes from: VAULT_TOKEN, a token file that an agent keeps fresh, or a login
 * (AppRole, Kubernetes, JWT). Hazard: a token that ends while the node runs for months. A KEK is
 * asked a few times a year, so a login's token is not renewed: it is thrown away near its end, or
 * when it is refused, and the next call logs in again.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { KekDeps } from "../deps.ts";
import type { Attempt } from "../retry.ts";
import { readSecretText, readVariable, takeVariable } from "../secrets.ts";
import { objectIn, textIn, type VaultClient, VaultRefusal } from "./client.ts";
import type { VaultSpec } from "./spec.ts";

const kubernetesTokenFile = "/var/run/secrets/kubernetes.io/serviceaccount/token";
/** Of its lease; afterwards a token counts as ended. */
const leaseShare = 0.8;

/** Names of a variable: OpenBao's own first, for both speak of VAULT_ too. */
export function variableNames(provider: string, name: string): string[] {
  return provider === "openbao" ? [`BAO_${name}`, `VAULT_${name}`] : [`VAULT_${name}`];
}

export class VaultLogin {
  readonly #spec: VaultSpec;
  readonly #deps: KekDeps;
  readonly #client: VaultClient;
  #token: string | null = null;
  #endsMs = Number.POSITIVE_INFINITY;

  constructor(spec: VaultSpec, deps: KekDeps, client: VaultClient) {
    this.#spec = spec;
    this.#deps = deps;
    this.#client = client;
    // Out of the environment at once, not only when the service is first asked.
    for (const name of ["TOKEN", "SECRET_ID"]) this.#secret(name);
  }

  /** @throws KEK_CREDENTIALS, KEK_DENIED; as the client. */
  async token(attempt: Attempt): Promise<string> {
    if (this.#token !== null && this.#deps.clock.monotonicMs() < this.#endsMs) return this.#token;
    this.#endsMs = Number.POSITIVE_INFINITY;
    this.#token = this.#spec.auth === "token" ? this.#given() : await this.#login(attempt);
    return this.#token;
  }

  /** A token was refused: true if there may be another. */
  replace(refused: string): boolean {
    if (this.#token === refused) this.#token = null;
    if (this.#spec.auth !== "token") return true;
    return this.#tokenFile() !== null && this.#given() !== refused;
  }

  close(): void {
    this.#token = null;
  }

  #secret(name: string): string | null {
    return takeVariable(this.#deps.environment, variableNames(this.#spec.provider, name));
  }

  #variable(name: string): string | null {
    return readVariable(this.#deps.environment, variableNames(this.#spec.provider, name));
  }

  #tokenFile(): string | null {
    return this.#spec.tokenFile ?? this.#variable("TOKEN_FILE");
  }

  #given(): string {
    const { provider, tokenFile } = this.#spec;
    const named = tokenFile === null ? this.#secret("TOKEN") : null;
    if (named !== null) return headerSafe(named);
    const file = this.#tokenFile();
    if (file !== null) return headerSafe(readSecretText(file));
    const [token] = variableNames(provider, "TOKEN");
    throw new StrongroomError("KEK_CREDENTIALS", `neither ${token} nor ${token}_FILE is set`);
  }

  async #login(attempt: Attempt): Promise<string> {
    const { auth, authMount } = this.#spec;
    const body = auth === "approle" ? this.#appRole() : this.#jwt();
    try {
      const answer = await this.#client.ask("POST", `auth/${authMount}/login`, null, body, attempt);
      const granted = objectIn(answer, "auth");
      const seconds = Number(granted.lease_duration);
      if (seconds > 0) this.#endsMs = this.#deps.clock.monotonicMs() + seconds * 1000 * leaseShare;
      return headerSafe(textIn(granted, "client_token"));
    } catch (error) {
      // A wrong secret id is a 400, a wrong role too: neither will do better next time.
      if (error instanceof VaultRefusal && [400, 401, 403, 404].includes(error.status))
        throw new StrongroomError("KEK_DENIED", `the ${auth} login was refused`, { cause: error });
      throw error;
    }
  }

  #appRole(): Record<string, string> {
    const { role, secretIdFile } = this.#spec;
    const roleId = role ?? this.#variable("ROLE_ID");
    if (roleId === null)
      throw new StrongroomError("KEK_CREDENTIALS", "approle needs role= or VAULT_ROLE_ID");
    const file = secretIdFile ?? this.#variable("SECRET_ID_FILE");
    const secretId = file === null ? this.#secret("SECRET_ID") : readSecretText(file);
    if (secretId === null)
      throw new StrongroomError("KEK_CREDENTIALS", "approle needs VAULT_SECRET_ID or its file");
    return { role_id: roleId, secret_id: secretId };
  }

  #jwt(): Record<string, string> {
    const { auth, role, jwtFile } = this.#spec;
    if (role === null) throw new StrongroomError("KEK_CREDENTIALS", `${auth} needs role=`);
    const file = jwtFile ?? (auth === "kubernetes" ? kubernetesTokenFile : null);
    if (file === null) throw new StrongroomError("KEK_CREDENTIALS", "jwt needs jwt-file=");
    return { role, jwt: readSecretText(file, { shared: true }) };
  }
}

/** A header takes no blanks and line ends: such a token was cut or pasted wrongly. */
function headerSafe(token: string): string {
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new StrongroomError("KEK_CREDENTIALS", "the token holds blanks or is not ASCII");
}
