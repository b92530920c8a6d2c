import { formatTemplate } from "../context/template.ts";

/** Has every name, and itself behind each: a path of any length ends in an object, which is written as JSON. */
const anything: object = new Proxy(
  {},
  {
    getOwnPropertyDescriptor: (_target, name) => described(name),
    get: () => anything,
  },
);

function described(_name: string | symbol): PropertyDescriptor {
  return { value: anything, configurable: true, enumerable: true };
}

/**
 * The names of the variables of a template, found by filling it: so the rules of `formatTemplate` are the only ones. Of
 * `{user.name}` it is `user`.
 */
export function variablesOf(template: string): ReadonlySet<string> {
  const names = new Set<string>();
  formatTemplate(
    template,
    new Proxy(
      {},
      {
        getOwnPropertyDescriptor(_target, name) {
          names.add(String(name));
          return described(name);
        },
        get: () => anything,
      },
    ),
  );
  return names;
}
