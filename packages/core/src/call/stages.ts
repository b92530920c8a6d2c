import { ConfigurationError } from "../contract/errors.ts";
import type {
  CallInfo,
  CallModel,
  Interceptor,
  ModelResponse,
  Stage,
} from "../contract/model-call.ts";

interface NamedInterceptor {
  readonly name: string;
  readonly intercept: Interceptor;
}

const INSIDE_OUT: readonly Stage[] = ["attempt", "limit", "retry", "call"];

/** The interceptors of an invocation. The stage decides how they are nested; within a stage the first is the outermost. */
export class Stages {
  readonly #parent: Stages | undefined;
  readonly #interceptors: Record<Stage, NamedInterceptor[]> = {
    call: [],
    retry: [],
    limit: [],
    attempt: [],
  };

  /** @param parent Those of the outer invocation. */
  constructor(parent?: Stages) {
    this.#parent = parent;
  }

  /** @throws {ConfigurationError} for a second one in the stage `retry`. */
  add(stage: Stage, name: string, intercept: Interceptor): void {
    const interceptors: NamedInterceptor[] | undefined =
      this.#interceptors[stage];
    if (interceptors === undefined || typeof intercept !== "function")
      throw new ConfigurationError(
        'intercept takes a stage ("call", "retry", "limit" or "attempt"), a name and a function.',
      );
    const present = interceptors[0];
    if (stage === "retry" && present !== undefined)
      throw new ConfigurationError(
        `"${name}" cannot be added: "${present.name}" already retries, and two layers would multiply their attempts. Use one of them.`,
      );
    interceptors.push({ name, intercept });
  }

  /** The call with all interceptors around an attempt. */
  around(attempt: CallModel, call: CallInfo): CallModel {
    let next = attempt;
    for (const stage of INSIDE_OUT)
      for (const { name, intercept } of this.#of(stage).reverse()) {
        const inner = next;
        next = async (request) => {
          const response: unknown = await intercept(request, inner, call);
          if (isResponse(response)) return response;
          throw new ConfigurationError(
            `The interceptor "${name}" did not return a response: return what next(request) gives.`,
          );
        };
      }
    return next;
  }

  /** A nested provider's calls pass the outer provider's interceptors first: a budget there covers them too. */
  #of(stage: Stage): NamedInterceptor[] {
    const own = this.#interceptors[stage];
    if (this.#parent === undefined) return [...own];
    const outer = this.#parent.#of(stage);
    return stage === "retry" && own.length > 0 ? [...own] : [...outer, ...own];
  }
}

function isResponse(value: unknown): value is ModelResponse {
  return typeof value === "object" && value !== null && "message" in value;
}
