import { assertInteger } from "../bytes/guards.js";
import type { ByteRange } from "../ports.js";

/** Guards the range of a read. @throws INPUT_INVALID */
export function assertRange(range: ByteRange): void {
  assertInteger("range.start", range.start);
  assertInteger("range.end", range.end, range.start);
}
