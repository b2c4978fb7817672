/**
 * Turns of the processor. A thread that has just been woken waits until the one that runs has had
 * its turn, a few milliseconds; unless it asks for shorter turns itself, which gets it no larger
 * share (EEVDF scheduler, Linux 6.12 and later: sched_setattr(2), sched_runtime).
 * @module
 */
import { readdirSync, readFileSync } from "node:fs";
import { loadNative, type NativeAddon } from "./native.ts";

/** The kernel takes 100 µs to 100 ms. */
const sliceNanoseconds = 150_000;
const threads = "/proc/self/task";
/** Threads of libuv that write files, as libuv 1.50 and later calls them. */
const poolName = "libuv-worker";

/**
 * Lets the main thread and those that write the log run as soon as they have something to do.
 * Where that is not known or not allowed everything works, a little less smoothly.
 * @returns how many threads have short turns now.
 */
export function askForShortTurns(native: NativeAddon | null = loadNative()): number {
  if (native === null) return 0;
  let count = 0;
  try {
    for (const name of readdirSync(threads)) {
      const thread = Number(name);
      const waited =
        thread === process.pid ||
        readFileSync(`${threads}/${name}/comm`, "latin1").trim() === poolName;
      if (waited && native.setSlice(thread, sliceNanoseconds) === sliceNanoseconds) count++;
    }
  } catch {
    // No /proc, or a thread has ended meanwhile.
  }
  return count;
}
