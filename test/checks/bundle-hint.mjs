// A proof bundle as the hint of a read (section 11): what it may not do.
const hint = "src/client/hint.ts";
const hintTest = "test/unit/client/reader-hint.test.ts";
const adversary = "test/adversary/bundle-hints.test.ts";

export const checks = [
  {
    step: "V1",
    check: "The headers of a bundle displace those that the reader has only with more work.",
    source: hint,
    remove: "selectBestChain(chain, [chain.extend(from, headers, nowMs).chain])",
    put: "chain.extend(from, headers, nowMs).chain",
    test: adversary,
    name: "V1: with less work than the reader's own does not make it forget that",
  },
  {
    step: "V1",
    check: "Headers that a bundle alone shows are not kept by a read that failed.",
    source: "src/client/reader-core.ts",
    remove: "if (chain === own || !(result instanceof HawserError)) {",
    put: "{",
    test: adversary,
    name: "V1: with more work than any source's fails the read and leaves nothing behind",
  },
  {
    step: "V8",
    check: "Of a bundle's transactions those of other names are left out.",
    source: "src/client/select-evidence.ts",
    remove: "if (!spendsSeal && !isInBeacon && !preorders.has(tx.txid)) return [];",
    put: "",
    test: adversary,
    name: "V8: real transactions of others are not taken into the cache",
  },
  {
    step: "V4",
    check: "An absence that was told before the tip was named is asked for again where blocks came since.",
    source: "src/name/resolve.ts",
    remove: `          this.#inquiry.forgetAbsences();
          await`,
    put: "          await",
    test: "test/unit/name/resolve-warm.test.ts",
    name: "V4: also a spend that was in the mempool then",
  },
  {
    step: "M8",
    check: "Every replica is asked although a bundle holds the record.",
    source: "src/mutable/get.ts",
    remove: "fetchAll(selectReplicas(replicas, input.maxReplicas), {",
    put: "fetchAll(input.given === undefined ? selectReplicas(replicas, input.maxReplicas) : [], {",
    test: hintTest,
    name: "M8: is one more replica's: a newer one at a store is the answer, also where one replica is asked",
  },
  {
    step: "M8",
    check: "The record of another id in a bundle is no reply of a replica.",
    source: hint,
    remove: "bytes === null || recordId(bytes, maxDataBytes) !== id",
    put: "bytes === null || recordId(bytes, maxDataBytes) === `-${id}`",
    test: hintTest,
    name: "M8: of another id, or none, is no reply",
  },
  {
    step: "P1",
    check: "A profile out of a bundle has the hash that the chain anchors.",
    source: hint,
    remove: "const bytes = this.#objects.get(hash);",
    put: "const bytes = this.#objects.get(hash) ?? profile ?? undefined;",
    test: hintTest,
    name: "P1: a profile of other bytes is none: it is had from the stores",
  },
  {
    step: "U1",
    check: "Documents out of a bundle have the caps of those that servers send.",
    source: hint,
    remove: "bytes === undefined || bytes.length > maxBytes ? null : bytes",
    put: "bytes === undefined || maxBytes < 0 ? null : bytes",
    test: hintTest,
    name: "U1: an object of more bytes than a server could send is none",
  },
];
