import { afterEach, describe, expect, it } from "vitest";
import { createReader, type ReaderOptions } from "../../../../src/index.js";
import { electrum, type ElectrumSource } from "../../../../src/chain/sources/electrum.js";
import { encodeName } from "../../../../src/json.js";
it("x", () => undefined);
