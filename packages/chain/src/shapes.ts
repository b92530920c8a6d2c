import type { PromptValue } from "@lambdallm/core";
import type { TemplatePaths } from "@lambdallm/core/feature";

/** What a prompt inserts, by path: of a template all of it, of a `Prompt` its variables, of a text that is no literal nothing. */
export type UsesOf<Source> = Source extends string
  ? string extends Source
    ? object
    : { readonly [Path in TemplatePaths<Source>]: PromptValue }
  : Source extends { format(variables: infer Values): string }
    ? string extends keyof Values
      ? object
      : Values
    : object;

type RootOf<Path> = Path extends `${infer Root}.${string}` ? Root : Path;

/** Whether a value of this type can have something at a path; yes where nobody knows. */
type HasPath<Value, Path extends string> = unknown extends Value
  ? true
  : NonNullable<Value> extends readonly (infer Item)[]
    ? Path extends `${number}.${infer Rest}`
      ? HasPath<Item, Rest>
      : Path extends `${number}`
        ? true
        : false
    : NonNullable<Value> extends object
      ? Path extends `${infer Key}.${infer Rest}`
        ? Key extends keyof NonNullable<Value>
          ? HasPath<NonNullable<Value>[Key], Rest>
          : false
        : Path extends keyof NonNullable<Value>
          ? true
          : false
      : false;

/** The path itself when it refers to a step that is not there, to what its output has not, or to a step without `.output`. */
type Misreference<Path, Outputs> = Path extends `${infer Root}.${infer Rest}`
  ? Rest extends "output"
    ? Root extends keyof Outputs
      ? never
      : Path
    : Rest extends `output.${infer Field}`
      ? Root extends keyof Outputs
        ? HasPath<Outputs[Root], Field> extends true
          ? never
          : Path
        : Path
      : Root extends keyof Outputs
        ? Path
        : never
  : Path extends keyof Outputs
    ? Path
    : never;

/** A `Prompt` tells which names it uses, and not what of them. */
type WrongReference<Source, Outputs> = Source extends string
  ? Misreference<keyof UsesOf<Source>, Outputs>
  : never;

/** The variables that a prompt needs: everything that is no step. */
export type VariablesIn<Uses, Outputs> = {
  readonly [Path in keyof Uses as RootOf<Path> extends keyof Outputs
    ? never
    : RootOf<Path>]: Path extends `${string}.${string}` ? object : Uses[Path];
};

type UndeclaredVariable<Uses, Outputs, Declared> = [Declared] extends [
  undefined,
]
  ? never
  : Exclude<keyof VariablesIn<Uses, Outputs>, keyof Declared>;

/** `unknown` when a prompt's references are right, else what the compiler then shows. */
export type CheckedPrompt<Source, Outputs, Declared = undefined> = [
  WrongReference<Source, Outputs>,
] extends [never]
  ? [UndeclaredVariable<UsesOf<Source>, Outputs, Declared>] extends [never]
    ? unknown
    : {
        readonly "this variable is not declared": UndeclaredVariable<
          UsesOf<Source>,
          Outputs,
          Declared
        >;
      }
  : { readonly "no step has this output": WrongReference<Source, Outputs> };

export type Flat<T> = { [Key in keyof T]: T[Key] };

/**
 * What a step with a condition leaves: nothing when it is skipped.
 *
 * @typeParam Decision What the condition returns; never without one.
 */
export type OrSkipped<Output, Decision> = [Decision] extends [never]
  ? Output
  : Output | undefined;
