/**
 * The picture of LATENCY GRAPH, drawn as sparkline.c of Redis 7.0 does: four rows of `_`, `o` and
 * `#` under full columns of `|`, an empty row, and the labels from top to bottom.
 * @module
 */
export interface Point {
  readonly value: number;
  readonly label: string;
}

const shapes = "_o#";
const rows = 4;
const columns = 80;

/** The character of a column in a row; `step` counts thirds of rows from the bottom. */
function mark(step: number, row: number): string {
  const over = step - (rows - row - 1) * shapes.length;
  if (over < 0) return " ";
  return shapes[over] ?? "|";
}

function range(points: readonly Point[], min: number, max: number): string {
  const steps = shapes.length * rows;
  const scale = max - min === 0 ? 1 : max - min;
  const heights = points.map(({ value }) =>
    Math.min(steps - 1, Math.floor(((value - min) * steps) / scale)),
  );
  const lines: string[] = [];
  for (let row = 0; row < rows; row++) lines.push(heights.map((step) => mark(step, row)).join(""));
  lines.push(" ".repeat(points.length));
  const depth = Math.max(0, ...points.map(({ label }) => label.length));
  for (let at = 0; at < depth; at++)
    lines.push(points.map(({ label }) => label[at] ?? " ").join(""));
  return lines.map((line) => `${line}\n`).join("");
}

export function sparkline(points: readonly Point[]): string {
  const values = points.map(({ value }) => value);
  const [min, max] = [Math.min(...values), Math.max(...values)];
  const parts: string[] = [];
  for (let at = 0; at < points.length; at += columns)
    parts.push(range(points.slice(at, at + columns), min, max));
  return parts.join("\n");
}
