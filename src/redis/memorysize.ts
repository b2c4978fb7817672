/**
 * Sizes as redis.conf writes them.
 * @module
 */

/** Bytes of "100", "1kb", "2gb" (redis.conf), or null. */
export function parseMemory(text: string): number | null {
  const found = /^(\d{1,15})(b|k|kb|m|mb|g|gb)?$/i.exec(text);
  if (found === null) return null;
  const units: Record<string, number> = { b: 1, k: 1e3, kb: 1024, m: 1e6, mb: 1 << 20, g: 1e9 };
  const unit = (found[2] ?? "b").toLowerCase();
  return Number(found[1]) * (unit === "gb" ? 1 << 30 : units[unit]);
}
