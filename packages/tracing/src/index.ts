export type { CallContent, CaptureContent } from "./capture-content.ts";
export type { ChatMessage, MessagePart, OutputMessage } from "./messages.ts";
export {
  type TracingOptions,
  tracing,
  tracing as default,
  tracingValidateOptions,
} from "./middleware.ts";
export { type IdGenerator, RunIdGenerator } from "./run-id-generator.ts";
export { Tracer, type TracerOptions } from "./tracer.ts";
