// Goal: the flags of TLS and of the unix socket work from the outside: the commands that people
// type, ioredis and redis-cli as clients, over a data directory that is a link.
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import { afterAll, expect, test } from "vitest";
import { freePort, root, Server, temporaryFolder } from "./support/server.ts";

const cert = join(root, "src/server/testdata/cert.pem");
const key = join(root, "src/server/testdata/key.pem");
const folder = temporaryFolder();
const running: Server[] = [];

afterAll(async () => {
  for (const server of running) await server.kill();
});

async function serve(flags: readonly string[], dataDir?: string): Promise<Server> {
  const server = new Server({ flags, ...(dataDir === undefined ? {} : { dataDir }) });
  running.push(server);
  return server.start();
}

function cli(...args: string[]): string {
  try {
    return execFileSync("redis-cli", args, { encoding: "utf8", stdio: "pipe" }).trim();
  } catch (error) {
    return `failed: ${(error as { stderr?: string }).stderr ?? ""}`;
  }
}

test("transports: TLS with a certificate of the client, for redis-cli and ioredis", async () => {
  const tlsPort = await freePort();
  const tls = ["--tls-port", `${tlsPort}`, "--tls-cert", cert, "--tls-key", key, "--tls-ca", cert];
  await serve(tls);
  const at = ["-h", "localhost", "-p", `${tlsPort}`];
  const own = ["--tls", "--cacert", cert, "--cert", cert, "--key", key];
  expect(cli(...at, ...own, "set", "k", "over tls")).toBe("OK");
  expect(cli(...at, "--tls", "--cacert", cert, "get", "k")).not.toBe("over tls");
  expect(cli(...at, "get", "k")).not.toBe("over tls");
  const [ca, keyText] = [readFileSync(cert), readFileSync(key)];
  const options = { host: "localhost", port: tlsPort, maxRetriesPerRequest: 1 };
  const client = new Redis({ ...options, tls: { ca, cert: ca, key: keyText } });
  expect(await client.get("k")).toBe("over tls");
  const value = "large ".repeat(200_000);
  expect(await client.set("large", value)).toBe("OK");
  expect((await client.get("large")) === value).toBe(true);
  client.disconnect();
});

test("transports: TLS where clients need no certificate", async () => {
  const tlsPort = await freePort();
  const tls = ["--tls-port", `${tlsPort}`, "--tls-cert", cert, "--tls-key", key];
  await serve(tls);
  const at = ["-h", "localhost", "-p", `${tlsPort}`, "--tls", "--cacert", cert];
  expect(cli(...at, "ping")).toBe("PONG");
});

test("transports: a unix socket, and a data directory that is a link", async () => {
  const path = join(folder, "socket");
  mkdirSync(join(folder, "disk"), { mode: 0o700 });
  symlinkSync(join(folder, "disk"), join(folder, "data"));
  const server = await serve(["--unixsocket", path], join(folder, "data"));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(cli("-s", path, "set", "k", "over a file")).toBe("OK");
  const client = new Redis({ path, maxRetriesPerRequest: 1 });
  expect(await client.get("k")).toBe("over a file");
  expect(await client.client("LIST")).toContain(`addr=${path}:0`);
  client.disconnect();
  await server.kill();
  await server.start();
  expect(cli("-s", path, "get", "k")).toBe("over a file");
  expect(statSync(join(folder, "disk", "store")).isDirectory()).toBe(true);
});
