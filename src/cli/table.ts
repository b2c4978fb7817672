/**
 * Text for people: tables, sizes.
 * @module
 */

/** Columns as wide as their widest cell; numbers to the right. */
export function renderTable(rows: readonly (readonly (string | number)[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const width = (column: number) =>
    Math.max(...rows.map((row) => String(row[column] ?? "").length));
  const widths = Array.from({ length: columns }, (_, column) => width(column));
  return rows.map((row) =>
    widths
      .map((wide, column) => {
        const cell = row[column] ?? "";
        return typeof cell === "number" ? String(cell).padStart(wide) : cell.padEnd(wide);
      })
      .join("  ")
      .trimEnd(),
  );
}

const steps = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** `1536` is "1.5 KiB". */
export function renderBytes(bytes: number): string {
  let value = bytes;
  let step = 0;
  while (value >= 1024 && step < steps.length - 1) {
    value /= 1024;
    step++;
  }
  return `${step === 0 ? value : value.toFixed(1)} ${steps[step]}`;
}
