/**
 * Which addresses stay on this machine. What may cross in clear, and who is served without a
 * password, hangs on it: so it is one test, and a name that merely begins like an address of the
 * loopback (`127.example.org`) is none.
 * @module
 */

/** RFC 1122, section 3.2.1.3; RFC 4291, sections 2.5.3 and 2.5.5.2; RFC 6761, section 6.3. */
const loopback = /^(localhost|::1|(::ffff:)?127(\.\d{1,3}){3})$/i;

/**
 * True for hosts that only this machine can reach.
 * @param host - A name or an address; one of IPv6 with or without its brackets.
 */
export function isLoopback(host: string): boolean {
  return loopback.test(host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host);
}

/** The same of `ADDRESS:PORT` or `[ADDRESS]:PORT`. */
export function isLoopbackEndpoint(endpoint: string): boolean {
  return isLoopback(endpoint.slice(0, Math.max(endpoint.lastIndexOf(":"), 0)));
}
