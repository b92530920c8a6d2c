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
