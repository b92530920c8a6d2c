export { type CreateTableOptions, createTable } from "./create-table.ts";
export {
  type DynamoDBStoreOptions,
  default,
  dynamoDBStore,
  dynamoDBStoreValidateOptions,
} from "./dynamodb-store.ts";
export {
  type IamFeature,
  type IamPolicy,
  type IamPolicyOptions,
  type IamStatement,
  iamPolicy,
} from "./iam-policy.ts";
export { MAX_PAYLOAD_BYTES } from "./payload/payload.ts";
export type { ClientOptions } from "./table/client.ts";
export { tableDefinition } from "./table-definition.ts";
