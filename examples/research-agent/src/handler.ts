import { dynamoDBStore } from "@lambdallm/dynamodb";
import type { Desk } from "./agent.ts";
import { decideHandler, researchHandler, waitingHandler } from "./research.ts";

/* What Lambda loads: the handlers with what the template has made for them. */

const { TABLE_NAME, FILES, DESK_URL } = process.env;

async function send(path: string, body: object, key?: string): Promise<void> {
  const response = await fetch(`${DESK_URL}/${path}`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(key && { "idempotency-key": key }),
    },
    body: JSON.stringify(body),
  });
  if (!response.ok) throw new Error(`The desk answers ${response.status}.`);
}

const desk: Desk = {
  ask: (request) => send("approvals", request),
  publish: (report, key) => send("reports", report, key),
};

const store = dynamoDBStore({ tableName: TABLE_NAME });

export const research = researchHandler({
  store,
  folder: String(FILES),
  desk,
});
export const waiting = waitingHandler({ store });
export const decide = decideHandler({ store });
