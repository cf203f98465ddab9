import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { diskStorage } from "../../../src/storage/disk.js";
import { http } from "../../../src/storage/http.js";
import { memoryStorage } from "../../../src/storage/memory.js";
import { describeStorageContract } from "./contract.js";
import { serveFiles } from "./file-server.js";

describeStorageContract("memory", async () => ({
  storage: memoryStorage({ publicBaseUrl: "https://m.example" }),
  close: async () => undefined,
}));

describeStorageContract("disk", async () => {
  const directory = await mkdtemp(join(tmpdir(), "hawser-disk-"));
  return {
    storage: diskStorage(join(directory, "tree")),
    close: () => rm(directory, { recursive: true }),
  };
});

describeStorageContract("http with conditional writes", async () => {
  const server = await serveFiles();
  return {
    storage: http(`${server.url}/base/`, { writable: true, conditional: true }),
    close: () => server.close(),
  };
});

describeStorageContract("http without conditional writes", async () => {
  const server = await serveFiles({ ignoresConditions: true });
  return { storage: http(server.url, { writable: true }), close: () => server.close() };
});
