import type { Delta, DeltaKind, ModelRequest } from "../contract/model-call.ts";

/** The settings of a request whose caller sees the pieces of one kind, and no others. */
export function watching<Kind extends DeltaKind>(
  kind: Kind,
  see: (delta: Extract<Delta, { readonly kind: Kind }>) => void,
): Required<Pick<ModelRequest, "deltas" | "onDelta">> {
  const isSeen = (
    delta: Delta,
  ): delta is Extract<Delta, { readonly kind: Kind }> => delta.kind === kind;
  return {
    deltas: [kind],
    // A provider of somebody else's may show more than was asked for.
    onDelta: (delta) => {
      if (isSeen(delta)) see(delta);
    },
  };
}
