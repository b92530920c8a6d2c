import bedrock from "@lambdallm/bedrock";
import type { ModelId } from "@lambdallm/core";
import middy from "@middy/core";
import httpErrorHandler from "@middy/http-error-handler";
import httpJsonBodyParser from "@middy/http-json-body-parser";
import type { SummaryEvent } from "../../shared/event.ts";
import { BUILDING_SCHEMA } from "../building.ts";
import { answer } from "./answer.ts";

export const invokeStructured = (model: ModelId) =>
  middy<SummaryEvent>()
    .use(httpErrorHandler())
    .use(httpJsonBodyParser())
    .use(bedrock({ model, maxTokens: 500 }))
    .handler(async (event, context) => {
      const building = await context.invokeStructured(
        "Describe the building, in at most {words} words a field:\n\n{text}",
        BUILDING_SCHEMA,
        event.body,
      );
      const { inputTokens, outputTokens } = context.usage;
      return answer(building, inputTokens, outputTokens);
    });
