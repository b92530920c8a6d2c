import { forcedTool } from "./sdk.ts";

export const handler = forcedTool((input) => input);
