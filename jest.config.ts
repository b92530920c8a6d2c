import { createDefaultEsmPreset, type JestConfigWithTsJest } from "ts-jest";

const config: JestConfigWithTsJest = {
  ...createDefaultEsmPreset({ tsconfig: "<rootDir>/tsconfig.base.json" }),
  testEnvironment: "node",
  testEnvironmentOptions: {
    customExportConditions: ["@lambdallm/source", "node", "node-addons"],
  },
  // Only a bound for a hung test: none may depend on the speed of the machine.
  testTimeout: 120_000,
  // By default Jest leaves a core free, and on two cores has one.
  maxWorkers: "100%",
  setupFiles: ["<rootDir>/test-support/fuzz-seed.ts"],
  setupFilesAfterEnv: [
    "<rootDir>/test-support/left-behind.ts",
    "<rootDir>/test-support/quiet.ts",
  ],
  testMatch: [
    "<rootDir>/{packages,examples}/*/test/**/*.test.ts",
    "<rootDir>/test-support/*.test.ts",
  ],
  // The compiler rewrites `./file.ts` to what it will be in dist.
  moduleNameMapper: { "^(\\.{1,2}/.*)\\.js$": "$1" },
  modulePathIgnorePatterns: ["<rootDir>/packages/[^/]+/dist/"],
  collectCoverageFrom: [
    "packages/*/src/**/*.ts",
    // These run in child processes only; the end-to-end tests of the command go through them.
    "!packages/local/src/cli.ts",
    "!packages/local/src/command/function-process.ts",
    "!packages/tools/src/cli.ts",
  ],
  coverageProvider: "babel",
  coverageThreshold: { global: { lines: 100, branches: 100 } },
};

export default config;
