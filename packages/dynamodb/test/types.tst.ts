import type {
  CreateTableCommandInput,
  UpdateTimeToLiveCommandInput,
} from "@aws-sdk/client-dynamodb";
import type { Stores } from "@lambdallm/core/stores";
import dynamoDBStoreDefault, {
  dynamoDBStore,
  iamPolicy,
  type tableDefinition,
} from "@lambdallm/dynamodb";
import { describe, expect, test } from "tstyche";

describe("dynamoDBStore", () => {
  test("gives all stores", () => {
    expect(dynamoDBStore({ tableName: "chat" })).type.toBe<Stores>();
    expect(dynamoDBStoreDefault).type.toBe(dynamoDBStore);
  });

  test("takes a variable of the environment as the table's name, but not its absence", () => {
    expect(dynamoDBStore).type.toBeCallableWith({
      tableName: process.env["TABLE_NAME"],
    });
    expect(dynamoDBStore).type.not.toBeCallableWith({});
    expect(dynamoDBStore).type.not.toBeCallableWith({
      tableName: "chat",
      table: "chat",
    });
  });

  test("takes client settings without those that the store decides", () => {
    expect(dynamoDBStore).type.toBeCallableWith({
      tableName: "chat",
      clientConfig: { endpoint: "http://localhost" },
    });
    expect(dynamoDBStore).type.not.toBeCallableWith({
      tableName: "chat",
      clientConfig: { maxAttempts: 3 },
    });
  });
});

describe("iamPolicy", () => {
  test("knows the features", () => {
    expect(iamPolicy).type.toBeCallableWith({
      tableArn: "a",
      features: ["sessions", "steps"],
    });
    expect(iamPolicy).type.not.toBeCallableWith({
      tableArn: "a",
      features: ["chat"],
    });
  });
});

describe("tableDefinition", () => {
  test("has what CreateTable and UpdateTimeToLive take", () => {
    expect<
      typeof tableDefinition.TimeToLiveSpecification
    >().type.toBeAssignableTo<
      UpdateTimeToLiveCommandInput["TimeToLiveSpecification"]
    >();
    expect<typeof tableDefinition.BillingMode>().type.toBeAssignableTo<
      CreateTableCommandInput["BillingMode"]
    >();
  });
});
