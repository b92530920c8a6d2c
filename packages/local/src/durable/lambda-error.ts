/** The errors of Lambda that durable executions can bring, with their HTTP status. */
const STATUS = {
  CallbackTimeoutException: 400,
  InvalidParameterValueException: 400,
  RequestEntityTooLargeException: 413,
  ResourceNotFoundException: 404,
  SerializationException: 400,
  ServiceException: 500,
  UnknownOperationException: 404,
  ValidationException: 400,
} as const;

/** An error as the service sends it. */
export class LambdaError extends Error {
  readonly status: number;

  constructor(name: keyof typeof STATUS, message: string) {
    super(message);
    this.name = name;
    this.status = STATUS[name];
  }
}

/** Refuses in the words of the service. */
export function refuse(message: string): never {
  throw new LambdaError("InvalidParameterValueException", message);
}
