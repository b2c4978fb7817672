// Goal: what Prometheus reads is well formed, holds every metric that alerts and dashboard name,
// and no name or value of a user; KEKs are asked in the background only.
import { readFileSync } from "node:fs";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openTestPort, type TestPort } from "../testing/port.ts";
import { families } from "./page.ts";

let port: TestPort;

beforeEach(async () => {
  port = await openTestPort();
});

afterEach(() => port.close());

const scrape = async () => (await fetch(`${port.url}/metrics`)).text();
const file = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

test("metrics: every line is of the exposition format, every series is there once", async () => {
  await port.node.startRewrite("r", 1, 7);
  port.node.writes.add(3, 10);
  port.node.failures.set("CRYPTO_TAG_MISMATCH", 2);
  const response = await fetch(`${port.url}/metrics`);
  expect(response.headers.get("content-type")).toMatch(/^text\/plain; version=0\.0\.4/);
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  const label = '[a-z_]+="[^"\\\\\\n]*"';
  const name = `[a-z_][a-z0-9_]*(\\{${label}(,${label})*\\})?`;
  const series = new RegExp(`^${name} (-?[\\d.e+-]+|Nan)$`, "i");
  for (const line of lines) expect(line).toMatch(line.startsWith("#") ? /^# (HELP|TYPE) / : series);
  const names = lines.filter((line) => !line.startsWith("#")).map((line) => line.split(" ")[0]);
  expect(new Set(names).size).toBe(names.length);
  expect(lines).toContain('strongroom_encryption_failures_total{code="CRYPTO_TAG_MISMATCH"} 2');
  expect(lines).toContain(
    'strongroom_encryption_key_bytes{key_id="1",purpose="storage",state="active"} 10',
  );
  expect(lines).toContain('strongroom_state{state="serving"} 1');
  expect(lines).toContain('strongroom_encryption_rewrite_running{key_id="1"} 1');
});

test("metrics: the histogram counts by command and sums up", async () => {
  port.node.writes.add(0.2, 4);
  port.node.writes.add(3, 10);
  port.node.writes.add(60_000, 1);
  const text = await scrape();
  const name = "strongroom_command_duration_seconds";
  const bucket = (le: string) =>
    Number(new RegExp(`${name}_bucket\\{kind="write",le="${le}"\\} (\\d+)`).exec(text)?.[1]);
  expect(["0.0001", "0.00025", "0.0025", "0.005", "10", "\\+Inf"].map(bucket)).toEqual([
    0, 4, 4, 14, 14, 15,
  ]);
  expect(text).toContain(`${name}_count{kind="write"} 15`);
  expect(text).toMatch(new RegExp(`${name}_sum\\{kind="write"\\} 60\\.03`));
});

test("metrics: names are ours, once each, with a help of their own", () => {
  const names = families.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, help, type } of families) {
    expect(name).toMatch(/^strongroom_[a-z_]+$/);
    expect(help.length).toBeGreaterThan(3);
    expect([name, type === "counter"]).toEqual([name, name.endsWith("_total")]);
  }
});

test("metrics: what ends in _total is a counter, and nothing else is", async () => {
  const told = [...(await scrape()).matchAll(/^# TYPE (\S+) (\S+)$/gm)];
  expect(told.length).toBeGreaterThan(40);
  for (const [, name = "", type] of told)
    expect([name, type === "counter"]).toEqual([name, name.endsWith("_total")]);
});

test("metrics: every metric that an alert or a panel names exists", async () => {
  const told = new Set(
    [...(await scrape()).matchAll(/^# TYPE (\S+) (\S+)$/gm)].flatMap(([, name, type]) =>
      type === "histogram" ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
    ),
  );
  const named = (text: string) => [...text.matchAll(/\b(?:strongroom|process|nodejs)_\w+/g)];
  for (const path of ["ops/alerts/strongroom.rules.yml", "ops/grafana/strongroom.json"]) {
    const found = named(file(path)).map(([name]) => name);
    expect(found.length).toBeGreaterThan(10);
    expect(found.filter((name) => !told.has(name))).toEqual([]);
  }
});

test("metrics: the dashboard is what Grafana reads, the rules are what Prometheus reads", () => {
  const { panels, uid } = JSON.parse(file("ops/grafana/strongroom.json"));
  expect(uid).toBe("strongroom");
  expect(new Set(panels.map(({ id }: { id: number }) => id)).size).toBe(panels.length);
  for (const { targets, title } of panels)
    for (const { expr } of targets) expect([title, balanced(expr)]).toEqual([title, true]);
  const rules = file("ops/alerts/strongroom.rules.yml")
    .split(/^ {6}- alert: /m)
    .slice(1);
  expect(rules.length).toBeGreaterThan(10);
  for (const rule of rules) {
    expect(rule).toMatch(/^Strongroom\w+\n {8}expr: '.+'\n {8}for: \d+[mh]\n {8}labels:\n/);
    expect(rule).toMatch(/severity: (critical|warning)\n {8}annotations:\n {10}summary: '.+'\n/);
    expect(balanced(/expr: '(.+)'/.exec(rule)?.[1] ?? "(")).toBe(true);
  }
});

function balanced(text: string): boolean {
  const open: string[] = [];
  for (const one of text.replace(/"[^"]*"/g, ""))
    if ("({[".includes(one)) open.push(one);
    else if (")}]".includes(one) && "({["[")}]".indexOf(one)] !== open.pop()) return false;
  return open.length === 0;
}

test("metrics: a KEK that is asked, and does not answer, keeps no scrape waiting", async () => {
  let asked = 0;
  port.node.probeKeks = () => {
    asked++;
    return new Promise(() => {});
  };
  for (let n = 0; n < 3; n++) expect(await scrape()).toContain("strongroom_encryption_kek_healthy");
  expect(asked).toBe(1);
});

test("metrics: failed probes are counted by KEK; two KEKs of one name are one series", async () => {
  const keyring = port.node.keyring();
  const kek = { ...keyring.keks[0]!, id: "vault:", healthy: false };
  port.node.probeKeks = async () => [kek];
  port.node.keyring = () => ({ ...keyring, keks: [{ ...kek, healthy: true }, kek, kek] });
  await scrape();
  const text = await scrape();
  expect(text).toContain('strongroom_encryption_kek_failures_total{kek="vault:"} 1');
  expect(text.match(/strongroom_encryption_kek_healthy\{kek="vault:"/g)).toHaveLength(1);
  expect(text).toContain('kek_healthy{kek="vault:",provider="file"} 0');
});

test("health: ready while it serves, with reasons when not, and warnings apart", async () => {
  const ask = async (path: string) => {
    const response = await fetch(`${port.url}${path}`);
    const body = (await response.json()) as { readonly reasons?: readonly string[] };
    return { status: response.status, body };
  };
  expect(await ask("/healthz")).toEqual({ status: 200, body: { status: "ok" } });
  const ready = { status: "ready", reasons: [], warnings: [] };
  expect(await ask("/readyz")).toEqual({ status: 200, body: ready });
  const status = port.node.nodeState;
  port.node.nodeState = { ...status, state: "halted", haltReason: "[X] entry 5" };
  const halted = await ask("/readyz");
  expect([halted.status, halted.body.reasons]).toEqual([503, ["halted: [X] entry 5"]]);
  expect((await ask("/healthz")).status).toBe(200);
  port.node.nodeState = { ...status, state: "stopping" };
  expect((await ask("/readyz")).body.reasons).toEqual(["stopping"]);
  port.node.nodeState = status;
  port.node.bootstrapped = false;
  expect(await ask("/readyz")).toMatchObject({
    status: 200,
    body: { warnings: ["encryption is off"] },
  });
});
