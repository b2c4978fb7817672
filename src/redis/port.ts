/**
 * The seam between connections and the node. It stands in `node`, which implements it and may not
 * import this folder.
 * @module
 */
export type * from "../node/port.ts";
export { foreseenMax } from "../node/port.ts";
