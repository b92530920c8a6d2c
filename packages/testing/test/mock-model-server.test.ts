import http from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { Model } from "@lambdallm/core";
import { providerMiddleware } from "@lambdallm/core/feature";
import {
  type LambdaHandler,
  type LocalFunctionUrl,
  startFunctionUrl,
} from "@lambdallm/local";
import { MockLambdaContext, MockProvider, mockModel } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";

/** Stands for the real service. */
const real = new MockProvider({ responses: ["real"] });

describe.each(middyMajors)(
  "mockModel and servers that were started before the test, on %s",
  (_name, middy) => {
    const handler = middy()
      .use(
        providerMiddleware({
          provider: real,
          defaults: { model: Model.NOVA_LITE },
        }),
      )
      .handler(async (_event, { invoke }) => ({
        statusCode: 200,
        body: await invoke("Hi"),
      }));

    let front: LocalFunctionUrl;
    let logged: string[];
    const server = http.createServer((_request, response) => {
      handler({}, new MockLambdaContext()).then(
        ({ body }) => response.end(body),
        (error: Error) => response.writeHead(500).end(error.message),
      );
    });

    beforeAll(async () => {
      front = await startFunctionUrl(handler as unknown as LambdaHandler, {
        log: (line) => logged.push(line),
      });
      await new Promise<void>((resolve) => {
        server.listen(0, "127.0.0.1", resolve);
      });
    });
    afterAll(async () => {
      await front.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    const ask = async (url: string) => (await fetch(url)).text();
    // A server that listens has an address.
    const own = () =>
      `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

    test("a Function URL's handler gets the mock of the test that runs", async () => {
      const run = (text: string) =>
        mockModel({ responses: [text] }, async (model) => {
          expect(await ask(front.url)).toBe(text);
          expect(model.totalCalls).toBe(1);
        })();
      await run("first");
      await run("second");
      expect(await ask(front.url)).toBe("real");
    });

    test("so does one behind a server of the user's own", async () => {
      await mockModel({ responses: ["mock"] }, async () => {
        expect(await ask(own())).toBe("mock");
      })();
      expect(await ask(own())).toBe("real");
    });

    test("a server that another test started gets the mock of the test that runs", async () => {
      let shared: LocalFunctionUrl | undefined;
      await mockModel({ responses: ["first"] }, async () => {
        shared = await startFunctionUrl(handler as unknown as LambdaHandler);
        expect(await ask(shared.url)).toBe("first");
      })();
      await mockModel({ responses: ["second"] }, async () => {
        expect(await ask(String(shared?.url))).toBe("second");
      })();
      await shared?.close();
    });

    test("two tests at the same time are told that they cannot share one", async () => {
      logged = [];
      const { promise, resolve } = Promise.withResolvers<void>();
      const waiting = mockModel({}, async (model) => {
        await promise;
        expect(model.totalCalls).toBe(0);
      })();
      await mockModel({}, async (model) => {
        const reason = "2 mocked models are in use at the same time";
        expect(await ask(own())).toContain(reason);
        expect((await fetch(front.url)).status).toBe(502);
        expect(logged.join()).toContain(reason);
        expect(model.totalCalls).toBe(0);
      })();
      resolve();
      await waiting;
    });
  },
);
