// Goal: the limit of the process is known where the system tells it.
import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { openFilesIn } from "./descriptors.ts";

test("descriptors: the limit is the soft one; unlimited, or not told, is no limit", () => {
  const row = (soft: string): string =>
    `Max processes             7                    7                    processes \n` +
    `Max open files            ${soft.padEnd(20)} 4096                 files     \n`;
  expect(openFilesIn(row("1024"))).toBe(1024);
  expect(openFilesIn(row("unlimited"))).toBe(Number.POSITIVE_INFINITY);
  expect(openFilesIn("")).toBe(Number.POSITIVE_INFINITY);
});

test("descriptors: Node has raised the soft limit to the hard one", () => {
  const module = new URL("descriptors.ts", import.meta.url).href;
  const script = `import("${module}").then((m) => console.log(m.descriptorsMax()))`;
  const shell = `ulimit -Sn 300; ulimit -Hn 700; exec "$0" -e '${script}'`;
  const told = execFileSync("sh", ["-c", shell, process.execPath]).toString().trim();
  expect(told).toBe(process.platform === "linux" ? "700" : "Infinity");
});
