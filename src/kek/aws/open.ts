/**
 * A KEK in AWS KMS: `Encrypt` and `Decrypt` with the binding as encryption context, which KMS
 * authenticates and shows in CloudTrail. Each call names the key, so that a wrap by another key of
 * the account does not open here. Hazard: the SDK tries again by itself, in its own time; it is
 * told not to. AWS KMS API Reference, Encrypt, Decrypt, DescribeKey.
 * @module
 */
import type { KMSClient } from "@aws-sdk/client-kms";
import { StrongroomError } from "../../base/errors.ts";
import type { KekDeps } from "../deps.ts";
import { connectionFailure, statusFailure, tellableText, unknownFailure } from "../failures.ts";
import type { KekProvider } from "../provider.ts";
import { type KmsOperation, Lazy, loadPeer, RemoteKek, type RemoteKms } from "../remote.ts";
import type { Attempt, Failure } from "../retry.ts";
import { takeVariable } from "../secrets.ts";
import { type AwsSpec, parseAwsSpec } from "./spec.ts";

const peer = { name: "@aws-sdk/client-kms", version: "3.1162.0" } as const;
const contextName = "strongroom";

type Sdk = typeof import("@aws-sdk/client-kms");
interface Loaded {
  readonly sdk: Sdk;
  readonly client: KMSClient;
}

/** @throws KEK_SPEC_INVALID, KEK_DRIVER_MISSING. */
export function openAws(rest: string, _scheme: string, deps: KekDeps): KekProvider {
  return new RemoteKek(new AwsKms(parseAwsSpec(rest), deps), deps);
}

class AwsKms implements RemoteKms {
  readonly id: string;
  readonly provider = "aws";
  readonly #spec: AwsSpec;
  readonly #deps: KekDeps;
  readonly #loaded = new Lazy(() => this.#load());

  constructor(spec: AwsSpec, deps: KekDeps) {
    this.id = spec.id;
    this.#spec = spec;
    this.#deps = deps;
  }

  async examine({ signal }: Attempt): Promise<void> {
    const { sdk, client } = await this.#loaded.get();
    const command = new sdk.DescribeKeyCommand({ KeyId: this.#spec.arn });
    const { KeyMetadata: key } = await client.send(command, { abortSignal: signal });
    if (key?.KeySpec !== "SYMMETRIC_DEFAULT" || key.KeyUsage !== "ENCRYPT_DECRYPT")
      throw new StrongroomError("KEK_UNSUITABLE", "no symmetric key for encryption");
    if (key.KeyState !== "Enabled")
      throw new StrongroomError("KEK_DISABLED", `its state is ${tellableText(key.KeyState ?? "")}`);
  }

  async wrap(dek: Uint8Array, binding: Uint8Array, { signal }: Attempt): Promise<Uint8Array> {
    const { sdk, client } = await this.#loaded.get();
    const command = new sdk.EncryptCommand({
      KeyId: this.#spec.arn,
      Plaintext: dek,
      EncryptionContext: contextOf(binding),
    });
    const { CiphertextBlob } = await client.send(command, { abortSignal: signal });
    if (CiphertextBlob === undefined) throw new StrongroomError("KEK_REFUSED", "no ciphertext");
    return CiphertextBlob;
  }

  async unwrap(wrapped: Uint8Array, binding: Uint8Array, { signal }: Attempt): Promise<Uint8Array> {
    const { sdk, client } = await this.#loaded.get();
    const command = new sdk.DecryptCommand({
      KeyId: this.#spec.arn,
      CiphertextBlob: wrapped,
      EncryptionContext: contextOf(binding),
    });
    const { Plaintext } = await client.send(command, { abortSignal: signal });
    if (Plaintext === undefined) throw new StrongroomError("KEK_REFUSED", "no plaintext");
    return Plaintext;
  }

  judge(error: unknown, operation: KmsOperation): Failure {
    const { name, message, $metadata } = Object(error) as {
      name?: unknown;
      message?: unknown;
      $metadata?: { httpStatusCode?: unknown };
    };
    const code = codeOf(String(name), operation);
    const words = tellableText(typeof message === "string" ? message : "");
    if (code !== null)
      return { error: new StrongroomError(code, `${tellableText(String(name))}: ${words}`) };
    const status = $metadata?.httpStatusCode;
    if (typeof status === "number" && status >= 300) return statusFailure(status, words);
    return connectionFailure(error) ?? unknownFailure(error);
  }

  close(): void {
    this.#loaded.end(({ client }) => client.destroy());
  }

  async #load(): Promise<Loaded> {
    const sdk = await loadPeer(peer.name, peer.version, () => import("@aws-sdk/client-kms"));
    const { region, endpoint, profile } = this.#spec;
    const credentials = this.#credentials();
    const client = new sdk.KMSClient({
      region,
      maxAttempts: 1,
      ...(endpoint === null ? {} : { endpoint }),
      ...(profile === null ? {} : { profile }),
      ...(credentials === null ? {} : { credentials }),
    });
    return { sdk, client };
  }

  /** From the environment, out of which they are taken; else the SDK looks where it always does. */
  #credentials() {
    if (this.#spec.profile !== null) return null;
    const take = (name: string) => takeVariable(this.#deps.environment, [name]);
    const accessKeyId = take("AWS_ACCESS_KEY_ID");
    const secretAccessKey = take("AWS_SECRET_ACCESS_KEY");
    const sessionToken = take("AWS_SESSION_TOKEN");
    if (accessKeyId === null || secretAccessKey === null) return null;
    const session = sessionToken === null ? {} : { sessionToken };
    return { accessKeyId, secretAccessKey, ...session };
  }
}

/** CloudTrail shows it: cluster, purpose and key id as hex digits. */
function contextOf(binding: Uint8Array): Record<string, string> {
  return { [contextName]: Buffer.from(binding).toString("hex") };
}

const codes = {
  KEK_NOT_FOUND: ["NotFoundException"],
  KEK_DISABLED: ["DisabledException", "KMSInvalidStateException"],
  KEK_DENIED: ["AccessDeniedException", "AccessDenied"],
  KEK_CREDENTIALS: [
    "CredentialsProviderError",
    "TokenProviderError",
    "UnrecognizedClientException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "MissingAuthenticationToken",
    "IncompleteSignature",
    "ExpiredTokenException",
  ],
  KEK_UNSUITABLE: ["InvalidKeyUsageException", "UnsupportedOperationException"],
  KEK_UNAVAILABLE: [
    "KMSInternalException",
    "DependencyTimeoutException",
    "KeyUnavailableException",
    "LimitExceededException",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "RequestTimeout",
  ],
} as const;

/** What an exception's name means; null if status or connection tells. */
function codeOf(name: string, operation: KmsOperation) {
  const forged = ["InvalidCiphertextException", "IncorrectKeyException"];
  if (operation === "unwrap" && forged.includes(name)) return "KEK_WRONG";
  for (const [code, names] of Object.entries(codes) as [keyof typeof codes, readonly string[]][])
    if (names.includes(name)) return code;
  return null;
}
