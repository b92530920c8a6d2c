/**
 * The prefixes of the inference profiles that keep a request of this Region in its geography, the narrower first.
 *
 * @see https://docs.aws.amazon.com/bedrock/latest/userguide/inference-profiles-support.html
 */
export function geographiesOf(region: string): readonly string[] {
  if (region.startsWith("us-gov-")) return ["us-gov"];
  switch (region) {
    case "ap-northeast-1":
    case "ap-northeast-3":
      return ["jp", "apac"];
    case "ap-southeast-2":
    case "ap-southeast-4":
      return ["au", "apac"];
    case "ap-south-1":
    case "ap-south-2":
      return ["in", "apac"];
    default: {
      const continent = region.slice(0, region.indexOf("-"));
      return [continent === "ap" ? "apac" : continent];
    }
  }
}

/** https://docs.aws.amazon.com/bedrock/latest/userguide/global-cross-region-inference.html: commercial Regions. */
export function hasGlobalProfiles(region: string): boolean {
  return !/^(?:us-gov|us-iso[a-z]?|cn)-/.test(region);
}
