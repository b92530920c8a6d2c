import type { Context as LambdaContext } from "aws-lambda";

/** The part of a Middy request that this suite uses; Middy 6 and 7 both fit. */
export interface MiddyRequest<TContext = LambdaContext> {
  event: unknown;
  context: TContext;
  response?: unknown;
  error?: unknown;
}

/** A Middy middleware, in the shape that Middy 6 and 7 share. */
export interface MiddyMiddleware<TContext = LambdaContext> {
  readonly before?: (request: MiddyRequest<TContext>) => Promise<void>;
  readonly after?: (request: MiddyRequest<TContext>) => Promise<void>;
  readonly onError?: (request: MiddyRequest<TContext>) => Promise<void>;
}
