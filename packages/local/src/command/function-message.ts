/** What the function's process tells the command that started it. */
export type FunctionMessage =
  | { readonly kind: "file"; readonly path: string }
  | {
      readonly kind: "ready";
      readonly port: number;
      /** The handler could not be loaded; every request is answered with 502. */
      readonly failed: boolean;
    };
