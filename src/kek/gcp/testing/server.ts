/**
 * A server that speaks the part of the Cloud KMS REST API v1 that a KEK needs: `get`, `:encrypt`,
 * `:decrypt` of CryptoKeys with their CRC-32C fields, versions, self-signed tokens of a service
 * account, and errors as google.rpc.Status. For tests, and to try the documents on:
 * `node src/kek/gcp/testing/server.ts PORT CREDENTIALS` writes that account's file.
 * @module
 */
import {
  createCipheriv,
  createDecipheriv,
  generateKeyPairSync,
  randomBytes,
  verify,
} from "node:crypto";
import { writeFileSync } from "node:fs";
import { type Answer, type Asked, type FaultAnswers, KmsServer } from "../../testing/server.ts";
import { crc32c } from "../crc32c.ts";

interface Version {
  readonly secret: Buffer;
  state: "ENABLED" | "DISABLED" | "DESTROYED";
}

interface Key {
  readonly name: string;
  purpose: "ENCRYPT_DECRYPT" | "ASYMMETRIC_SIGN";
  /** Version 1 is the first; the last is the primary one. */
  readonly versions: Version[];
}

type Body = Readonly<Record<string, string | undefined>>;

function failure(code: number, status: string, message: string): Answer {
  return { status: code, body: { error: { code, message, status } } };
}

const faultAnswers: FaultAnswers = {
  broken: failure(500, "INTERNAL", "Internal error encountered."),
  throttled: failure(429, "RESOURCE_EXHAUSTED", "Quota exceeded for quota metric"),
  denied: failure(403, "PERMISSION_DENIED", "Permission 'useToEncrypt' denied on resource"),
  missing: failure(404, "NOT_FOUND", "CryptoKey not found."),
  disabled: failure(400, "FAILED_PRECONDITION", "is not enabled, current state is: DISABLED."),
};

/** Numbers of the API's enums, since clients ask for `enum-encoding=int`. */
const numbers = {
  purpose: { ENCRYPT_DECRYPT: 1, ASYMMETRIC_SIGN: 5 },
  state: { ENABLED: 1, DISABLED: 2, DESTROYED: 3 },
  algorithm: { ENCRYPT_DECRYPT: 1, ASYMMETRIC_SIGN: 12 },
} as const;

const account = generateKeyPairSync("rsa", { modulusLength: 2048 });
const email = "strongroom@example.iam.gserviceaccount.com";

/** A credentials file as `gcloud iam service-accounts keys create` writes it. */
export function serviceAccount(): string {
  return JSON.stringify({
    type: "service_account",
    project_id: "example",
    private_key_id: "1",
    private_key: account.privateKey.export({ type: "pkcs8", format: "pem" }),
    client_email: email,
    client_id: "1",
    token_uri: "https://oauth2.googleapis.com/token",
  });
}

export class GcpKmsServer extends KmsServer {
  readonly keys = new Map<string, Key>();
  /** Operations that have arrived. */
  requests: string[] = [];
  /** Changes an answer to `encrypt` or `decrypt` before it goes out. */
  spoil: ((body: Record<string, unknown>) => void) | null = null;

  constructor() {
    super(faultAnswers);
  }

  createKey(purpose: Key["purpose"] = "ENCRYPT_DECRYPT"): Key {
    const ring = "projects/example/locations/europe-west3/keyRings/strongroom";
    const name = `${ring}/cryptoKeys/kek-${this.keys.size + 1}`;
    const key: Key = { name, purpose, versions: [] };
    this.rotate(key);
    this.keys.set(name, key);
    return key;
  }

  /** A new primary version; the older ones stay enabled. */
  rotate(key: Key): void {
    key.versions.push({ secret: randomBytes(32), state: "ENABLED" });
  }

  protected override arrive({ url }: Asked): null {
    this.requests.push(partsOf(url).operation);
    return null;
  }

  protected override answer({ url, headers, text }: Asked): Answer {
    if (!isSigned(headers.authorization ?? ""))
      return failure(401, "UNAUTHENTICATED", "invalid authentication credentials");
    const { name, operation } = partsOf(url);
    const { status, body } = this.#run(name, operation, text === "" ? {} : JSON.parse(text));
    const told = { ...(body as Readonly<Record<string, unknown>>) };
    if (status === 200 && operation !== "get") this.spoil?.(told);
    return { status, body: told };
  }

  #run(name: string, operation: string, input: Body): Answer {
    const key = this.keys.get(name);
    if (key === undefined) return failure(404, "NOT_FOUND", "CryptoKey not found.");
    if (operation === "get") return { status: 200, body: describe(key) };
    if (key.purpose !== "ENCRYPT_DECRYPT")
      return failure(400, "FAILED_PRECONDITION", "The purpose does not fit.");
    for (const field of ["plaintext", "ciphertext", "additionalAuthenticatedData"]) {
      const [bytes, sum] = [input[field], input[`${field}Crc32c`]];
      if (bytes !== undefined && sum !== String(crc32c(Buffer.from(bytes, "base64"))))
        return failure(400, "INVALID_ARGUMENT", `The checksum in field ${field}_crc32c differs.`);
    }
    if (operation === "encrypt") return encrypt(key, input);
    if (operation === "decrypt") return decrypt(key, input);
    return failure(404, "NOT_FOUND", "no such method");
  }
}

/** `/v1/NAME:OPERATION`, or `/v1/NAME` to get it. */
function partsOf(url: URL): { readonly name: string; readonly operation: string } {
  const [name = "", operation = "get"] = url.pathname.replace(/^\/v1\//, "").split(":");
  return { name, operation };
}

/** A self-signed token: RFC 7519 with RS256, of this account, not over yet. */
function isSigned(authorization: string): boolean {
  const [, head, claims, signature] = /^Bearer ([\w-]+)\.([\w-]+)\.([\w-]+)$/.exec(
    authorization,
  ) ?? [null, "", "", ""];
  const signed = Buffer.from(`${head}.${claims}`);
  const proof = Buffer.from(signature as string, "base64url");
  if (!verify("sha256", signed, account.publicKey, proof)) return false;
  const { iss, exp } = JSON.parse(Buffer.from(claims as string, "base64url").toString("utf8"));
  return iss === email && exp * 1000 > Date.now();
}

function describe(key: Key): Record<string, unknown> {
  const { purpose } = key;
  const described = { name: key.name, purpose: numbers.purpose[purpose] };
  if (purpose !== "ENCRYPT_DECRYPT") return described;
  const state = numbers.state[(key.versions.at(-1) as Version).state];
  const name = `${key.name}/cryptoKeyVersions/${key.versions.length}`;
  return { ...described, primary: { name, state, algorithm: numbers.algorithm[purpose] } };
}

function notEnabled(version: Version): Answer | null {
  if (version.state === "ENABLED") return null;
  const text = `The version is not enabled, current state is: ${version.state}.`;
  return failure(400, "FAILED_PRECONDITION", text);
}

const aadOf = (input: Body) => Buffer.from(input.additionalAuthenticatedData ?? "", "base64");

function encrypt(key: Key, input: Body): Answer {
  const version = key.versions.at(-1) as Version;
  const refused = notEnabled(version);
  if (refused !== null) return refused;
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", version.secret, nonce);
  cipher.setAAD(aadOf(input));
  const sealed = cipher.update(Buffer.from(input.plaintext ?? "", "base64"));
  cipher.final();
  // The real one is opaque too and names its version inside.
  const made = Buffer.of(key.versions.length);
  const ciphertext = Buffer.concat([made, nonce, sealed, cipher.getAuthTag()]);
  const body = {
    name: `${key.name}/cryptoKeyVersions/${key.versions.length}`,
    ciphertext: ciphertext.toString("base64"),
    ciphertextCrc32c: String(crc32c(ciphertext)),
    verifiedPlaintextCrc32c: input.plaintextCrc32c !== undefined,
    verifiedAdditionalAuthenticatedDataCrc32c:
      input.additionalAuthenticatedDataCrc32c !== undefined,
    protectionLevel: 1,
  };
  return { status: 200, body };
}

function decrypt(key: Key, input: Body): Answer {
  const blob = Buffer.from(input.ciphertext ?? "", "base64");
  const wrong = failure(400, "INVALID_ARGUMENT", "Decryption failed: the ciphertext is invalid.");
  const version = key.versions[(blob[0] ?? 0) - 1];
  if (version === undefined) return wrong;
  const refused = notEnabled(version);
  if (refused !== null) return refused;
  try {
    const decipher = createDecipheriv("aes-256-gcm", version.secret, blob.subarray(1, 13));
    decipher.setAAD(aadOf(input));
    decipher.setAuthTag(blob.subarray(-16));
    const opened = decipher.update(blob.subarray(13, -16));
    decipher.final();
    const plaintext = opened.toString("base64");
    return { status: 200, body: { plaintext, plaintextCrc32c: String(crc32c(opened)) } };
  } catch {
    return wrong;
  }
}

if (import.meta.main) {
  const [port = "0", path] = process.argv.slice(2);
  const server = await new GcpKmsServer().listen(Number(port));
  if (path !== undefined) writeFileSync(path, serviceAccount(), { mode: 0o600 });
  process.stdout.write(`gcp:${server.createKey().name}?endpoint=${server.origin}\n`);
}
