/** Of a token, as the journal makes them: the run, the position of the question, and the secret. */
const TOKEN = /^([\w-]{1,128})\.(\d{6}(?:\.\d{6})*)\.[\w-]{22}$/;

export function partsOf(
  token: string,
): { readonly runId: string; readonly position: string } | undefined {
  const [, runId, position] = TOKEN.exec(token) ?? [];
  return runId === undefined || position === undefined
    ? undefined
    : { runId, position };
}
