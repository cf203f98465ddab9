/**
 * Installs the servers that `npm run test:servers` runs, each at one version, into HAWSER_SERVERS (default
 * ~/.cache/hawser-servers), and does nothing for those that are there. Needs Go, Python 3.10 or later, Rust's cargo, a C++
 * compiler with CMake; Debian's servers and its Boost and libevent headers are installed with apt-get where they are missing.
 */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { programs, serversDir, versions } from "./versions.js";

/** Unoptimised and without C: what takes long here is compiling. The same for all, so that what they share is compiled once. */
const GO_FLAGS = ["-trimpath", "-gcflags=all=-N -l", "-ldflags=-s -w"];

/** Installs a program of a Go module. */
function goInstall(dir: string, program: string): void {
  run("go", ["install", ...GO_FLAGS, program], { env: { GOBIN: dir, CGO_ENABLED: "0" } });
}

/**
 * Many files are compiled as one, which takes a third of the time: most of it goes into headers that all include. Two
 * files define names that others define as well, and are left out of that.
 */
const UNITY = `function(skip_unity)
  foreach(file index/coinstatsindex.cpp node/chainstate.cpp)
    set_source_files_properties(
      "\${CMAKE_SOURCE_DIR}/src/\${file}"
      DIRECTORY "\${CMAKE_SOURCE_DIR}/src"
      PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  endforeach()
endfunction()
cmake_language(DEFER DIRECTORY "\${CMAKE_SOURCE_DIR}" CALL skip_unity)
`;

/** How each is installed into a directory of its own. */
const servers: Readonly<Record<string, (dir: string) => void>> = {
  btcd(dir) {
    goInstall(dir, `github.com/btcsuite/btcd@v${versions.btcd}`);
  },

  versitygw(dir) {
    goInstall(dir, `github.com/versity/versitygw/cmd/versitygw@v${versions.versitygw}`);
  },

  // Its module replaces others, which `go install` refuses outside of it.
  kubo(dir) {
    const module = `github.com/ipfs/kubo@v${versions.kubo}`;
    const { Dir } = JSON.parse(output("go", ["mod", "download", "-json", module])) as { readonly Dir: string };
    const source = join(dir, "source");
    run("cp", ["-R", Dir, source]);
    run("chmod", ["-R", "u+w", source]);
    const args = ["build", ...GO_FLAGS, "-tags=nofuse", "-o", join(dir, "ipfs"), "./cmd/ipfs"];
    run("go", args, { cwd: source, env: { CGO_ENABLED: "0" } });
    rmSync(source, { recursive: true });
  },

  electrumx(dir) {
    run("python3", ["-m", "venv", dir]);
    run(join(dir, "bin", "pip"), ["install", "--quiet", `e-x[leveldb]==${versions.electrumx}`]);
  },

  // The crate carries the whole source of Bitcoin Core, from which its build script makes a library; this makes the node.
  bitcoind(dir) {
    const project = join(dir, "crate");
    mkdirSync(join(project, "src"), { recursive: true });
    writeFileSync(
      join(project, "Cargo.toml"),
      `[package]\nname = "sources"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nlibbitcoinkernel-sys = "=${versions.bitcoinkernel}"\n`,
    );
    writeFileSync(join(project, "src", "lib.rs"), "");
    run("cargo", ["vendor", "--quiet", "vendor"], { cwd: project });
    installDebian({ "/usr/include/boost/version.hpp": "libboost-dev", "/usr/include/event2/event.h": "libevent-dev" });
    const source = join(project, "vendor", "libbitcoinkernel-sys", "bitcoin");
    const build = join(dir, "build");
    const off = ["BUILD_TESTS", "BUILD_BENCH", "BUILD_FUZZ_BINARY", "BUILD_CLI", "BUILD_TX", "BUILD_UTIL"];
    off.push(
      "BUILD_BITCOIN_BIN",
      "ENABLE_WALLET",
      "ENABLE_IPC",
      "WITH_ZMQ",
      "WITH_EMBEDDED_ASMAP",
      "BUILD_GUI",
      "ENABLE_HARDENING",
    );
    const options = off.map((name) => `-D${name}=OFF`);
    // Unoptimised, but for the C files: hashing a regtest chain is nothing, and compiling is most of this suite's time.
    const skipped = join(dir, "unity.cmake");
    writeFileSync(skipped, UNITY);
    options.push("-DCMAKE_UNITY_BUILD=ON", "-DCMAKE_UNITY_BUILD_BATCH_SIZE=40");
    options.push(`-DCMAKE_PROJECT_TOP_LEVEL_INCLUDES=${skipped}`);
    options.push("-DCMAKE_BUILD_TYPE=None", "-DCMAKE_CXX_FLAGS=-O0 -w", "-DCMAKE_C_FLAGS=-O1");
    run("cmake", ["-S", source, "-B", build, ...options], { quiet: true });
    run("cmake", ["--build", build, "--target", "bitcoind", "--parallel", String(availableParallelism())], {
      quiet: true,
    });
    renameSync(join(build, "bin", "bitcoind"), join(dir, "bitcoind"));
    for (const left of [project, build]) rmSync(left, { recursive: true });
  },
};

/**
 * Servers of Debian, by a file that each brings. They lie where Debian puts them, and the tests start them with their own
 * configuration.
 */
const debianServers: Readonly<Record<string, string>> = {
  [programs.apache]: "apache2-bin",
  [programs.nginx]: "nginx",
  [programs.vsftpd]: "vsftpd",
  [programs.rclone]: "rclone",
  ...Object.fromEntries(
    ["proxy", "account", "container", "object"].map((kind) => [`${programs.swift}-${kind}-server`, `swift-${kind}`]),
  ),
};

/** What a program prints. */
function output(program: string, args: readonly string[]): string {
  // Outside of any module, so that it is not taken for a question about one.
  return execFileSync(program, args, { cwd: tmpdir(), encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function installDebian(packageOf: Readonly<Record<string, string>>): void {
  const missing = Object.entries(packageOf).flatMap(([file, name]) => (existsSync(file) ? [] : [name]));
  if (missing.length === 0) return;
  const aptGet = (...args: readonly string[]): void => {
    const all = ["apt-get", ...args];
    const [program = "", ...rest] = process.getuid?.() === 0 ? all : ["sudo", ...all];
    run(program, rest, { quiet: true, env: { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" } });
  };
  aptGet("update");
  // None of them is started as a service of this machine.
  aptGet("install", "-y", "--no-install-recommends", ...missing);
}

interface RunOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly quiet?: boolean;
}

/** Runs a program; what it prints is shown when it fails, and otherwise unless `quiet`. */
function run(program: string, args: readonly string[], { cwd, env = {}, quiet = false }: RunOptions = {}): void {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    cwd,
    env: { ...process.env, ...env },
    stdio: quiet ? "pipe" : "inherit",
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  if (status === 0) return;
  if (quiet) process.stderr.write(`${stdout}${stderr}`.slice(-20_000));
  throw new Error(`${basename(program)} ${args.join(" ")} failed: ${error?.message ?? `exit code ${String(status)}`}`);
}

/** Installs one server, or does nothing where it is complete. */
function install(name: string): void {
  const dir = join(serversDir, name);
  if (existsSync(join(dir, "complete"))) return;
  const startedMs = Date.now();
  process.stdout.write(`installing ${basename(dir)}\n`);
  rmSync(dir, { recursive: true, force: true });
  mkdirSync(dir, { recursive: true });
  servers[name.replace(/-.*$/, "")]?.(dir);
  writeFileSync(join(dir, "complete"), "");
  process.stdout.write(`installed ${basename(dir)} in ${Math.round((Date.now() - startedMs) / 1000)} s\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  mkdirSync(serversDir, { recursive: true });
  const wanted = [
    `btcd-${versions.btcd}`,
    `electrumx-${versions.electrumx}`,
    `bitcoind-${versions.bitcoinkernel}`,
    `kubo-${versions.kubo}`,
    `versitygw-${versions.versitygw}`,
  ];
  const chosen = process.argv.slice(2);
  for (const name of wanted) if (chosen.length === 0 || chosen.some((prefix) => name.startsWith(prefix))) install(name);
  if (chosen.length === 0 || chosen.includes("debian")) installDebian(debianServers);
  // Versions that are no longer asked for.
  for (const name of readdirSync(serversDir)) {
    if (!wanted.includes(name)) rmSync(join(serversDir, name), { recursive: true });
  }
}
