/** The parts of an AWS SDK error that are looked at; any of them may be missing. */
export interface ServiceError {
  readonly name: string;
  readonly message: string;
  readonly code?: string | undefined;
  readonly cause?: unknown;
  readonly originalStatusCode?: number | undefined;
  /** The SDK's mark of an error that it would send again. */
  readonly $retryable?: { readonly throttling?: boolean } | undefined;
  readonly $metadata?:
    | {
        readonly httpStatusCode?: number;
        readonly requestId?: string;
        /** The SDK has set its clock by the answer. */
        readonly clockSkewCorrected?: boolean;
      }
    | undefined;
  readonly $response?:
    | {
        readonly statusCode?: number;
        readonly headers?: Record<string, string>;
      }
    | undefined;
}
