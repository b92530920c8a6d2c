import { Logger as PowertoolsLogger } from "@aws-lambda-powertools/logger";
import bedrock from "@lambdallm/bedrock";
import logging, {
  type Logger,
  LoggingMiddleware,
  type LogRecord,
  redact,
} from "@lambdallm/logging";
import middy6 from "middy6";
import middy7 from "middy7";
import { pino } from "pino";
import { describe, expect, test } from "tstyche";

interface TextEvent {
  readonly text: string;
}

describe("Middy 7", () => {
  test("the event and the context keep their types", () => {
    middy7<TextEvent>()
      .use(bedrock())
      .use(logging())
      .handler(async (event, context) => {
        expect(event).type.toBe<TextEvent>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
    middy7<TextEvent>()
      .use([bedrock(), LoggingMiddleware({ sampleRate: 0.1 })])
      .handler(async (event, context) => {
        expect(event.text).type.toBe<string>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});

describe("Middy 6", () => {
  test("the event and the context keep their types", () => {
    middy6<TextEvent>()
      .use(bedrock())
      .use(logging())
      .handler(async (event, context) => {
        expect(event.text).type.toBe<string>();
        expect(context.invoke("Hi")).type.toBe<Promise<string>>();
      });
  });
});

describe("a logger", () => {
  test("is the console, Powertools Logger or pino", () => {
    expect(console).type.toBeAssignableTo<Logger>();
    expect(new PowertoolsLogger()).type.toBeAssignableTo<Logger>();
    expect(pino()).type.toBeAssignableTo<Logger>();
    expect({ info() {} }).type.not.toBeAssignableTo<Logger>();
  });

  test("gets records", () => {
    const info = (record: LogRecord) => {
      expect(record.message).type.toBe<string>();
      expect(record.requestId).type.toBe<string | undefined>();
      expect(record["costUsd"]).type.toBe<unknown>();
    };
    logging({ logger: { debug: info, info, warn: info, error: info } });
  });
});

test("the options know the events and their levels", () => {
  logging({ levels: { "call-end": "debug", "attempt-error": false } });
  expect(logging).type.not.toBeCallableWith({ levels: { call: "info" } });
  expect(logging).type.not.toBeCallableWith({
    levels: { "call-end": "trace" },
  });
});

test("content is redacted by functions and data maskers", () => {
  const masker = { erase: (text: string) => `${text.length}` };
  logging({ content: { prompts: true, redact: [redact, masker] } });
  expect(logging).type.not.toBeCallableWith({
    content: { redact: (text: string) => text.length },
  });
});
