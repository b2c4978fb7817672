/**
 * A KEK in Google Cloud KMS: `Encrypt` and `Decrypt` of a symmetric key with the binding as
 * additional authenticated data, over REST. The ciphertext names the version that made it, so wraps
 * of older versions open as long as those are enabled. Hazards: damage on the way, which CRC-32C
 * finds in both directions; an SDK that tries again by itself, in its own time; errors of the
 * SDK that carry a request with its token, so none of them is kept as a cause. Cloud KMS API v1,
 * CryptoKey.encrypt and decrypt; docs/formats/kek-services.md.
 * @module
 */
import type { KeyManagementServiceClient } from "@google-cloud/kms";
import { StrongroomError } from "../../base/errors.ts";
import type { KekDeps } from "../deps.ts";
import { connectionFailure, withoutCause } from "../failures.ts";
import type { KekProvider } from "../provider.ts";
import { type KmsOperation, Lazy, loadPeer, RemoteKek, type RemoteKms } from "../remote.ts";
import type { Attempt, Failure } from "../retry.ts";
import { crc32c } from "./crc32c.ts";
import { judgeGcp } from "./judge.ts";
import { type GcpSpec, parseGcpSpec } from "./spec.ts";

const peer = { name: "@google-cloud/kms", version: "6.3.0" } as const;
const service = "google.cloud.kms.v1.KeyManagementService";
/** Methods of the SDK that shall not repeat themselves. */
const unrepeated = { GetCryptoKey: null, Encrypt: null, Decrypt: null };
/** Those that take additional authenticated data. */
const algorithms: readonly unknown[] = [
  "GOOGLE_SYMMETRIC_ENCRYPTION",
  "EXTERNAL_SYMMETRIC_ENCRYPTION",
];

/** @throws KEK_SPEC_INVALID. */
export function openGcp(rest: string, _scheme: string, deps: KekDeps): KekProvider {
  return new RemoteKek(new GcpKms(parseGcpSpec(rest)), deps);
}

class GcpKms implements RemoteKms {
  readonly id: string;
  readonly provider = "gcp";
  readonly #spec: GcpSpec;
  readonly #client = new Lazy(() => this.#load());

  constructor(spec: GcpSpec) {
    this.id = spec.id;
    this.#spec = spec;
  }

  async examine({ signal }: Attempt): Promise<void> {
    const client = await this.#client.get();
    const [key] = await client.getCryptoKey({ name: this.#spec.name }, { signal });
    if (key.purpose !== "ENCRYPT_DECRYPT")
      throw new StrongroomError("KEK_UNSUITABLE", "no symmetric key for encryption");
    const { primary } = key;
    if (primary?.state !== "ENABLED")
      throw new StrongroomError("KEK_DISABLED", "its primary version is not enabled");
    if (!algorithms.includes(primary.algorithm))
      throw new StrongroomError("KEK_UNSUITABLE", "its algorithm carries no binding");
  }

  async wrap(dek: Uint8Array, binding: Uint8Array, { signal }: Attempt): Promise<Uint8Array> {
    const client = await this.#client.get();
    const request = {
      name: this.#spec.name,
      plaintext: dek,
      plaintextCrc32c: { value: crc32c(dek) },
      additionalAuthenticatedData: binding,
      additionalAuthenticatedDataCrc32c: { value: crc32c(binding) },
    };
    const [answer] = await client.encrypt(request, { signal });
    const { name, verifiedPlaintextCrc32c, verifiedAdditionalAuthenticatedDataCrc32c } = answer;
    const ciphertext = bytesOf(answer.ciphertext);
    if (ciphertext.length === 0) throw new StrongroomError("KEK_REFUSED", "no ciphertext");
    if (!String(name).startsWith(`${this.#spec.name}/cryptoKeyVersions/`))
      throw new StrongroomError("KEK_REFUSED", "it wrapped by another key");
    if (verifiedPlaintextCrc32c !== true || verifiedAdditionalAuthenticatedDataCrc32c !== true)
      throw damaged("the request");
    checkSum(ciphertext, answer.ciphertextCrc32c, "the ciphertext");
    return ciphertext;
  }

  async unwrap(wrapped: Uint8Array, binding: Uint8Array, { signal }: Attempt): Promise<Uint8Array> {
    const client = await this.#client.get();
    const request = {
      name: this.#spec.name,
      ciphertext: wrapped,
      ciphertextCrc32c: { value: crc32c(wrapped) },
      additionalAuthenticatedData: binding,
      additionalAuthenticatedDataCrc32c: { value: crc32c(binding) },
    };
    const [answer] = await client.decrypt(request, { signal });
    const plaintext = bytesOf(answer.plaintext);
    checkSum(plaintext, answer.plaintextCrc32c, "the plaintext");
    return plaintext;
  }

  judge(error: unknown, operation: KmsOperation): Failure {
    return judgeGcp(error, operation);
  }

  close(): void {
    this.#client.end((client) => client.close());
  }

  async #load(): Promise<KeyManagementServiceClient> {
    const sdk = await loadPeer(peer.name, peer.version, () => import("@google-cloud/kms"));
    const { endpoint } = this.#spec;
    const address =
      endpoint === null
        ? {}
        : { apiEndpoint: endpoint.hostname, port: endpoint.port, protocol: endpoint.protocol };
    const client = new sdk.KeyManagementServiceClient({
      fallback: true,
      // What may pass is tried again by RemoteKek alone.
      clientConfig: { interfaces: { [service]: { methods: unrepeated } } },
      ...address,
    });
    try {
      // Application Default Credentials, of which only a path stands in the environment.
      await client.initialize();
    } catch (error) {
      const failure = connectionFailure(error);
      if (failure !== null) throw withoutCause(failure).error;
      throw new StrongroomError("KEK_CREDENTIALS", "no usable Google credentials are found");
    }
    return client;
  }
}

/** The REST transport gives bytes; a field that is not there is empty. */
function bytesOf(field: Uint8Array | string | null | undefined): Uint8Array {
  if (field === null || field === undefined) return new Uint8Array();
  return typeof field === "string" ? Buffer.from(field, "base64") : field;
}

/** Throws what may pass: KMS asks to discard such an answer and to try again. */
function damaged(what: string): StrongroomError {
  return new StrongroomError("KEK_UNAVAILABLE", `${what} was damaged on the way`);
}

function checkSum(bytes: Uint8Array, told: unknown, what: string): void {
  const { value } = Object(told) as { value?: unknown };
  if (String(value) !== String(crc32c(bytes))) throw damaged(what);
}
