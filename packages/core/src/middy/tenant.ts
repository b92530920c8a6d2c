import { ConfigurationError } from "../contract/errors.ts";
import { checkId } from "../stores/check-id.ts";

/** Whose execution environment this is, in a function with Lambda's tenant isolation. @throws {ConfigurationError} */
export function isolatedTenant(
  context: object | undefined,
): string | undefined {
  const { tenantId, lambdaContext }: Record<string, unknown> = Object(context);
  // A durable context carries Lambda's own.
  const tenant = tenantId ?? Object(lambdaContext).tenantId ?? undefined;
  if (tenant !== undefined) checkId("context.tenantId", tenant);
  return tenant;
}

/**
 * The tenant of the authenticated caller, as the option `tenant` of a feature gave it.
 *
 * @param feature Named in the error.
 * @throws {ConfigurationError} Never another tenant's data instead.
 */
export function checkedTenant(feature: string, tenant: unknown): string {
  try {
    checkId("tenant", tenant);
  } catch (error) {
    throw new ConfigurationError(
      `${feature}: the option "tenant" has to return the authenticated caller's tenant. ${(error as Error).message}`,
    );
  }
  return tenant;
}
