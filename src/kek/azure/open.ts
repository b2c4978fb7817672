/**
 * A KEK in Azure Key Vault or a Managed HSM. A symmetric key (`oct-HSM`) encrypts by A256GCM with
 * the binding as additional authenticated data. An RSA key carries no binding, so it wraps by
 * RSA-OAEP-256 and signs by PS256 what it wrapped together with its place; the signature is
 * verified before anything is unwrapped. Each wrap is made by the latest version of the key and
 * names it. Azure Key Vault REST API, Keys; docs/formats/kek-services.md.
 * @module
 */
import type { KeyVaultKey } from "@azure/keyvault-keys";
import { StrongroomError } from "../../base/errors.ts";
import type { KekDeps } from "../deps.ts";
import { tellableText } from "../failures.ts";
import type { KekProvider } from "../provider.ts";
import { type KmsOperation, Lazy, RemoteKek, type RemoteKms } from "../remote.ts";
import type { Attempt, Failure } from "../retry.ts";
import { type AzureClients, loadAzure } from "./client.ts";
import { isMissing, judgeAzure } from "./judge.ts";
import {
  type AesWrap,
  decodeWrap,
  encodeWrap,
  modulusBytesMin,
  type RsaWrap,
  signedDigest,
} from "./layout.ts";
import { type AzureSpec, parseAzureSpec } from "./spec.ts";

/** @throws KEK_SPEC_INVALID. */
export function openAzure(rest: string, _scheme: string, deps: KekDeps): KekProvider {
  return new RemoteKek(new AzureKms(parseAzureSpec(rest), deps), deps);
}

interface Latest {
  readonly kind: "aes" | "rsa";
  readonly version: string;
}

class AzureKms implements RemoteKms {
  readonly id: string;
  readonly provider = "azure";
  readonly #spec: AzureSpec;
  readonly #clients: Lazy<AzureClients>;

  constructor(spec: AzureSpec, deps: KekDeps) {
    this.id = spec.id;
    this.#spec = spec;
    this.#clients = new Lazy(() => loadAzure(spec, deps));
  }

  async examine(attempt: Attempt): Promise<void> {
    await this.#latest(attempt);
  }

  async wrap(dek: Uint8Array, binding: Uint8Array, attempt: Attempt): Promise<Uint8Array> {
    const { kind, version } = await this.#latest(attempt);
    const client = (await this.#clients.get()).version(version);
    const options = { abortSignal: attempt.signal };
    if (kind === "aes") {
      const parameters = {
        algorithm: "A256GCM",
        plaintext: dek,
        additionalAuthenticatedData: binding,
      } as const;
      const sealed = await client.encrypt(parameters, options);
      const [iv, tag] = [bytesOf(sealed.iv), bytesOf(sealed.authenticationTag)];
      return encodeWrap({ kind, version, iv, ciphertext: bytesOf(sealed.result), tag });
    }
    const ciphertext = bytesOf((await client.wrapKey("RSA-OAEP-256", dek, options)).result);
    const digest = signedDigest(version, binding, ciphertext);
    const signature = bytesOf((await client.sign("PS256", digest, options)).result);
    return encodeWrap({ kind, version, ciphertext, signature });
  }

  async unwrap(wrapped: Uint8Array, binding: Uint8Array, attempt: Attempt): Promise<Uint8Array> {
    const wrap = decodeWrap(wrapped);
    try {
      return wrap.kind === "aes"
        ? await this.#decrypt(wrap, binding, attempt)
        : await this.#unwrapKey(wrap, binding, attempt);
    } catch (error) {
      if (!isMissing(error)) throw error;
      // Key or version? If the key is there, the wrap names a version that it never had.
      const { keys } = await this.#clients.get();
      await keys.getKey(this.#spec.key, { abortSignal: attempt.signal });
      throw new StrongroomError("KEK_WRONG", "the key has no such version");
    }
  }

  async #decrypt(wrap: AesWrap, binding: Uint8Array, { signal }: Attempt): Promise<Uint8Array> {
    const client = (await this.#clients.get()).version(wrap.version);
    const parameters = {
      algorithm: "A256GCM",
      ciphertext: wrap.ciphertext,
      iv: wrap.iv,
      authenticationTag: wrap.tag,
      additionalAuthenticatedData: binding,
    } as const;
    return bytesOf((await client.decrypt(parameters, { abortSignal: signal })).result);
  }

  async #unwrapKey(wrap: RsaWrap, binding: Uint8Array, { signal }: Attempt): Promise<Uint8Array> {
    const { version, ciphertext, signature } = wrap;
    const client = (await this.#clients.get()).version(version);
    const options = { abortSignal: signal };
    const digest = signedDigest(version, binding, ciphertext);
    const { result: valid } = await client.verify("PS256", digest, signature, options);
    if (!valid) throw new StrongroomError("KEK_WRONG", "its signature is not of this key");
    return bytesOf((await client.unwrapKey("RSA-OAEP-256", ciphertext, options)).result);
  }

  /** Looks at the key anew: it may have been rotated. @throws KEK_UNSUITABLE, KEK_DISABLED. */
  async #latest({ signal }: Attempt): Promise<Latest> {
    const { keys } = await this.#clients.get();
    const key = await keys.getKey(this.#spec.key, { abortSignal: signal });
    const kind = kindOf(key);
    if (key.properties.enabled !== true) throw new StrongroomError("KEK_DISABLED", "switched off");
    return { kind, version: key.properties.version ?? "" };
  }

  judge(error: unknown, operation: KmsOperation): Failure {
    return judgeAzure(error, operation);
  }

  close(): void {
    // Connections are the SDK's own and idle ones keep nothing alive.
    this.#clients.end(() => {});
  }
}

function kindOf({ keyType, keyOperations = [], key }: KeyVaultKey): "aes" | "rsa" {
  const needs = (operations: readonly string[]) => {
    const missing = operations.filter((name) => !keyOperations.includes(name));
    if (missing.length > 0)
      throw new StrongroomError("KEK_UNSUITABLE", `key_ops lacks ${missing.join(", ")}`);
  };
  if (keyType === "oct-HSM") {
    needs(["encrypt", "decrypt"]);
    return "aes";
  }
  if (keyType !== "RSA" && keyType !== "RSA-HSM")
    throw new StrongroomError("KEK_UNSUITABLE", `its type is ${tellableText(String(keyType))}`);
  if (bytesOf(key?.n).length < modulusBytesMin)
    throw new StrongroomError("KEK_UNSUITABLE", "RSA below 2048 bits");
  needs(["wrapKey", "unwrapKey", "sign", "verify"]);
  return "rsa";
}

/** @throws KEK_REFUSED if an answer lacks the field. */
function bytesOf(field: Uint8Array | undefined): Uint8Array {
  if (field === undefined) throw new StrongroomError("KEK_REFUSED", "an answer without its bytes");
  return field;
}
