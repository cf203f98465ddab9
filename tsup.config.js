// File to file: a hashed chunk would hide which module a stack trace or a size report speaks of.
// `splitting` would give one to the helpers of syntax that is newer than the target, and have every module import it.
export default {
  entry: ["src/**/*.ts"],
  format: ["esm"],
  target: "es2022",
  bundle: false,
  splitting: false,
  dts: false,
  sourcemap: true,
  silent: true,
};
