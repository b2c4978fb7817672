/**
 * The version of Redis whose behaviour this is; clients decide by it what they may send.
 * @module
 */
export const redisVersion = "7.0.15";
