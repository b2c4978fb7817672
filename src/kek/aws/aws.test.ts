// Goal: a key in AWS KMS wraps and opens as every KEK must, and no other key or place opens a wrap.
// Method: the AWS SDK against a local server of the documented wire protocol, with faults to order;
// and, where STRONGROOM_AWS_KMS_ENDPOINT names one (moto, LocalStack), against that peer.
import { afterAll, afterEach, expect, test } from "vitest";
import { isStrongroomError, StrongroomError } from "../../base/errors.ts";
import { systemDeps } from "../deps.ts";
import type { Environment } from "../env.ts";
import { openKek } from "../open.ts";
import type { KekProvider } from "../provider.ts";
import { quickLimits, type RemoteHarness, remoteKekSuite } from "../remote-suite.ts";
import { kekSuite } from "../suite.ts";
import { parseAwsSpec } from "./spec.ts";
import { AwsKmsServer } from "./testing/server.ts";

// Loading the SDK takes longer than the limits of these tests.
await import("@aws-sdk/client-kms");

const servers: AwsKmsServer[] = [];
const keks: KekProvider[] = [];
afterEach(() => {
  for (const kek of keks.splice(0)) kek.close();
});
afterAll(async () => {
  for (const server of servers) await server.close();
});

const secretAccessKey = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const credentials = (): Environment => ({
  AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
});
const coded = (code: string) => expect.objectContaining({ code });
const dek = () => Buffer.from(Array.from({ length: 32 }, (_, i) => i * 5));
const binding = Buffer.from("00112233445566778899aabbccddeeff0200000008", "hex");

async function serve(): Promise<AwsKmsServer> {
  const server = await new AwsKmsServer().listen();
  servers.push(server);
  return server;
}

async function open(
  spec: string,
  environment = credentials(),
  limits = quickLimits,
): Promise<KekProvider> {
  const kek = await openKek(spec, { ...systemDeps(), environment, limits });
  keks.push(kek);
  return kek;
}

const specOf = (server: AwsKmsServer, arn: string) => `aws:${arn}?endpoint=${server.origin}`;

const shared = await serve();
const sharedKeys = [shared.createKey(), shared.createKey()] as const;
kekSuite("aws", (which) => open(specOf(shared, sharedKeys[which - 1]!.arn)), 7);

remoteKekSuite("aws", async (): Promise<RemoteHarness> => {
  const server = await serve();
  const keys = [server.createKey(), server.createKey()] as const;
  return {
    faults: ["down", "hang", "broken", "throttled", "denied", "missing", "disabled", "garbage"],
    open: (which, limits) => open(specOf(server, keys[which - 1]!.arn), credentials(), limits),
    fail: (fault, count) => server.fail(fault, count),
    calm: () => server.calm(),
    calls: () => server.requests.length,
    secrets: [secretAccessKey],
  };
});

test("aws: a key that is no symmetric encryption key, or not enabled, wraps nothing", async () => {
  const server = await serve();
  const rsa = await open(specOf(server, server.createKey("RSA_2048").arn));
  await expect(rsa.wrap(dek(), binding)).rejects.toThrow(coded("KEK_UNSUITABLE"));
  const key = server.createKey();
  const kek = await open(specOf(server, key.arn));
  const wrapped = await kek.wrap(dek(), binding);
  for (const state of ["Disabled", "PendingDeletion"]) {
    key.state = state;
    await expect(kek.unwrap(wrapped, binding)).rejects.toThrow(coded("KEK_DISABLED"));
  }
  key.state = "Enabled";
  expect((await kek.unwrap(wrapped, binding)).equals(dek())).toBe(true);
});

test("aws: credentials are taken out of the environment; without any it is said so", async () => {
  const environment = credentials();
  const kek = await open(specOf(shared, sharedKeys[0].arn), environment);
  await kek.wrap(dek(), binding);
  expect(environment).toEqual({});
  const none = { AWS_EC2_METADATA_DISABLED: "true", HOME: "/nonexistent" };
  Object.assign(process.env, none);
  const bare = await open(specOf(shared, sharedKeys[0].arn), {});
  await expect(bare.wrap(dek(), binding)).rejects.toThrow(coded("KEK_CREDENTIALS"));
});

test("aws: the id is the key's ARN, wherever it is reached", async () => {
  const kek = await open(specOf(shared, sharedKeys[0].arn));
  expect(kek.id).toBe(`aws:${sharedKeys[0].arn}`);
});

test("aws spec: only ARNs of keys, only addresses that keep credentials safe", () => {
  const { arn } = sharedKeys[0];
  expect(parseAwsSpec(`${arn}?profile=ops`)).toMatchObject({
    arn,
    region: "eu-central-1",
    profile: "ops",
    endpoint: null,
  });
  for (const bad of [
    "",
    "alias/kek",
    arn.replace("key/", "alias/"),
    `${arn}?region=x`,
    `${arn}?endpoint=http://kms.example.org`,
    `${arn}?endpoint=https://user:word@kms.example.org`,
    `${arn}?profile=a&profile=b`,
    `${arn}?profile=a b`,
    `${arn}?a?b`,
  ])
    expect(() => parseAwsSpec(bad), bad).toThrow(coded("KEK_SPEC_INVALID"));
});

const peer = process.env.STRONGROOM_AWS_KMS_ENDPOINT;
if (peer !== undefined && peer !== "") {
  const { CreateKeyCommand, KMSClient } = await import("@aws-sdk/client-kms");
  const client = new KMSClient({
    region: "eu-central-1",
    endpoint: peer,
    credentials: { accessKeyId: "test", secretAccessKey: "test" },
  });
  // Said although it is the default: moto tells the usage of a key only then.
  const command = new CreateKeyCommand({ KeyUsage: "ENCRYPT_DECRYPT" });
  const make = async () => (await client.send(command)).KeyMetadata?.Arn as string;
  const arns = [await make(), await make()];
  const openPeer = async (which: 1 | 2): Promise<KekProvider> => {
    const kek = await open(`aws:${arns[which - 1]}?endpoint=${peer}`);
    const { id, provider } = kek;
    return {
      ...{ id, provider, wrap: kek.wrap.bind(kek), close: () => kek.close() },
      // Where AWS says IncorrectKeyException, moto says AccessDeniedException, without a text.
      unwrap: (wrapped, place) =>
        kek.unwrap(wrapped, place).catch((error: unknown) => {
          if (!isStrongroomError(error, "KEK_DENIED")) throw error;
          throw new StrongroomError("KEK_WRONG", "another key, as moto tells it");
        }),
    };
  };
  kekSuite("aws, a real peer", openPeer, 13);
}
