import { dynamoDBStore } from "@lambdallm/dynamodb";
import { chatHandler, chatStreamHandler } from "./chat.ts";

/* What Lambda loads: the handlers with what the template has made for them. */

const { TABLE_NAME, DAILY_BUDGET_USD } = process.env;

const options = {
  store: dynamoDBStore({ tableName: TABLE_NAME }),
  dailyBudgetUsd: Number(DAILY_BUDGET_USD),
};

export const chat = chatHandler(options);
export const chatStream = chatStreamHandler(options);
