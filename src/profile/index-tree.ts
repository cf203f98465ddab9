/**
 * The index of a name (P2 to P6): a radix tree over the SHA-256 of keys, of which a profile holds the root. Each job has
 * its own file.
 */
export { buildIndex } from "./index-build.js";
export { type ChangedIndex, changeIndex, type IndexChange } from "./index-change.js";
export { type ListOptions, listEntries } from "./index-list.js";
export { getEntries } from "./index-lookup.js";
export { emptyIndex } from "./index-node.js";
export { getEntry, type LoadNode } from "./index-walk.js";
