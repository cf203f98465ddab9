/** The layers of the library, lowest first: an import may only point to the same layer or down. */
const layers = ["bytes", "crypto", "chain", "name", "profile", "route", ["mutable", "immutable"], "plan", "client"];
const leaves = "^src/(chain/sources|storage|cache|wallet|runtime)/";
const programs = "^src/(devnet|cli|testing)/";
const entries = "^src/(index|writer)\\.ts$";

const upward = layers.flatMap((layer, i) => {
  const above = layers.slice(i + 1).flat();
  if (above.length === 0) return [];
  return [layer].flat().map((name) => ({
    name: `${name}-imports-down`,
    comment: "Imports point down only.",
    severity: "error",
    from: { path: `^src/${name}/`, pathNot: leaves },
    to: { path: `^src/(${above.join("|")})/`, pathNot: leaves },
  }));
});

module.exports = {
  forbidden: [
    { name: "no-cycles", severity: "error", from: {}, to: { circular: true } },
    ...upward,
    {
      name: "base-imports-nothing-above",
      severity: "error",
      from: { path: "^src/(errors|error-evidence|limits|ports|deadline)\\.ts$" },
      to: { path: "^src/.+/" },
    },
    {
      name: "mutable-and-immutable-apart",
      severity: "error",
      from: { path: "^src/mutable/" },
      to: { path: "^src/immutable/" },
    },
    {
      name: "immutable-and-mutable-apart",
      severity: "error",
      from: { path: "^src/immutable/" },
      to: { path: "^src/mutable/" },
    },
    {
      name: "leaves-behind-ports",
      comment: "Sources, storage, caches, wallets and the runtime are imported by entry points and programs alone.",
      severity: "error",
      from: { path: "^src/", pathNot: [leaves, programs, entries] },
      to: { path: leaves },
    },
    {
      name: "programs-on-top",
      severity: "error",
      from: { path: "^src/", pathNot: programs },
      to: { path: programs },
    },
    {
      name: "contracts-run-anywhere",
      comment: "A contract suite runs where the implementation under test runs, and judges it by the port alone.",
      severity: "error",
      from: { path: "^src/testing/" },
      to: { pathNot: "^src/(testing/|bytes/|errors\\.ts$|ports\\.ts$)" },
    },
    {
      name: "reader-without-writer",
      comment: "The reader does not pull in the writer.",
      severity: "error",
      from: { path: "^src/(index\\.ts|client/[^/]+\\.ts)$", pathNot: "^src/client/writer\\.ts$" },
      to: { path: "^src/(plan|wallet|client/write|writer\\.ts)" },
    },
    {
      name: "plan-only-for-writers",
      severity: "error",
      from: {
        path: "^src/",
        pathNot: ["^src/plan/", "^src/client/write", "^src/wallet/", "^src/writer\\.ts$", programs],
      },
      to: { path: "^src/plan/" },
    },
    {
      name: "bitcoinjs-only-for-writers",
      severity: "error",
      from: { path: "^src/", pathNot: ["^src/plan/", "^src/wallet/", "^src/devnet/"] },
      to: { path: "node_modules/(bitcoinjs-lib|bip174|bech32)/" },
    },
    {
      name: "secp256k1-only-in-crypto",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/crypto/" },
      to: { path: "node_modules/@noble/secp256k1" },
    },
    {
      name: "ky-only-in-http-leaves",
      severity: "error",
      from: { path: "^src/", pathNot: leaves },
      to: { path: "node_modules/(ky|undici)/" },
    },
    {
      name: "idb-keyval-only-in-its-cache",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/cache/indexed-db\\.ts$" },
      to: { path: "node_modules/idb-keyval/" },
    },
    {
      name: "aws4fetch-only-in-s3",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/storage/s3[^/]*\\.ts$" },
      to: { path: "node_modules/aws4fetch/" },
    },
    {
      name: "bittorrent-dht-only-in-its-provider",
      comment: "It is optional, and loaded by nothing that does not need it.",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/storage/dht[^/]*\\.ts$" },
      to: { path: "(node_modules/)?bittorrent-dht" },
    },
    {
      name: "basic-ftp-only-in-its-provider",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/storage/ftp-[a-z]+\\.ts$" },
      to: { path: "node_modules/basic-ftp/" },
    },
    {
      name: "verified-is-minted-by-trust-decisions",
      comment: "Only files that decide trust may mark a value as verified.",
      severity: "error",
      from: {
        path: "^src/",
        pathNot: "/(verify[^/]*|select[^/]*|thread|merkle|header-chain|floor)\\.ts$",
      },
      to: { path: "^src/crypto/verified\\.ts$", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "trust-is-pure",
      comment: "Trust decisions do no I/O.",
      severity: "error",
      from: { path: "^src/.*/(verify[^/]*|select[^/]*|thread|merkle|header-chain|floor)\\.ts$" },
      to: { path: [leaves, "^node:"], dependencyTypesNot: ["type-only"] },
    },
    {
      name: "node-only-in-leaves",
      comment: "Browsers have no Node modules.",
      severity: "error",
      from: { path: "^src/", pathNot: [leaves, programs] },
      to: { dependencyTypes: ["core"] },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: { exportsFields: ["exports"], conditionNames: ["import", "types", "node", "default"] },
  },
};
