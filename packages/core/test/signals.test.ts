import { getEventListeners } from "node:events";
import { describe, expect, test } from "@jest/globals";
import { MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { rejection, run } from "./support.ts";

describe.each(middyMajors)(
  "A signal of the caller's, on %s",
  (_name, middy) => {
    test("is listened to during a call only, however the call ends", async () => {
      const { signal } = new AbortController();
      const listening = () => getEventListeners(signal, "abort").length;
      const during: number[] = [];
      const model = new MockProvider({
        responses: [
          async () => {
            during.push(listening());
            return "answer";
          },
          async () => {
            during.push(listening());
            throw new Error("no");
          },
        ],
      });
      await run(middy, [model.middleware()], async ({ invoke }) => {
        await invoke("Hi", undefined, { signal });
        expect(listening()).toBe(0);
        await rejection(invoke("Hi", undefined, { signal }));
        expect(listening()).toBe(0);
      });
      expect(during).toEqual([1, 1]);
    });
  },
);
