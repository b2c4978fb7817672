/**
 * Which addresses stay on this machine.
 * @module
 */

/** True for addresses that only this machine can reach. */
export function isLoopback(address: string): boolean {
  const lower = address.toLowerCase();
  return lower === "localhost" || lower === "::1" || /^(::ffff:)?127(\.\d{1,3}){3}$/.test(lower);
}
