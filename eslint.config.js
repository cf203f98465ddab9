import tsdoc from "eslint-plugin-tsdoc";
import tseslint from "typescript-eslint";

export default tseslint.config(
  { ignores: ["dist/", ".program/", "node_modules/", "coverage/", "*.config.*", ".dependency-cruiser.cjs"] },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { project: "./tsconfig.json", tsconfigRootDir: import.meta.dirname } },
    plugins: { tsdoc },
    rules: {
      "tsdoc/syntax": "off",
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      // Ports let implementations be synchronous or not.
      "@typescript-eslint/require-await": "off",
      "no-restricted-imports": [
        "error",
        {
          paths: [
            { name: "zod", message: 'Use `import * as z from "zod/mini"`: the named import defeats tree-shaking.' },
            {
              name: "bitcoinjs-lib",
              message: "Import the submodule that is needed; the index is three times the size.",
            },
          ],
        },
      ],
    },
  },
  { files: ["src/**/*.ts"], rules: { "tsdoc/syntax": "error" } },
  {
    files: ["test/**/*.ts", "bench/**/*.ts"],
    rules: {
      "no-restricted-imports": "off",
      "@typescript-eslint/no-non-null-assertion": "off",
      "@typescript-eslint/no-confusing-void-expression": "off",
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
      "@typescript-eslint/only-throw-error": "off",
      "@typescript-eslint/prefer-promise-reject-errors": "off",
      "@typescript-eslint/unbound-method": "off",
    },
  },
  {
    files: [
      "bench/**/*.mjs",
      "scripts/**/*.mjs",
      "test/checks/*.mjs",
      "test/browser/*.mjs",
      "test/servers/*.mjs",
      "test/crash/*.mjs",
    ],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { parserOptions: { project: null } },
    rules: { "no-restricted-imports": "off" },
  },
);
