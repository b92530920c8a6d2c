import { describe, expect, test } from "@jest/globals";
import { ConfigurationError } from "@lambdallm/core";
import {
  invocationOf,
  type MiddyMiddleware,
  ObservedInvocations,
} from "@lambdallm/core/feature";
import { MockLambdaContext, MockProvider } from "@lambdallm/testing";
import { middyMajors } from "../../../test-support/middy.ts";
import { before, type HandlerContext, rejection, run } from "./support.ts";

describe.each(middyMajors)(
  "a middleware that observes on %s",
  (_name, middy) => {
    const observing = () => {
      const observed = new ObservedInvocations("watch");
      const added: boolean[] = [];
      const middleware: MiddyMiddleware<HandlerContext> = before(
        async ({ context }) => {
          added.push(observed.add(invocationOf(context)));
        },
      );
      return { added, middleware };
    };
    const model = () => new MockProvider().middleware();
    const nothing = async () => {};

    test("sees each invocation", async () => {
      const { added, middleware } = observing();
      await run(middy, [model(), middleware], nothing);
      await run(middy, [model(), middleware], nothing);
      expect(added).toEqual([true, true]);
    });

    test("leaves those of nested providers to the outer one, however deep they are", async () => {
      const { added, middleware } = observing();
      const context = new MockLambdaContext();
      await run(
        middy,
        [model(), middleware],
        () =>
          run(
            middy,
            [model()],
            () => run(middy, [model(), middleware], nothing, context),
            context,
          ),
        context,
      );
      expect(added).toEqual([true, false]);
    });

    test("cannot be used twice", async () => {
      const { middleware } = observing();
      const error = await rejection(
        run(middy, [model(), middleware, middleware], nothing),
      );
      expect(error).toBeInstanceOf(ConfigurationError);
      expect(error).toMatchObject({
        message:
          "watch: there is a watch() in this invocation already: use it once.",
      });
    });
  },
);
