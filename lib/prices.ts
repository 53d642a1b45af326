/**
 * AWS's list prices in US dollars: us-east-1, without free tiers. For estimates that are shown as such.
 *
 * @see https://aws.amazon.com/pricing
 */
export const price = {
  transition: 25e-6,
  lambdaRequest: 0.2e-6,
  /** arm64. */
  lambdaGbSecond: 13.3334e-6,
  dynamodbWrite: 0.625e-6,
  dynamodbRead: 0.125e-6,
  s3Put: 5e-6,
  logsGb: 0.5,
  alarmMonth: 0.1,
  dashboardMonth: 3,
  sqsRequest: 0.4e-6,
} as const;
