/**
 * A server that speaks the part of the AWS KMS wire protocol that a KEK needs: AWS JSON 1.1 over
 * POST, Signature Version 4 headers present, `Encrypt`, `Decrypt`, `DescribeKey`, and the
 * exceptions of the API reference. For tests, and to try the documents on:
 * `node src/kek/aws/testing/server.ts PORT`.
 * @module
 */
import { createCipheriv, createDecipheriv, randomBytes, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Fault } from "../../remote-suite.ts";

interface Key {
  readonly arn: string;
  readonly secret: Buffer;
  spec: string;
  state: string;
}

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

function exception(name: string, message: string, status = 400): Answer {
  return { status, body: { __type: name, message } };
}

const faultAnswers: Partial<Record<Fault, Answer>> = {
  broken: exception("KMSInternalException", "internal failure", 500),
  throttled: exception("ThrottlingException", "Rate exceeded"),
  denied: exception("AccessDeniedException", "is not authorized to perform: kms:Encrypt"),
  missing: exception("NotFoundException", "Key does not exist"),
  disabled: exception("DisabledException", "the key is disabled"),
};

/** Encryption contexts are pairs in no order. */
function aadOf(context: unknown): Buffer {
  const pairs = Object.entries((context ?? {}) as Record<string, string>).sort();
  return Buffer.from(JSON.stringify(pairs));
}

export class AwsKmsServer {
  readonly keys = new Map<string, Key>();
  /** Operations that have arrived. */
  requests: string[] = [];
  #server: Server | null = null;
  #fault: { kind: Fault; left: number } | null = null;
  port = 0;

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async listen(port = this.port): Promise<this> {
    const server = createServer((request, response) => void this.#serve(request, response));
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

  createKey(spec = "SYMMETRIC_DEFAULT"): Key {
    const arn = `arn:aws:kms:eu-central-1:111122223333:key/${randomUUID()}`;
    const key = { arn, secret: randomBytes(32), spec, state: "Enabled" };
    this.keys.set(arn, key);
    return key;
  }

  /** The next `count` requests meet it. */
  async fail(kind: Fault, count = Number.POSITIVE_INFINITY): Promise<void> {
    if (kind === "down") await this.close();
    else this.#fault = { kind, left: count };
  }

  async calm(): Promise<void> {
    this.#fault = null;
    if (this.#server === null) await this.listen();
  }

  #takeFault(): Fault | null {
    const fault = this.#fault;
    if (fault === null || fault.left <= 0) return null;
    fault.left--;
    return fault.kind;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const operation = String(request.headers["x-amz-target"] ?? "").replace("TrentService.", "");
    this.requests.push(operation);
    const fault = this.#takeFault();
    if (fault === "hang") return;
    if (fault === "garbage") {
      response.writeHead(200, { "content-type": "text/html" }).end("<html>welcome</html>");
      return;
    }
    const signed = /^AWS4-HMAC-SHA256 /.test(request.headers.authorization ?? "");
    const { status, body } =
      fault !== null
        ? (faultAnswers[fault] as Answer)
        : signed
          ? this.#answer(operation, JSON.parse(Buffer.concat(parts).toString("utf8")))
          : exception("MissingAuthenticationToken", "Missing Authentication Token", 403);
    const headers = { "content-type": "application/x-amz-json-1.1" };
    response.writeHead(status, headers).end(JSON.stringify(body));
  }

  #answer(operation: string, input: Record<string, unknown>): Answer {
    const key = this.keys.get(String(input.KeyId));
    if (key === undefined) return exception("NotFoundException", "Key does not exist");
    if (operation === "DescribeKey") {
      const usage = key.spec === "SYMMETRIC_DEFAULT" ? "ENCRYPT_DECRYPT" : "SIGN_VERIFY";
      const metadata = { Arn: key.arn, KeySpec: key.spec, KeyState: key.state, KeyUsage: usage };
      return { status: 200, body: { KeyMetadata: { KeyId: key.arn.slice(-36), ...metadata } } };
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
  return { status: 200, body: { CiphertextBlob: blob, KeyId: key.arn } };
}

function decrypt(key: Key, input: Record<string, unknown>): Answer {
  const blob = Buffer.from(String(input.CiphertextBlob), "base64");
  try {
    const decipher = createDecipheriv("aes-256-gcm", key.secret, blob.subarray(0, 12));
    decipher.setAAD(aadOf(input.EncryptionContext));
    decipher.setAuthTag(blob.subarray(-16));
    const opened = decipher.update(blob.subarray(12, -16));
    decipher.final();
    return { status: 200, body: { Plaintext: opened.toString("base64"), KeyId: key.arn } };
  } catch {
    return exception("InvalidCiphertextException", "");
  }
}

if (import.meta.main) {
  const server = await new AwsKmsServer().listen(Number(process.argv[2] ?? 0));
  const { arn } = server.createKey();
  process.stdout.write(`aws:${arn}?endpoint=${server.origin}\n`);
}
