/**
 * The table as data: the properties of `AWS::DynamoDB::Table` in CloudFormation and SAM. Without `TimeToLiveSpecification` it is the
 * input of CreateTable.
 */
export const tableDefinition = {
  BillingMode: "PAY_PER_REQUEST",
  AttributeDefinitions: [
    { AttributeName: "PK", AttributeType: "S" },
    { AttributeName: "SK", AttributeType: "S" },
  ],
  KeySchema: [
    { AttributeName: "PK", KeyType: "HASH" },
    { AttributeName: "SK", KeyType: "RANGE" },
  ],
  TimeToLiveSpecification: { AttributeName: "ttl", Enabled: true },
} as const;
