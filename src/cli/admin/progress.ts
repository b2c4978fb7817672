/**
 * Progress of something long: a bar that is redrawn on a terminal, else a line whenever another
 * tenth is done, on standard error, so that what is printed for programs stays clean.
 * @module
 */
import type { Context } from "../context.ts";

const barCells = 30;

/** `2m 5s`; a dash if it cannot be told. */
export function renderDuration(ms: number): string {
  if (ms < 0 || !Number.isFinite(ms)) return "-";
  const seconds = Math.ceil(ms / 1000);
  if (seconds < 60) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}m ${seconds % 60}s`;
  return `${Math.floor(minutes / 60)}h ${minutes % 60}m`;
}

/** `[#####.....]  50%`. @param part - 0 to 1. */
function renderBar(part: number): string {
  const bounded = Math.min(1, Math.max(0, part));
  const full = Math.floor(bounded * barCells);
  const percent = String(Math.floor(bounded * 100)).padStart(3);
  return `[${"#".repeat(full)}${".".repeat(barCells - full)}] ${percent}%`;
}

export class Progress {
  readonly #context: Context;
  #told = -1;
  #drawn = 0;

  constructor(context: Context) {
    this.#context = context;
  }

  /** Shows how far it is. @param note - What is said behind the bar. */
  show(part: number, note: string): void {
    const line = `${renderBar(part)}  ${note}`;
    const { redraw } = this.#context;
    if (redraw !== undefined) {
      redraw(`\r${line.padEnd(this.#drawn)}`);
      this.#drawn = line.length;
      return;
    }
    const tenth = Math.floor(part * 10);
    if (tenth <= this.#told) return;
    this.#told = tenth;
    this.#context.err(line);
  }

  /** Leaves the bar as it is and begins a new line. */
  end(): void {
    if (this.#drawn > 0) this.#context.redraw?.("\n");
    this.#drawn = 0;
  }
}
