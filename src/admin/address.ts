/**
 * Which addresses stay on this machine, as the rest of the house has it.
 * @module
 */
export { isLoopback } from "../base/address.ts";
