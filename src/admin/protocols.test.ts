// Goal: one port answers gRPC, gRPC-Web and Connect over HTTP/1.1 and HTTP/2, and JSON by curl, all
// alike, and tells a refusal in each of them.
import { execFile } from "node:child_process";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import { promisify } from "node:util";
import { Code, ConnectError, createClient, type Interceptor } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { StrongroomError } from "../base/errors.ts";
import { AdminService, RefusalSchema } from "../proto/strongroom/admin/v1/admin_pb.ts";
import { openTestPort, type TestPort } from "./testing/port.ts";

let port: TestPort;
const path = "/strongroom.admin.v1.AdminService/";

beforeEach(async () => {
  port = await openTestPort();
});

afterEach(() => port.close());

const showing =
  (token: string): Interceptor =>
  (next) =>
  (request) => {
    request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };

const transports = {
  "gRPC over HTTP/2": (baseUrl: string, token: string) =>
    createGrpcTransport({ baseUrl, interceptors: [showing(token)] }),
  "gRPC-Web over HTTP/1.1": (baseUrl: string, token: string) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "1.1", interceptors: [showing(token)] }),
  "gRPC-Web over HTTP/2": (baseUrl: string, token: string) =>
    createGrpcWebTransport({ baseUrl, httpVersion: "2", interceptors: [showing(token)] }),
  "Connect over HTTP/1.1, JSON": (baseUrl: string, token: string) =>
    createConnectTransport({
      baseUrl,
      httpVersion: "1.1",
      useBinaryFormat: false,
      interceptors: [showing(token)],
    }),
  "Connect over HTTP/2": (baseUrl: string, token: string) =>
    createConnectTransport({ baseUrl, httpVersion: "2", interceptors: [showing(token)] }),
};

describe.each(Object.entries(transports))("protocols: %s", (_name, transport) => {
  const client = (token = port.token) => createClient(AdminService, transport(port.url, token));
  const refused = (call: Promise<unknown>): Promise<ConnectError> =>
    call.then(
      () => new ConnectError("no error"),
      (error) => ConnectError.from(error),
    );

  test("answers a question, a change and a stream", async () => {
    const { keyring } = await client().getStatus({});
    expect(keyring?.active).toMatchObject({ storage: 1, log: 2, index: 3 });
    const { keyId, applied } = await client().rotateKey({ purpose: "log" });
    expect([keyId, applied?.appliedIndex]).toEqual([4, 6n]);
    expect(applied?.requestId).toMatch(/^[0-9a-f]{32}$/);
    await port.node.startRewrite("r", 1, 0);
    const states: (string | undefined)[] = [];
    for await (const { rewrite } of client().watchRewrite({ keyId: 1 })) {
      states.push(rewrite?.state);
      if (rewrite?.state === "running") await port.node.cancelRewrite("r", 1);
    }
    expect(states).toEqual(["running", "cancelled"]);
  });

  test("tells a refusal as code and detail", async () => {
    port.node.failure = new StrongroomError("NODE_HALTED", "entry 5");
    const error = await refused(client().rotateKey({ purpose: "log" }));
    expect(error.code).toBe(Code.FailedPrecondition);
    const [refusal] = error.findDetails(RefusalSchema);
    expect(refusal).toMatchObject({ code: "NODE_HALTED", detail: "entry 5", retryable: false });
    expect(refusal?.requestId).toMatch(/^[0-9a-f]{32}$/);
  });

  test("without the token nothing is answered, and the node is not asked", async () => {
    for (const token of ["", "f".repeat(64), port.token.slice(1), `${port.token}0`]) {
      const error = await refused(client(token).rotateKey({ purpose: "log" }));
      expect(error.code).toBe(Code.Unauthenticated);
      expect(error.findDetails(RefusalSchema)[0]?.code).toBe("ADMIN_UNAUTHENTICATED");
      const stream = client(token).watchRewrite({ keyId: 1 })[Symbol.asyncIterator]();
      expect((await refused(stream.next())).code).toBe(Code.Unauthenticated);
    }
    expect(port.node.calls).toEqual([]);
  });
});

async function curl(...args: string[]): Promise<string> {
  return (await promisify(execFile)("curl", ["-sS", "--max-time", "10", ...args])).stdout;
}

const json = ["-H", "content-type: application/json"];

test("protocols: curl speaks JSON, with every field told", async () => {
  const { keyId, clean } = await port.node.proof(1);
  const bearer = ["-H", `authorization: Bearer ${port.token}`];
  const proof = await curl(...bearer, ...json, "-d", '{"keyId":1}', `${port.url}${path}GetProof`);
  expect(JSON.parse(proof).proof).toMatchObject({ keyId, clean, appliedIndex: "5" });
  port.node.clean = false;
  const unclean = await curl(
    ...bearer,
    ...json,
    "-d",
    '{"key_id":1}',
    `${port.url}${path}GetProof`,
  );
  expect(JSON.parse(unclean).proof).toMatchObject({ clean: false });
  const wrong = await curl(...bearer, ...json, "-d", '{"oops":1}', `${port.url}${path}GetProof`);
  expect(JSON.parse(wrong).code).toBe("invalid_argument");
  const refusal = await curl(...bearer, ...json, "-d", "{}", `${port.url}${path}FenceKey`, "-i");
  expect(refusal).toMatch(/^HTTP\/1.1 200/);
});

test("protocols: curl is told a refusal as JSON with our code", async () => {
  port.node.bootstrapped = false;
  const bearer = ["-H", `authorization: Bearer ${port.token}`];
  const told = await curl(...bearer, ...json, "-d", "{}", `${port.url}${path}RegisterWriter`);
  const { code, message, details } = JSON.parse(told);
  expect(code).toBe("failed_precondition");
  expect(message).toMatch(/^\[ADMIN_GATE_ENCRYPTION_OFF\] /);
  expect(details[0].debug).toMatchObject({ code: "ADMIN_GATE_ENCRYPTION_OFF", retryable: false });
  const stranger = await curl(...json, "-d", "{}", `${port.url}${path}RegisterWriter`, "-i");
  expect(stranger).toMatch(/^HTTP\/1.1 401[\s\S]*connection: close[\s\S]*"unauthenticated"/i);
  expect(stranger).not.toContain(port.token);
});

test("protocols: curl over HTTP/2 without TLS", async () => {
  const told = await curl("--http2-prior-knowledge", "-i", `${port.url}/healthz`);
  expect(told).toMatch(/^HTTP\/2 200[\s\S]*\{"status":"ok"\}/);
});

test("protocols: what is not there is told apart from what is not allowed", async () => {
  const status = async (at: string, token: string | null, method = "GET") => {
    const headers: Record<string, string> =
      token === null ? {} : { authorization: `Bearer ${token}` };
    return (await fetch(`${port.url}${at}`, { method, headers })).status;
  };
  expect(await status("/anything", null)).toBe(401);
  expect(await status("/anything", port.token)).toBe(404);
  expect(await status(`${path}Nothing`, port.token, "POST")).toBe(404);
  expect(await status(`${path}GetStatus`, port.token)).toBe(405);
  expect(await status("/healthz", null, "POST")).toBe(405);
  expect(await status("/__proto__", port.token)).toBe(404);
});

test("protocols: a preface that comes byte by byte is still one", async () => {
  const { hostname, port: number } = new URL(port.url);
  const socket = connectTcp({ host: hostname, port: Number(number), noDelay: true });
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  // What the client of HTTP/2 writes goes through a pipe of single bytes first.
  const slowly = async (data: Buffer): Promise<void> => {
    for (const byte of data) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  const { Duplex } = await import("node:stream");
  const pipe = new Duplex({
    read() {},
    write: (chunk: Buffer, _encoding, done) => void slowly(chunk).then(() => done()),
  });
  socket.on("data", (data) => pipe.push(data));
  const session = connectHttp2(port.url, { createConnection: () => pipe as never });
  const answered = await new Promise<number>((resolve, reject) => {
    session.on("error", reject);
    const stream = session.request({ ":path": "/healthz" });
    stream.on("response", (headers) => resolve(Number(headers[":status"])));
    stream.on("error", reject);
    stream.resume();
  });
  expect(answered).toBe(200);
  session.destroy();
  socket.destroy();
});

test("protocols: a request that only begins like the preface is one of HTTP/1.1", async () => {
  const { hostname, port: number } = new URL(port.url);
  for (const text of ["P", "PR", "PRI * HTTP/2.0\r\n\r\nNO"]) {
    const answer = await new Promise<string>((resolve) => {
      const socket = connectTcp({ host: hostname, port: Number(number) });
      socket.write(text);
      if (text.length < 3) setTimeout(() => socket.write(" / HTTP/1.1\r\nhost: x\r\n\r\n"), 50);
      let all = "";
      socket.on("data", (data) => {
        all += data.toString("latin1");
        if (all.includes("\r\n\r\n")) socket.end();
      });
      socket.on("close", () => resolve(all));
      socket.on("error", () => resolve(all));
    });
    expect(answer).toMatch(/^HTTP\/1.1 4\d\d /);
  }
});
