/** A model as messages name it: the account number of an ARN stays out, because callers may see them. */
export function modelName(model: string): string {
  return model.startsWith("arn:") ? model.slice(model.indexOf("/") + 1) : model;
}
