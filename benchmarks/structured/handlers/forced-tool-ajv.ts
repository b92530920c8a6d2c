import { Ajv } from "ajv";
import { BUILDING_SCHEMA } from "../building.ts";
import { forcedTool } from "./sdk.ts";

const ajv = new Ajv({ allErrors: true });
const validate = ajv.compile(BUILDING_SCHEMA);

export const handler = forcedTool((input) => {
  if (validate(input)) return input;
  throw new Error(ajv.errorsText(validate.errors));
});
