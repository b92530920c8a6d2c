import { dynamoDBStore } from "@lambdallm/dynamodb";
import { reviewHandler } from "./on-store.ts";

export const handler = reviewHandler({
  store: dynamoDBStore({ tableName: process.env["TABLE_NAME"] }),
});
