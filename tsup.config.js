// File to file: a hashed chunk would hide which module a stack trace or a size report speaks of.
export default {
  entry: ["src/**/*.ts"],
  format: ["esm"],
  target: "es2022",
  bundle: false,
  dts: false,
  sourcemap: true,
  silent: true,
};
