/** The Region that an ARN names; undefined for other ids, and for ARNs without one. */
export function arnRegion(model: string): string | undefined {
  return /^arn:[^:]*:[^:]*:([^:]+):/.exec(model)?.[1];
}
