import type { Context as LambdaContext } from "aws-lambda";
import type { LLMContext } from "../context/llm-context.ts";
import type {
  CallModel,
  ModelRequest,
  ModelResponse,
} from "../contract/model-call.ts";
import type { MiddyMiddleware } from "./middy-types.ts";
import { invocationOf } from "./registry.ts";

type Context = LambdaContext & LLMContext;
type MaybePromise<T> = T | Promise<T>;

/**
 * A middleware as a class. Its instance goes straight into `.use()`, after the provider's middleware. Override what you
 * need.
 *
 * @example
 * class Audit extends Middleware<{ user: string }> {
 *   override afterInvoke(event: { user: string }, _result: unknown, context: LLMContext) {
 *     console.log(event.user, context.totalCostUsd);
 *   }
 * }
 * middy(handler).use(bedrock()).use(new Audit());
 */
export abstract class Middleware<TEvent = unknown, TResult = unknown> {
  /** Runs before the handler. What it returns replaces the event; undefined keeps it. */
  beforeInvoke(_event: TEvent, _context: Context): MaybePromise<unknown> {
    return undefined;
  }

  /** Runs after the handler. What it returns replaces the result; undefined keeps it. */
  afterInvoke(
    _event: TEvent,
    _result: TResult,
    _context: Context,
  ): MaybePromise<unknown> {
    return undefined;
  }

  /** Runs when the handler or a middleware failed. What it returns becomes the result; undefined keeps the error. */
  onInvokeError(
    _event: TEvent,
    _error: unknown,
    _context: Context,
  ): MaybePromise<unknown> {
    return undefined;
  }

  /** Sits around every model call of the invocation. */
  interceptModelCall(
    request: ModelRequest,
    next: CallModel,
  ): Promise<ModelResponse> {
    return next(request);
  }

  // Middy copies the functions out of the object, so they must not need `this`. It hands over whatever event and result
  // the chain has; TEvent and TResult are what the subclass says they are.
  readonly before: Phase = async (request) => {
    const { name } = this.constructor;
    invocationOf(request.context, name).intercept(
      "call",
      name,
      (modelRequest, next) => this.interceptModelCall(modelRequest, next),
    );
    const event = await this.beforeInvoke(
      request.event as TEvent,
      request.context,
    );
    if (event !== undefined) request.event = event;
  };

  readonly after: Phase = async (request) => {
    const result = await this.afterInvoke(
      request.event as TEvent,
      request.response as TResult,
      request.context,
    );
    if (result !== undefined) request.response = result;
  };

  readonly onError: Phase = async (request) => {
    const result = await this.onInvokeError(
      request.event as TEvent,
      request.error,
      request.context,
    );
    if (result !== undefined) request.response = result;
  };
}

type Phase = NonNullable<MiddyMiddleware<Context>["before"]>;
