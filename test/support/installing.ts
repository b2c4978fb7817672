/**
 * npm without a network: a server on the loopback that hands out the packages of node_modules, and
 * npm commands that know of it alone. What is installed so was resolved, unpacked, linked and built
 * by npm itself.
 * @module
 */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { Process, root } from "./server.ts";
import { lockedPackages } from "./tree.ts";

/** A package as `npm pack` would make it of what is installed. */
function tarball(folder: string): Buffer {
  const flags = ["--exclude=./node_modules", "--transform=s,^\\.,package,"];
  const tar = spawnSync("tar", ["-czf", "-", ...flags, "."], {
    cwd: join(root, folder),
    maxBuffer: 2 ** 28,
  });
  if (tar.status !== 0) throw new Error(`no package of ${folder}: ${tar.stderr}`);
  return tar.stdout;
}

/** Name and version of a package, and of that the folder. */
function installedPackages(): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>();
  for (const path of Object.keys(lockedPackages())) {
    const name = path.split("node_modules/").at(-1) ?? "";
    const manifest = manifestOf(path);
    if (path === "" || manifest === null) continue;
    const versions = found.get(name) ?? new Map<string, string>();
    found.set(name, versions.set(String(manifest.version), path));
  }
  return found;
}

function manifestOf(folder: string): Record<string, unknown> | null {
  try {
    return JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  } catch {
    return null; // Of another platform.
  }
}

function answer(
  packages: Map<string, Map<string, string>>,
  path: string,
  response: ServerResponse,
  origin: string,
): void {
  const [name = "", version] = decodeURIComponent(path).slice(1).split("/-/");
  const versions = packages.get(name);
  const folder = version === undefined ? undefined : versions?.get(version);
  if (folder !== undefined) return void response.end(tarball(folder));
  if (versions === undefined || version !== undefined) {
    return void response.writeHead(404).end("{}");
  }
  const rows = [...versions].map(([each, at]) => {
    const dist = { tarball: `${origin}/${name}/-/${each}` };
    return [each, { ...manifestOf(at), dist }] as const;
  });
  const latest = [...versions.keys()].at(-1);
  response.setHeader("content-type", "application/json");
  response.end(
    JSON.stringify({ name, "dist-tags": { latest }, versions: Object.fromEntries(rows) }),
  );
}

export interface Packages {
  /** Runs npm in `folder`. @returns what it printed. @throws with that if it fails. */
  npm(folder: string, ...args: string[]): Promise<string>;
  close(): void;
}

/** @param folder - For npm's cache and settings. */
export async function servePackages(folder: string): Promise<Packages> {
  const packages = installedPackages();
  const server: Server = createServer((request, response) =>
    answer(packages, request.url ?? "", response, origin),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    npm: (at, ...args) => npm(at, folder, [...args, "--registry", origin]),
    close: () => void server.close(),
  };
}

async function npm(at: string, folder: string, args: readonly string[]): Promise<string> {
  // The settings of the npm that runs the tests would lead into the working tree, those of the
  // machine past the loopback.
  const inherited = Object.keys(process.env).filter((name) => /^npm_|_proxy$/i.test(name));
  const cleared = Object.fromEntries(inherited.map((name) => [name, ""]));
  const own = { HOME: folder, npm_config_cache: join(folder, "npm"), npm_config_audit: "false" };
  const quiet = { npm_config_fund: "false", npm_config_update_notifier: "false" };
  const nobodys = { npm_config_globalconfig: join(folder, "none") };
  const run = new Process(["npm", ...args], {
    folder: at,
    environment: { ...cleared, ...own, ...quiet, ...nobodys },
  });
  const { status, output } = await run.ended;
  if (status !== 0) throw new Error(`npm ${args[0]}: status ${status}\n${output}`);
  return output;
}
