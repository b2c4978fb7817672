// Goal: whoever can reach the port without being let in costs little memory, for seconds only, and
// keeps nobody else from being answered.
import { connect as connectHttp2, constants } from "node:http2";
import { connect, type Socket } from "node:net";
import { createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AdminService } from "../proto/strongroom/admin/v1/admin_pb.ts";
import { connectAdmin } from "./client.ts";
import { doorLimits } from "./door.ts";
import { openTestPort, type TestPort } from "./testing/port.ts";

const limits = { ...doorLimits, requestMsMax: 400, connectionsMax: 8, idleMsMax: 1000 };
const path = "/strongroom.admin.v1.AdminService/";
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const settingsFrame = "\0\0\0\x04\0\0\0\0\0";

let port: TestPort;
let sockets: Socket[] = [];

beforeEach(async () => {
  port = await openTestPort({ doorLimits: limits });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets = [];
  await port.close();
});

function open(): Socket {
  const { hostname, port: number } = new URL(port.url);
  const socket = connect({ host: hostname, port: Number(number) });
  socket.on("error", () => {});
  sockets.push(socket);
  return socket;
}

/** What a connection was sent until it ended. */
function ending(socket: Socket): Promise<string> {
  let all = "";
  socket.on("data", (data) => {
    all += data.toString("latin1");
  });
  return new Promise((resolve) => socket.once("close", () => resolve(all)));
}

const answers = () => connectAdmin({ url: port.url, token: port.token }).capability();
const post = (method: string, headers: string) =>
  `POST ${path}${method} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n${headers}\r\n`;

test("hostile: connections that say nothing, or little by little, are ended", async () => {
  const silent = open();
  const half = open();
  half.write(preface.slice(0, 10));
  const headers = open();
  headers.write("POST / HTTP/1.1\r\nhost: x\r\n");
  const dripping = setInterval(() => headers.write("x-a: b\r\n"), 50);
  const bare = open();
  bare.write(preface + settingsFrame);
  const begun = performance.now();
  await Promise.all([silent, half, headers, bare].map(ending));
  clearInterval(dripping);
  expect(performance.now() - begun).toBeLessThan(limits.requestMsMax * 5);
  await answers();
});

test("hostile: pings keep no stranger in", async () => {
  const socket = open();
  socket.write(preface + settingsFrame);
  const ping = `\0\0\x08\x06\0\0\0\0\0${"p".repeat(8)}`;
  const pinging = setInterval(() => socket.write(Buffer.from(ping, "latin1")), 50);
  const begun = performance.now();
  await ending(socket);
  clearInterval(pinging);
  expect(performance.now() - begun).toBeLessThan(limits.requestMsMax * 5);
});

test("hostile: a body of a stranger is not read, however long it is", async () => {
  const socket = open();
  socket.write(post("RotateKey", `content-length: ${10 ** 12}\r\n`));
  const told = ending(socket);
  let sent = 0;
  const block = Buffer.alloc(64 * 1024, 0x20);
  while (!socket.destroyed && sent < 256 * 2 ** 20) {
    sent += block.length;
    if (!socket.write(block)) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  // Some of it fits into the buffers of the kernel. The answer may be lost in the breaking off.
  expect(sent).toBeLessThan(64 * 2 ** 20);
  expect(await told).toMatch(/^(HTTP\/1.1 401 |$)/);
  expect(port.node.calls).toEqual([]);
  await answers();
});

test("hostile: nobody is told to go on sending before being let in", async () => {
  const socket = open();
  const told = ending(socket);
  socket.write(post("RotateKey", "content-length: 2\r\nexpect: 100-continue\r\n"));
  expect(await told).toMatch(/^HTTP\/1.1 401 /);
  const friend = open();
  const heard = ending(friend);
  const bearer = `authorization: Bearer ${port.token}\r\nconnection: close\r\n`;
  friend.write(post("GetCapability", `${bearer}content-length: 2\r\nexpect: 100-continue\r\n`));
  setTimeout(() => friend.write("{}"), 100);
  expect(await heard).toMatch(/^HTTP\/1.1 100 [\s\S]*HTTP\/1.1 200 /);
});

test("hostile: too large a body is refused to a friend as well, a late one is cut", async () => {
  const bearer = { authorization: `Bearer ${port.token}`, "content-type": "application/json" };
  const body = `{"keyId":1${" ".repeat(100_000)}}`;
  const large = await fetch(`${port.url}${path}GetProof`, {
    method: "POST",
    headers: bearer,
    body,
  });
  expect(large.status).toBe(429);
  expect(await large.text()).toContain("resource_exhausted");
  const late = open();
  const begun = performance.now();
  const ended = ending(late);
  late.write(post("GetProof", `authorization: Bearer ${port.token}\r\ncontent-length: 20\r\n`));
  await ended;
  expect(performance.now() - begun).toBeLessThan(limits.requestMsMax * 5);
});

test("hostile: headers without end are refused", async () => {
  const socket = open();
  const told = ending(socket);
  socket.write(`GET / HTTP/1.1\r\nx: ${"y".repeat(64 * 1024)}`);
  expect(await told).toMatch(/^HTTP\/1.1 431 /);
});

test("hostile: odd requests end in an answer or an end, never in a crash", async () => {
  const odd = [
    "GET http://[ HTTP/1.1\r\nhost: x\r\n\r\n",
    `POST ${path}GetStatus HTTP/1.0\r\n\r\n`,
    `POST //${path}GetStatus HTTP/1.1\r\nhost: [\r\n\r\n`,
    "CONNECT x:1 HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET /metrics HTTP/1.1\r\nhost: x\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n",
    "\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03",
    "\0\0\0\0",
  ];
  const bearer = `authorization: Bearer ${port.token}\r\nconnection: close\r\n`;
  for (const text of [...odd, ...odd.map((one) => one.replace("\r\n\r\n", `\r\n${bearer}\r\n`))]) {
    const socket = open();
    const told = ending(socket);
    socket.write(Buffer.from(text, "latin1"));
    setTimeout(() => socket.end(), 200);
    await told;
  }
  await answers();
});

test("hostile: one connection of HTTP/2 gets no further after a wrong token", async () => {
  const session = connectHttp2(port.url);
  session.on("error", () => {});
  const statuses = await new Promise<number[]>((resolve) => {
    const found: number[] = [];
    session.on("close", () => resolve(found));
    for (let n = 0; n < 20; n++) {
      const stream = session.request({ ":path": `${path}GetStatus`, ":method": "POST" });
      stream.on("response", (headers) => found.push(Number(headers[":status"])));
      stream.on("error", () => {});
      stream.end();
    }
  });
  expect(statuses.every((status) => status === 401 || status === 415)).toBe(true);
  expect(port.node.calls).toEqual([]);
  await answers();
});

test("hostile: floods of resets, settings and headers are cut off", async () => {
  const reset = connectHttp2(port.url);
  reset.on("error", () => {});
  const closed = new Promise<void>((resolve) => reset.on("close", () => resolve()));
  for (let n = 0; n < 2000 && !reset.destroyed && !reset.closed; n++) {
    const stream = reset.request({ ":path": `${path}GetStatus`, ":method": "POST" });
    stream.on("error", () => {});
    stream.close(constants.NGHTTP2_CANCEL);
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;

  const settings = open();
  const ended = ending(settings);
  settings.write(preface + settingsFrame);
  const flood = Buffer.from(settingsFrame.repeat(1000), "latin1");
  for (let n = 0; n < 50 && !settings.destroyed; n++) settings.write(flood);
  await ended;
  await answers();
});

test("hostile: who only reads health is not kept as a guest", async () => {
  const session = connectHttp2(port.url);
  session.on("error", () => {});
  const ended = new Promise<void>((resolve) => session.on("close", () => resolve()));
  const stream = session.request({ ":path": "/healthz" });
  const status = new Promise((resolve) =>
    stream.on("response", (headers) => resolve(headers[":status"])),
  );
  stream.resume();
  expect(await status).toBe(200);
  const begun = performance.now();
  await ended;
  expect(performance.now() - begun).toBeLessThan(limits.requestMsMax);
  const plain = open();
  const told = ending(plain);
  plain.write("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n");
  expect(await told).toMatch(/^HTTP\/1.1 200 [\s\S]*connection: close[\s\S]*"ok"/i);
});

test("hostile: the limits of strangers do not end what a friend watches", async () => {
  const show: Interceptor = (next) => (request) => {
    request.header.set("authorization", `Bearer ${port.token}`);
    return next(request);
  };
  const options = { baseUrl: port.url, interceptors: [show] };
  const transports = [
    createGrpcTransport(options),
    createConnectTransport({ ...options, httpVersion: "1.1" }),
  ];
  for (const transport of transports) {
    await port.node.startRewrite("r", 1, 0);
    setTimeout(() => void port.node.cancelRewrite("r", 1), limits.requestMsMax * 4);
    const states: (string | undefined)[] = [];
    const client = createClient(AdminService, transport);
    for await (const { rewrite } of client.watchRewrite({ keyId: 1 })) states.push(rewrite?.state);
    expect(states).toEqual(["running", "cancelled"]);
  }
});

test("hostile: more connections than allowed are closed at once; the rest go on", async () => {
  const held = Array.from({ length: limits.connectionsMax }, () => open());
  await Promise.all(
    held.map((socket) => new Promise<void>((resolve) => socket.once("connect", resolve))),
  );
  await new Promise((resolve) => setTimeout(resolve, 50));
  const begun = performance.now();
  await ending(open());
  expect(performance.now() - begun).toBeLessThan(limits.requestMsMax);
  for (const socket of held) await (socket.destroyed || ending(socket));
  await answers();
});
