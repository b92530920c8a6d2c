import { describe, expect, test } from "@jest/globals";
import { headerOf } from "@lambdallm/core";

describe("A header of a request", () => {
  test.each([
    ["a Function URL", { headers: { "idempotency-key": "k1" } }],
    ["a REST API", { headers: { "Idempotency-Key": "k1" } }],
    [
      "a REST API with the header twice",
      {
        headers: { "Idempotency-Key": "k1" },
        multiValueHeaders: { "Idempotency-Key": ["k0", "k1"] },
      },
    ],
    [
      "a load balancer with multi-value headers",
      { multiValueHeaders: { "idempotency-key": ["k0", "k1"] } },
    ],
    [
      "a load balancer whose headers are null beside them",
      { headers: null, multiValueHeaders: { "IDEMPOTENCY-KEY": ["k1"] } },
    ],
  ])("is found in the event of %s", (_source, event) => {
    expect(headerOf(event, "idempotency-key")).toBe("k1");
    expect(headerOf(event, "Idempotency-Key")).toBe("k1");
  });

  test.each([
    ["the console's, without headers", { key1: "value1" }],
    ["the console's REST template, with null", { headers: null }],
    ["another header", { headers: { host: "x" } }],
    ["a value that is no text", { headers: { "idempotency-key": 5 } }],
    ["an empty list", { multiValueHeaders: { "idempotency-key": [] } }],
    ["a list of headers", { headers: ["idempotency-key"] }],
    ["a text", "idempotency-key"],
    ["nothing", undefined],
  ])("is undefined in an event that is or has %s", (_what, event) => {
    expect(headerOf(event, "idempotency-key")).toBeUndefined();
  });
});
