/**
 * A process that writes to one disk storage: `disk-worker.ts <directory> count <times>` adds one to a record by
 * conditional writes, `<times>` times, and says each number that it wrote; `forever` goes on until it is killed.
 */
import { utf8 } from "../../../src/bytes/bytes.js";
import { diskStorage } from "../../../src/storage/disk.js";

const [directory = "", path = "", times = "0"] = process.argv.slice(2);
const storage = diskStorage(directory);
const end = times === "forever" ? Number.POSITIVE_INFINITY : Number(times);

for (let done = 0; done < end; ) {
  const current = await storage.read(path, { kind: "record", maxBytes: 100_000 });
  const next = Number(new TextDecoder().decode(current?.bytes ?? utf8("0"))) + 1;
  const outcome = await storage.write(path, utf8(String(next).padStart(50_000, " ")), {
    kind: "record",
    condition: current === null ? { ifAbsent: true } : { ifTag: current.tag ?? "" },
  });
  if (outcome === "moved") continue;
  done += 1;
  process.stdout.write(`${next}\n`);
}
