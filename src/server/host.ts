/**
 * What the Redis layer needs of the world, on Node.
 * @module
 */
import { createHash } from "node:crypto";
import { arch, release, totalmem, type } from "node:os";
import { systemClock } from "../platform/clock.ts";
import { systemRandom } from "../platform/random.ts";
import { whenTurnEnds } from "../platform/turns.ts";
import type { Host, ProcessFigures } from "../redis/host.ts";

function figures(): ProcessFigures {
  const cpu = process.cpuUsage();
  const memory = process.memoryUsage();
  return {
    pid: process.pid,
    rssBytes: memory.rss,
    heapBytes: memory.heapUsed,
    cpuUser: cpu.user / 1e6,
    cpuSystem: cpu.system / 1e6,
    totalMemoryBytes: totalmem(),
    system: `${type()} ${release()} ${arch() === "x64" ? "x86_64" : arch()}`,
    executable: process.execPath,
  };
}

/** @param report - Told of bugs that showed themselves while a command ran. */
export function nodeHost(report: (error: unknown) => void): Host {
  return {
    clock: systemClock,
    random: systemRandom,
    sha256: (data) => createHash("sha256").update(data).digest(),
    sha1: (data) => createHash("sha1").update(data).digest(),
    tick: whenTurnEnds,
    later: (ms, job) => {
      const timer = setTimeout(job, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
    figures,
    block: (ms) => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
    },
    report,
  };
}
