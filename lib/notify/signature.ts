/** How the requests of webhooks are signed: HMAC-SHA256 over the time, a full stop and the body. */
import { createHmac } from 'node:crypto';

/** Headers by which a receiver knows that a request is ours, new, and perhaps seen before. */
export const webhookHeaders = {
  /** The notice's `delivery_id`: the same on repeats. */
  delivery: 'bunsui-delivery',
  /** Seconds since the epoch. */
  timestamp: 'bunsui-timestamp',
  /** `v1=<hex>`, and a second one after a comma while secrets are rotated. */
  signature: 'bunsui-signature',
} as const;

/**
 * The headers of a signed request.
 *
 * @param secrets One or two. None: the request is not signed.
 */
export function signedHeaders(
  deliveryId: string,
  body: string,
  secrets: readonly string[],
  nowMs: number,
): Readonly<Record<string, string>> {
  const timestamp = String(Math.floor(nowMs / 1_000));
  const signatures = secrets.map(
    (secret) => `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`,
  );
  return {
    [webhookHeaders.delivery]: deliveryId,
    [webhookHeaders.timestamp]: timestamp,
    ...(signatures.length > 0 && { [webhookHeaders.signature]: signatures.join(',') }),
  };
}
