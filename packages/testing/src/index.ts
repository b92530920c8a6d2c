export { budgetStoreConformance } from "./conformance/budget-store.ts";
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
  type MockAnswer,
  type MockCall,
  MockProvider,
  type MockProviderOptions,
  type MockResponse,
} from "./mock-provider.ts";
