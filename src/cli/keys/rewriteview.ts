/**
 * A rewrite for people: how far, how fast, how long.
 * @module
 */
import type { RewriteInfo } from "../../node/operations.ts";
import { renderDuration } from "../admin/progress.ts";
import { renderBytes } from "../table.ts";

/** 0 to 1; a rewrite of nothing is done. */
export function partDone(view: RewriteInfo): number {
  if (view.state === "done") return 1;
  return view.bytesTotal === 0 ? 0 : Math.min(1, view.bytesDone / view.bytesTotal);
}

function rateText(bytesPerSecond: number): string {
  return bytesPerSecond === 0 ? "unthrottled" : `at most ${renderBytes(bytesPerSecond)}/s`;
}

/** What stands behind the bar. */
export function progressNote(view: RewriteInfo): string {
  const done = `${renderBytes(view.bytesDone)} of ${renderBytes(view.bytesTotal)}`;
  if (view.state === "done") return done;
  const now = `${renderBytes(view.currentBytesPerSecond)}/s (${rateText(view.bytesPerSecond)})`;
  return `${done}, ${now}, ${renderDuration(view.etaMs)} left`;
}

/** One line: `rewrite of key 1: running, 40 %, …`. */
export function rewriteLine(view: RewriteInfo): string {
  const name = view.keyId === 0 ? "what is in clear" : `key ${view.keyId}`;
  const percent = Math.floor(partDone(view) * 100);
  const tail = view.state === "running" ? `, ${progressNote(view)}` : "";
  return `rewrite of ${name}: ${view.state}, ${percent} %${tail}`;
}
