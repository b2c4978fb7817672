/**
 * A server that speaks the part of the AWS KMS wire protocol that a KEK needs: AWS JSON 1.1 over
 * POST, Signature Version 4 headers present, `Encrypt`, `Decrypt`, `DescribeKey`, and the
 * exceptions of the API reference. For tests, and to try the documents on:
 * `node src/kek/aws/testing/server.ts PORT`.
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import { type Answer, type Asked, type FaultAnswers, KmsServer } from "../../testing/server.ts";

interface Key {
  readonly arn: string;
  readonly secret: Buffer;
  spec: string;
  state: string;
}

function reply(body: Readonly<Record<string, unknown>>, status = 200): Answer {
  return { status, body, headers: { "content-type": "application/x-amz-json-1.1" } };
}

function exception(name: string, message: string, status = 400): Answer {
  return reply({ __type: name, message }, status);
}

const faultAnswers: FaultAnswers = {
  broken: exception("KMSInternalException", "internal failure", 500),
  throttled: exception("ThrottlingException", "Rate exceeded"),
  denied: exception("AccessDeniedException", "is not authorized to perform: kms:Encrypt"),
  missing: exception("NotFoundException", "Key does not exist"),
  disabled: exception("DisabledException", "the key is disabled"),
};

function operationOf(headers: Asked["headers"]): string {
  return String(headers["x-amz-target"] ?? "").replace("TrentService.", "");
}

/** Encryption contexts are pairs in no order. */
function aadOf(context: unknown): Buffer {
  const pairs = Object.entries((context ?? {}) as Record<string, string>).sort();
  return Buffer.from(JSON.stringify(pairs));
}

export class AwsKmsServer extends KmsServer {
  readonly keys = new Map<string, Key>();
  /** Operations that have arrived. */
  requests: string[] = [];

  constructor() {
    super(faultAnswers);
  }

  createKey(spec = "SYMMETRIC_DEFAULT"): Key {
    const arn = `arn:aws:kms:eu-central-1:111122223333:key/${randomUUID()}`;
    const key = { arn, secret: randomBytes(32), spec, state: "Enabled" };
    this.keys.set(arn, key);
    return key;
  }

  protected override arrive({ headers }: Asked): null {
    this.requests.push(operationOf(headers));
    return null;
  }

  protected override answer({ headers, text }: Asked): Answer {
    if (!/^AWS4-HMAC-SHA256 /.test(headers.authorization ?? ""))
      return exception("MissingAuthenticationToken", "Missing Authentication Token", 403);
    const operation = operationOf(headers);
    const input = JSON.parse(text) as Record<string, unknown>;
    const key = this.keys.get(String(input.KeyId));
    if (key === undefined) return exception("NotFoundException", "Key does not exist");
    if (operation === "DescribeKey") {
      const usage = key.spec === "SYMMETRIC_DEFAULT" ? "ENCRYPT_DECRYPT" : "SIGN_VERIFY";
      const metadata = { Arn: key.arn, KeySpec: key.spec, KeyState: key.state, KeyUsage: usage };
      return reply({ KeyMetadata: { KeyId: key.arn.slice(-36), ...metadata } });
    }
    if (key.state === "Disabled") return exception("DisabledException", "is disabled");
    if (key.state !== "Enabled") return exception("KMSInvalidStateException", "pending deletion");
    if (key.spec !== "SYMMETRIC_DEFAULT") return exception("InvalidKeyUsageException", "usage");
    if (operation === "Encrypt") return encrypt(key, input);
    if (operation === "Decrypt") return decrypt(key, input);
    return exception("UnknownOperationException", "unknown");
  }
}

function encrypt(key: Key, input: Record<string, unknown>): Answer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", key.secret, nonce);
  cipher.setAAD(aadOf(input.EncryptionContext));
  const sealed = cipher.update(Buffer.from(String(input.Plaintext), "base64"));
  cipher.final();
  const blob = Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64");
  return reply({ CiphertextBlob: blob, KeyId: key.arn });
}

function decrypt(key: Key, input: Record<string, unknown>): Answer {
  const blob = Buffer.from(String(input.CiphertextBlob), "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key.secret, blob.subarray(0, 12));
    decipher.setAAD(aadOf(input.EncryptionContext));
    decipher.setAuthTag(blob.subarray(-16));
    const opened = decipher.update(blob.subarray(12, -16));
    decipher.final();
    return reply({ Plaintext: opened.toString("base64"), KeyId: key.arn });
  } catch {
    return exception("InvalidCiphertextException", "");
  }
}

if (import.meta.main) {
  const server = await new AwsKmsServer().listen(Number(process.argv[2] ?? 0));
  const { arn } = server.createKey();
  process.stdout.write(`aws:${arn}?endpoint=${server.origin}\n`);
}
