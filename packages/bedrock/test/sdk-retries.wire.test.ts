import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { LocalBedrock } from "@lambdallm/local";
import {
  clientConfig,
  type Fault,
  failureOf,
  invocation,
  start,
} from "./support.ts";

// The copy that the SDK's client itself uses.
const require = createRequire(
  createRequire(import.meta.url).resolve("@aws-sdk/client-bedrock-runtime"),
);
const source = readFileSync(require.resolve("@smithy/core/retry"), "utf8");

/** The lists by which the SDK's own retry decides. They are not exported, so they are read where they stand. */
const LISTS = new Map<string, readonly (string | number)[]>(
  Array.from(
    source.matchAll(/const (\w+_CODES) = (\[[^\]]*?\]);/g),
    ([, name = "", list = "[]"]) => [
      name,
      JSON.parse(list.replace(/,\s*\]$/, "]")),
    ],
  ),
);

const codes = (list: string) =>
  (LISTS.get(list) ?? []).map((code) => [String(code)] as const);

let local: LocalBedrock;
beforeAll(async () => {
  local = await start();
});
afterAll(() => local.close());

const ask = (fault: Fault) => {
  local.setFaults([fault]);
  return failureOf(invocation(local, (context) => context.invoke("Hello")));
};

/** An error of the service under any name. */
const named = (name: string, message = "No.", more: Fault = {}): Fault => ({
  status: 400,
  body: JSON.stringify({ message }),
  ...more,
  headers: { "x-amzn-errortype": name, ...more.headers },
});

/** A client whose requests fail on the way. */
const askBroken = (thrown: unknown) =>
  failureOf(
    invocation(local, (context) => context.invoke("Hello"), {
      clientConfig: {
        ...clientConfig(local),
        requestHandler: {
          handle: async () => {
            throw thrown;
          },
        },
      },
    }),
  );

describe("What the SDK's own retry would send again is retryable here", () => {
  test("by lists that are the known ones", () => {
    expect([...LISTS.keys()].sort()).toEqual([
      "CLOCK_SKEW_ERROR_CODES",
      "NODEJS_NETWORK_ERROR_CODES",
      "NODEJS_TIMEOUT_ERROR_CODES",
      "THROTTLING_ERROR_CODES",
      "TRANSIENT_ERROR_CODES",
      "TRANSIENT_ERROR_STATUS_CODES",
    ]);
    for (const list of LISTS.values()) expect(list).not.toEqual([]);
  });

  test.each(codes("THROTTLING_ERROR_CODES"))("%s", async (code) => {
    expect(await ask(named(code))).toMatchObject({
      reason: "throttled",
      retryable: true,
      billed: "none",
      serviceError: code,
    });
  });

  test.each(codes("TRANSIENT_ERROR_CODES"))("%s", async (code) => {
    expect(await ask(named(code))).toMatchObject({ retryable: true });
  });

  test.each(codes("TRANSIENT_ERROR_STATUS_CODES"))(
    "status %s, whatever the name",
    async (status) => {
      for (const name of ["ValidationException", "AccessDeniedException", "X"])
        expect(
          await ask(named(name, "No.", { status: Number(status) })),
        ).toMatchObject({
          reason: "unavailable",
          retryable: true,
          billed: "none",
        });
    },
  );

  test("status 429, whatever the name", async () => {
    for (const name of ["ValidationException", "X"])
      expect(await ask(named(name, "No.", { status: 429 }))).toMatchObject({
        reason: "throttled",
        retryable: true,
        billed: "none",
      });
  });

  test.each([
    ...codes("NODEJS_NETWORK_ERROR_CODES"),
    ...codes("NODEJS_TIMEOUT_ERROR_CODES"),
  ])("%s, also deep in the causes", async (code) => {
    const lost = Object.assign(new Error("lost"), { code });
    const wrapped = new Error("failed", {
      cause: new Error("failed", { cause: lost }),
    });
    for (const thrown of [lost, wrapped])
      expect(await askBroken(thrown)).toMatchObject({
        reason: "connection",
        retryable: true,
      });
  });

  test("a stream that the server has refused, and so not begun", async () => {
    const thrown = Object.assign(
      new Error("Stream closed with error code NGHTTP2_REFUSED_STREAM"),
      { code: "ERR_HTTP2_STREAM_ERROR" },
    );
    expect(await askBroken(thrown)).toMatchObject({
      reason: "connection",
      retryable: true,
      billed: "none",
    });
  });

  test.each([
    new TypeError("Failed to fetch"),
    new Error("failed", {
      cause: Object.assign(new Error("too slow"), { name: "TimeoutError" }),
    }),
  ])("%s", async (thrown) => {
    expect(await askBroken(thrown)).toMatchObject({
      reason: "connection",
      retryable: true,
    });
  });

  test.each([
    [{}, "unavailable"],
    [{ throttling: false }, "unavailable"],
    [{ throttling: true }, "throttled"],
  ])("what it marks itself: $retryable %j", async ($retryable, reason) => {
    const thrown = Object.assign(new Error("No."), {
      name: "NewException",
      $retryable,
      $metadata: { httpStatusCode: 400 },
    });
    expect(await askBroken(thrown)).toMatchObject({ reason, retryable: true });
  });
});

describe("A clock that is wrong, or a machine that was frozen", () => {
  const EXPIRED =
    "Signature expired: 20261122T100000Z is now earlier than 20261122T100200Z (20261122T100700Z - 5 min.)";
  const EARLY =
    "Signature not yet current: 20261122T100700Z is still later than 20261122T100000Z (20261122T095500Z + 5 min.)";

  test.each([
    ["InvalidSignatureException", EXPIRED],
    ["InvalidSignatureException", EARLY],
    ["SignatureDoesNotMatch", EXPIRED],
    ["RequestTimeTooSkewed", "The difference is too large."],
    ["RequestExpired", "Request has expired."],
    ["RequestInTheFuture", "No."],
  ])("is transient: %s, %s", async (name, message) => {
    const error = await ask(named(name, message, { status: 403 }));
    expect(error).toMatchObject({
      reason: "unavailable",
      retryable: true,
      billed: "none",
      message: expect.stringContaining("out of date"),
    });
  });

  test.each(codes("CLOCK_SKEW_ERROR_CODES"))(
    "is what %s means when the SDK has set its clock by the answer",
    async (name) => {
      const date = new Date(Date.now() + 3_600_000).toUTCString();
      const fault = named(name, "No.", { status: 403 });
      const error = await ask({
        ...fault,
        headers: { ...fault.headers, date },
      });
      expect(error).toMatchObject({ retryable: true, billed: "none" });
    },
  );

  test("is not what the refusal of a request is about, whatever the time", async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    const error = await ask(
      named("ValidationException", "No.", { headers: { date } }),
    );
    expect(error).toMatchObject({
      reason: "invalid-request",
      retryable: false,
    });
  });

  test("is not what a wrong key is", async () => {
    for (const name of ["InvalidSignatureException", "SignatureDoesNotMatch"])
      expect(
        await ask(
          named(
            name,
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method.",
            { status: 403 },
          ),
        ),
      ).toMatchObject({ reason: "credentials", retryable: false });
  });
});

describe("Of a handler that is not made here, the error tells what was sent", () => {
  test("nothing, when there was no connection in time", async () => {
    const error = await askBroken(
      Object.assign(
        new Error(
          "@smithy/node-http-handler - the request socket did not establish a connection with the server within the configured timeout of 3000 ms.",
        ),
        { name: "TimeoutError" },
      ),
    );
    expect(error).toMatchObject({
      reason: "connection",
      retryable: true,
      billed: "none",
    });
  });

  test("nothing, when the certificate was refused", async () => {
    const error = await askBroken(
      Object.assign(new Error("No."), { code: "CERT_HAS_EXPIRED" }),
    );
    expect(error).toMatchObject({
      reason: "connection",
      retryable: false,
      billed: "none",
    });
  });

  test("perhaps something, when TLS failed in another way", async () => {
    const error = await askBroken(
      Object.assign(new Error("No."), { code: "EPROTO" }),
    );
    expect(error).toMatchObject({
      reason: "connection",
      retryable: false,
      billed: "unknown",
    });
  });
});
