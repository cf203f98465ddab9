import { homedir } from "node:os";
import { join } from "node:path";

/** The servers that the tests run. `bitcoinkernel` is the crate libbitcoinkernel-sys; its Bitcoin Core is 31.99.0. */
export const versions = {
  btcd: "0.26.2",
  electrumx: "2.0.0",
  bitcoinkernel: "0.4.1",
  kubo: "0.42.0",
  versitygw: "1.8.0",
};

/** Where they are installed. */
export const serversDir = process.env["HAWSER_SERVERS"] ?? join(homedir(), ".cache", "hawser-servers");

/** The programs. */
export const programs = {
  btcd: join(serversDir, `btcd-${versions.btcd}`, "btcd"),
  electrumx: join(serversDir, `electrumx-${versions.electrumx}`, "bin", "electrumx_server"),
  bitcoind: join(serversDir, `bitcoind-${versions.bitcoinkernel}`, "bitcoind"),
  kubo: join(serversDir, `kubo-${versions.kubo}`, "ipfs"),
  versitygw: join(serversDir, `versitygw-${versions.versitygw}`, "versitygw"),
  // Debian's packages of that release of Debian.
  apache: "/usr/sbin/apache2",
  nginx: "/usr/sbin/nginx",
  vsftpd: "/usr/sbin/vsftpd",
  rclone: "/usr/bin/rclone",
  /** Followed by `-proxy-server` and the like. */
  swift: "/usr/bin/swift",
};
