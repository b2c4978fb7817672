// Goal: LATENCY tells what reached the threshold, and nothing is kept without bound.
import { expect, test } from "vitest";
import { bucketUsec, Latency } from "./latency.ts";
import { sparkline } from "./sparkline.ts";
import { FakeServer } from "./testing/fake.ts";

const second = 1_700_000_000;

test("latency: one sample a second, the longest; at most 160 an event; one maximum", () => {
  const latency = new Latency();
  latency.note("command", 50, second * 1000);
  expect(latency.series.size).toBe(0);
  latency.thresholdMs = 10;
  for (const [ms, at] of [
    [9.9, 0],
    [20.7, 0],
    [15, 0.5],
    [30, 0.9],
    [12, 1],
  ] as const)
    latency.note("command", ms, (second + at) * 1000);
  expect(latency.series.get("command")).toEqual({
    samples: [
      { unixSeconds: second, ms: 30 },
      { unixSeconds: second + 1, ms: 12 },
    ],
    maxMs: 30,
  });
  for (let n = 2; n < 500; n++) latency.note("command", 11, (second + n) * 1000);
  expect(latency.series.get("command")?.samples).toHaveLength(160);
  expect(latency.series.get("command")?.maxMs).toBe(30);
  latency.note("expire-cycle", 10, 0);
  expect(latency.reset(["nothing", "command"])).toBe(1);
  expect(latency.reset([])).toBe(1);
});

test("latency: all that LATENCY says of a slow command", () => {
  const client = new FakeServer().connect();
  expect(client.call("latency latest", "latency history command")).toBe("*0\r\n*0\r\n");
  expect(client.call("latency doctor")).toContain("Latency monitoring is disabled");
  expect(client.call("debug sleep 0.3", "latency latest")).toBe("+OK\r\n*0\r\n");
  client.call("config set latency-monitor-threshold 100");
  expect(client.call("latency doctor")).toContain("no latency spike was observed");
  client.call("debug sleep 0.3", "debug sleep 0.2", "debug sleep 0.01");
  client.server.host.advance(2000);
  client.call("debug sleep 0.1", "get a");
  const [first, last] = [second, second + 2].map((at) => `:${at}\r\n`);
  expect(client.call("latency history command")).toBe(
    `*2\r\n*2\r\n${first}:300\r\n*2\r\n${last}:100\r\n`,
  );
  expect(client.call("latency latest")).toBe(
    `*1\r\n*4\r\n$7\r\ncommand\r\n${last}:100\r\n:300\r\n`,
  );
  const report = client.call("latency doctor");
  expect(report).toContain("1. command: 2 latency spikes (average 200ms, mean deviation 100ms,");
  expect(report).toContain("Worst all time event 300ms.");
  expect(report).toContain("Check your Slow Log");
  expect(client.call("latency graph command")).toContain(
    `command - high 300 ms, low 100 ms (all time high 300 ms)\n${"-".repeat(80)}\n# \n| \n| \n|_\n`,
  );
  expect(client.call("latency graph x")).toBe("-ERR No samples available for event 'x'\r\n");
  expect(client.call("latency reset", "latency latest")).toBe(":1\r\n*0\r\n");
});

test("latency: a picture has a column for each point, and a new one after 80", () => {
  const point = (value: number, label = "") => ({ value, label });
  expect(sparkline([point(5, "1s")])).toBe(" \n \n \n_\n \n1\ns\n");
  const steps = Array.from({ length: 12 }, (_, n) => point(n));
  expect(sparkline(steps)).toBe(
    "         _o#\n      _o#|||\n   _o#||||||\n_oo|||||||||\n".replace("_oo|", "_o#|") +
      `${" ".repeat(12)}\n`,
  );
  const many = Array.from({ length: 81 }, () => point(1));
  expect(sparkline(many).split("\n\n")).toHaveLength(2);
});

test("latency: histograms are cumulative, by command, and only while they are wanted", () => {
  const client = new FakeServer().connect();
  expect(client.call("get a", "latency histogram")).toBe("$-1\r\n*0\r\n");
  client.call("config set latency-tracking yes", "get a", "get a", "debug sleep 0.003", "ping");
  expect(client.call("latency histogram get ping nothing")).toBe(
    "*4\r\n$3\r\nget\r\n*4\r\n$5\r\ncalls\r\n:2\r\n$14\r\nhistogram_usec\r\n*2\r\n:1\r\n:2\r\n" +
      "$4\r\nping\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n*2\r\n:1\r\n:1\r\n",
  );
  expect(client.call("latency histogram debug")).toContain(
    "debug\r\n*4\r\n$5\r\ncalls\r\n:1\r\n$14\r\nhistogram_usec\r\n*2\r\n:4227\r\n:1\r\n",
  );
  expect(client.call("config resetstat", "latency histogram get")).toBe("+OK\r\n*0\r\n");
  expect(bucketUsec).toHaveLength(21);
});
