// Headers in bulk (V1), and what an Esplora server's silence means (V4, V5).
const fill = "src/chain/fill-headers.ts";
const fillTest = "test/unit/chain/fill-headers.test.ts";
const history = "src/chain/sources/esplora-history.ts";
const http = "src/chain/sources/esplora-http.ts";
const esploraTest = "test/unit/chain/sources/esplora.test.ts";
const limitsTest = "test/unit/chain/sources/esplora-limits.test.ts";

export const checks = [
  {
    step: "V1",
    check: "Headers of a header source count only up to the last one that a chain source has.",
    source: fill,
    remove: "const until = await confirmedHeight(panel, input.tips, longer, start);",
    put: "const until = longer.tipHeight;",
    test: fillTest,
    name: "V1: headers that no source has are not taken, however much work they have",
  },
  {
    step: "V1",
    check: "A chain source has a header source's block only if it names the same one.",
    source: "src/chain/confirm-headers.ts",
    remove: "header !== null && encodeHex(reversed(hashHeader(header))) === chain.hashAt(at) ? true : null",
    put: "header !== null ? true : null",
    test: fillTest,
    name: "V1: headers that no source has are not taken, however much work they have",
  },
  {
    step: "V1",
    check: "What a supplier of headers gives takes the place of what is held only with more work.",
    source: fill,
    remove: "if (longer.work <= chain.work) return leave(supplier);",
    put: "if (longer === chain) return leave(supplier);",
    test: fillTest,
    name: "V1: nor for a fork near its tip that is cut short",
  },
  {
    step: "V1",
    check: "A file with a header that breaks a rule does not pass for its valid part.",
    source: "src/chain/verify-header-bytes.ts",
    remove: "if (stopped !== null) throw stopped;",
    put: "",
    test: "test/unit/chain/verify-header-bytes.test.ts",
    name: "V1: refuses the first header that breaks a rule, and one that is cut off",
  },
  {
    step: "V5",
    check: "A page full of unmined transactions is not the end of a history.",
    source: history,
    remove: "return last === null && this.#found.size > 0 ? this.#read(`${this.#path}/txs/chain`) : last;",
    put: "return last;",
    test: esploraTest,
    name: "V5: fifty in the mempool do not hide what is mined, as servers of mempool/electrs list them",
  },
  {
    step: "V5",
    check: "Nor is the empty page behind a transaction that a reorganisation removed.",
    source: history,
    remove: "if (oldest === null && wasFull) await this.#assertMined(from);",
    put: "",
    test: esploraTest,
    name: "V5: where a reorganisation takes the last one of a full page there is no answer",
  },
  {
    step: "V4",
    check: "A question about an absence is not answered by one that was asked before.",
    source: http,
    remove: "if (!shared) return ask(signal ?? new AbortController().signal);",
    put: "",
    test: limitsTest,
    name: "V4: what tells an absence is asked anew each time",
  },
  {
    step: "V4",
    check: "That a server did not know a transaction when it was asked before is no answer.",
    source: http,
    remove: "return joined && value === null ? this.find(path, { ...options, shared: false }) : value;",
    put: "return value;",
    test: limitsTest,
    name: "V4: that the server did not know it before is asked again, too",
  },
];
