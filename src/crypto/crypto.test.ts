// Goal: known answers, frozen formats and the properties of sealing hold on both implementations.
import { loadNative } from "../platform/native.ts";
import { loadPrimitives } from "../platform/primitives.ts";
import { cryptoSuite } from "./suite.ts";

cryptoSuite(loadPrimitives("node"));
if (loadNative() !== null) cryptoSuite(loadPrimitives("native"));
