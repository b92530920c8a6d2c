export { budgetStoreConformance } from "./conformance/budget-store.ts";
export {
  type ConformanceRun,
  type JournalConformanceOptions,
  type JournalEnding,
  journalConformance,
} from "./conformance/journal.ts";
export { sessionStoreConformance } from "./conformance/session-store.ts";
export { stepStoreConformance } from "./conformance/step-store.ts";
export type {
  ConformanceClock,
  RegisterTest,
  StoreConformanceOptions,
  TimedStoreConformanceOptions,
} from "./conformance/suite.ts";
export {
  MockLambdaContext,
  type MockLambdaContextOptions,
} from "./mock-lambda-context.ts";
export { mockModel } from "./mock-model.ts";
export {
  type MockCall,
  MockProvider,
  type MockProviderOptions,
} from "./mock-provider.ts";
export type { MockAnswer, MockResponse } from "./mock-response.ts";
