import { ConfigurationError } from "../contract/errors.ts";

/**
 * For `import("name").catch(...)` of an optional peer: who does not need it neither installs nor bundles it.
 *
 * @throws {ConfigurationError} naming the package to install.
 */
export function missingPackage(
  name: string,
  purpose: string,
): (cause: unknown) => never {
  /* istanbul ignore next -- runners.test.ts of the testing package has a project without it */
  return (cause) => {
    throw new ConfigurationError(
      `${purpose} needs the package "${name}": npm install ${name}.`,
      { cause },
    );
  };
}

/** The names of a CommonJS package: in a chunk of a bundler they are on its default export only. */
export function namesOf<Module extends object>(
  loaded: Module,
  name: keyof Module,
): Module {
  /* istanbul ignore next -- Node finds the names itself */
  return name in loaded ? loaded : (Reflect.get(loaded, "default") as Module);
}
