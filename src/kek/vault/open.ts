// Permanent format of a wrap by a Transit key:
//
//   offset  size  field
//        0     1  form         1: binding as associated_data; 2: of a derived key, as context too
//        1     4  key version  u32, from 1
//        5     n  ciphertext   what follows `vault:vN:`, decoded: nonce, ciphertext, tag
//
// Not the text itself: base64 as the service reads it has several spellings of the same bytes.
/**
 * A KEK in the Transit engine of HashiCorp Vault or OpenBao. The service keeps the key; DEKs are
 * sent to it over TLS and come back wrapped, the binding as `associated_data`. Hazards: a version
 * before 1.13 ignores that field (`probeKek` finds it); and an encrypt on a key that is not there
 * makes a new one where the policy allows it, so the key is looked at first.
 * @module
 */
import { StrongroomError } from "../../base/errors.ts";
import type { KekDeps } from "../deps.ts";
import { connectionFailure, tellableText, unknownFailure } from "../failures.ts";
import type { KekProvider } from "../provider.ts";
import { type KmsOperation, RemoteKek, type RemoteKms } from "../remote.ts";
import type { Attempt, Failure } from "../retry.ts";
import { readVariable } from "../secrets.ts";
import {
  objectIn,
  refusalFailure,
  textIn,
  VaultClient,
  type VaultObject,
  VaultRefusal,
} from "./client.ts";
import { VaultLogin, variableNames } from "./login.ts";
import { parseVaultSpec, type VaultSpec } from "./spec.ts";

const forms = { bound: 1, derived: 2 } as const;
const headBytes = 5;
/** Key types that authenticate associated data under 256 bits. */
const keyTypes: readonly string[] = ["aes256-gcm96", "chacha20-poly1305", "xchacha20-poly1305"];
const ciphertextText = /^vault:v([1-9]\d{0,8}):([A-Za-z0-9+/]+={0,2})$/;

/** @throws KEK_SPEC_INVALID. */
export function openVault(rest: string, scheme: string, deps: KekDeps): KekProvider {
  return new RemoteKek(new TransitKms(parseVaultSpec(scheme, rest), deps), deps);
}

class TransitKms implements RemoteKms {
  readonly id: string;
  readonly provider: string;
  readonly #spec: VaultSpec;
  readonly #client: VaultClient;
  readonly #login: VaultLogin;
  /** Known once the key was examined. */
  #derived = false;

  constructor(spec: VaultSpec, deps: KekDeps) {
    const variable = (name: string): string | null =>
      readVariable(deps.environment, variableNames(spec.provider, name));
    this.id = spec.id;
    this.provider = spec.provider;
    this.#spec = spec;
    const defaults = { namespace: variable("NAMESPACE"), caFile: variable("CACERT") };
    this.#client = new VaultClient(spec, deps.http, defaults);
    this.#login = new VaultLogin(spec, deps, this.#client);
  }

  async examine(attempt: Attempt): Promise<void> {
    const { mount, key, version } = this.#spec;
    const answer = await this.#ask("GET", `${mount}/keys/${key}`, null, attempt);
    const data = objectIn(answer, "data");
    const type = textIn(data, "type");
    if (!keyTypes.includes(type))
      throw new StrongroomError("KEK_UNSUITABLE", `its type is ${tellableText(type)}`);
    if (data.convergent_encryption === true)
      throw new StrongroomError("KEK_UNSUITABLE", "its encryption is convergent");
    if (data.soft_deleted === true) throw new StrongroomError("KEK_DISABLED", "it is deleted");
    const [latest, least] = [Number(data.latest_version), Number(data.min_encryption_version ?? 0)];
    if (version !== null && (version > latest || version < least))
      throw new StrongroomError("KEK_DISABLED", `version ${version} does not encrypt`);
    this.#derived = data.derived === true;
  }

  async wrap(dek: Uint8Array, binding: Uint8Array, attempt: Attempt): Promise<Uint8Array> {
    const { mount, key, version } = this.#spec;
    const form = this.#derived ? forms.derived : forms.bound;
    const body = {
      plaintext: base64(dek),
      ...bound(form, binding),
      ...(version === null ? {} : { key_version: version }),
    };
    const answer = await this.#ask("POST", `${mount}/encrypt/${key}`, body, attempt);
    const found = ciphertextText.exec(textIn(objectIn(answer, "data"), "ciphertext"));
    if (found === null) throw new StrongroomError("KEK_REFUSED", "a ciphertext of another form");
    const used = Number(found[1]);
    if (version !== null && used !== version)
      throw new StrongroomError("KEK_REFUSED", `version ${used} wrapped, not ${version}`);
    const ciphertext = Buffer.from(found[2] as string, "base64");
    const wrapped = Buffer.alloc(headBytes + ciphertext.length);
    wrapped.writeUInt8(form, 0);
    wrapped.writeUInt32BE(used, 1);
    ciphertext.copy(wrapped, headBytes);
    return wrapped;
  }

  async unwrap(wrapped: Uint8Array, binding: Uint8Array, attempt: Attempt): Promise<Uint8Array> {
    const { mount, key } = this.#spec;
    const bytes = Buffer.from(wrapped.buffer, wrapped.byteOffset, wrapped.length);
    const form = bytes[0];
    if (bytes.length <= headBytes || (form !== forms.bound && form !== forms.derived))
      throw new StrongroomError("KEK_WRONG", "not a wrap by a Transit key");
    const version = bytes.readUInt32BE(1);
    // The service takes 0 for 1.
    if (version === 0) throw new StrongroomError("KEK_WRONG", "a wrap by version 0");
    const ciphertext = `vault:v${version}:${base64(bytes.subarray(headBytes))}`;
    const body = { ciphertext, ...bound(form, binding) };
    const answer = await this.#ask("POST", `${mount}/decrypt/${key}`, body, attempt);
    return Buffer.from(textIn(objectIn(answer, "data"), "plaintext"), "base64");
  }

  judge(error: unknown, operation: KmsOperation): Failure {
    if (!(error instanceof VaultRefusal)) return connectionFailure(error) ?? unknownFailure(error);
    const code = codeOf(error, operation);
    if (code === null) return refusalFailure(error);
    return { error: new StrongroomError(code, tellableText(error.words)) };
  }

  close(): void {
    this.#login.close();
  }

  /** With the token that there is; once more with a new one if that is refused. */
  async #ask(
    method: "GET" | "POST",
    path: string,
    body: VaultObject | null,
    attempt: Attempt,
  ): Promise<VaultObject> {
    const token = await this.#login.token(attempt);
    try {
      return await this.#client.ask(method, path, token, body, attempt);
    } catch (error) {
      const refused = error instanceof VaultRefusal && [401, 403].includes(error.status);
      if (!refused || !this.#login.replace(token)) throw error;
      return await this.#client.ask(method, path, await this.#login.token(attempt), body, attempt);
    }
  }
}

/** What the words of a 400 or 500 mean; null if the status alone tells. */
function codeOf({ status, words }: VaultRefusal, operation: KmsOperation) {
  if (status !== 400 && status !== 500) return null;
  if (/key not found/i.test(words)) return "KEK_NOT_FOUND";
  if (/too old|disallowed by policy|soft.?deleted|is disabled/i.test(words)) return "KEK_DISABLED";
  if (
    /non-AEAD|not supported for key type|'?context'?.*(required|missing)|missing 'context'/i.test(
      words,
    )
  )
    return "KEK_UNSUITABLE";
  if (operation === "unwrap" && /ciphertext|authentication failed/i.test(words)) return "KEK_WRONG";
  return null;
}

function bound(form: number, binding: Uint8Array): Record<string, string> {
  const text = base64(binding);
  return form === forms.derived
    ? { associated_data: text, context: text }
    : { associated_data: text };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64");
}
