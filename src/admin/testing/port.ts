/**
 * An admin port over a node in memory, in a directory of its own.
 * @module
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { NodeDisk } from "../../platform/disk.ts";
import { systemRandom } from "../../platform/random.ts";
import { healthPages } from "../health.ts";
import { metricsPage } from "../metrics/page.ts";
import { runDirectory, tokenFile, writeRunFile } from "../runfile.ts";
import { type AdminOptions, type AdminServer, serveAdmin } from "../serve.ts";
import { keepToken } from "../token.ts";
import { NodeDouble } from "./double.ts";

export const disk = new NodeDisk();

export interface TestPort {
  readonly directory: string;
  readonly node: NodeDouble;
  readonly token: string;
  readonly server: AdminServer;
  readonly url: string;
  close(): Promise<void>;
}

export async function openTestPort(options: Partial<AdminOptions> = {}): Promise<TestPort> {
  const directory = mkdtempSync(join(tmpdir(), "admin-"));
  disk.makeDirectory(runDirectory(directory));
  const node = new NodeDouble();
  const token = keepToken(disk, systemRandom, tokenFile(directory));
  const server = await serveAdmin({
    backend: node,
    random: systemRandom,
    probe: async () => {},
    token,
    host: "127.0.0.1",
    port: 0,
    pages: { ...healthPages(node), "/metrics": metricsPage(node, () => null) },
    ...options,
  });
  const certificate =
    options.tls === undefined ? {} : { certificate: options.tls.cert.toString("latin1") };
  const { url } = server;
  const run = { pid: process.pid, url, nodeId: "n1", keks: ["file:/k"], ...certificate };
  writeRunFile(disk, directory, run);
  return {
    directory,
    node,
    token,
    server,
    url,
    close: async () => {
      await server.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
