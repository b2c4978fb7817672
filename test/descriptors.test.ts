// Goal: whoever connects, password or not, leaves the node the descriptors that it needs: its log
// and store go on, others are served, and one too many is told so.
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freePort, pause, root, Server } from "./support/server.ts";

const sockets: Socket[] = [];
const servers: Server[] = [];
const pem = (name: string): string => join(root, "src/server/testdata", `${name}.pem`);
const sizes = ["--log-file-bytes", "262144", "--segment-bytes", "262144"];

afterAll(async () => {
  for (const socket of sockets) socket.destroy();
  for (const server of servers) await server.kill();
});

function limited(descriptors: number, flags: readonly string[] = []): Server {
  const prefix = ["sh", "-c", `ulimit -n ${descriptors} && exec "$@"`, "sh"];
  const server = new Server({ prefix, password: "secret", flags: [...sizes, ...flags] });
  servers.push(server);
  return server;
}

/** Connections that say nothing, and what they are told. */
async function crowd(port: number): Promise<string[]> {
  const told = Array.from({ length: 200 }, (_, n) => {
    const socket = connect(port, "127.0.0.1");
    sockets.push(socket);
    const said: string[] = [];
    socket.on("error", () => {});
    socket.on("data", (part: Buffer) => said.push(part.toString("latin1")));
    socket.on("close", () => said.push(`closed ${n}`.slice(0, 6)));
    return said;
  });
  await pause(1000);
  return told.map((said) => said.join(" "));
}

/** Enough for many files of log and store. */
async function work(server: Server): Promise<void> {
  const client = await server.client();
  for (let n = 0; n < 100; n++) await client.call("SET", `k${n}`, `${n}`.padEnd(50_000, "x"));
  await client.call("SAVE");
  await client.call("DEBUG", "DROPCACHE");
  for (let n = 0; n < 100; n++)
    expect(await client.call("GET", `k${n}`)).toBe(`${n}`.padEnd(50_000, "x"));
  client.close();
}

test("descriptors: where they are few, clients that are idle take none of the node's", async () => {
  const server = await limited(120).start();
  const first = await server.client();
  expect(server.process?.output).toMatch(/"asked":10000,"maxclients":40,"msg":"maxclients is low/);
  expect(await first.call("CONFIG", "GET", "maxclients")).toEqual(["maxclients", "40"]);
  const told = await crowd(server.port);
  const refused = told.filter((said) => said !== "");
  expect(refused.length).toBe(200 - 39);
  expect(new Set(refused)).toEqual(new Set(["-ERR max number of clients reached\r\n closed"]));
  for (const socket of sockets.splice(0, 2)) socket.destroy();
  await pause(100);
  await work(server);
  first.close();
  expect((await server.stop()).status).toBe(0);
});

test("descriptors: handshakes of TLS that never end count as clients", async () => {
  const tlsPort = await freePort();
  const tls = ["--tls-port", `${tlsPort}`, "--tls-cert", pem("cert"), "--tls-key", pem("key")];
  const server = await limited(120, [...tls, "--maxclients", "5"]).start();
  const client = await server.client();
  const told = await crowd(tlsPort);
  expect(told.filter((said) => said === "closed").length).toBe(196);
  await client.call("CONFIG", "SET", "maxclients", "10");
  await work(server);
  client.close();
  expect((await server.stop()).status).toBe(0);
});

test("descriptors: a start with too few of them is refused, and says so", async () => {
  const { status, output } = await limited(75).refused();
  expect(status).not.toBe(0);
  expect(output).toMatch(/\[SERVER_DESCRIPTORS_FEW\].*they are 75, and 81 the least/);
});
