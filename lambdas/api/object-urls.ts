/** Addresses under which an object can be read for some minutes by whoever has them. */
import { AwsClient } from 'aws4fetch';
import { requireVariable } from '../function-setup.ts';

const secondsValid = 300;

/**
 * Signs with the function's own credentials, which end before the address does when it is about to be replaced.
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/using-presigned-url.html
 */
export function objectUrls(env: Readonly<Record<string, string | undefined>>, bucket: string, now: () => number) {
  const region = requireVariable(env, 'AWS_REGION');
  const endpoint = env['AWS_ENDPOINT_URL'];
  const origin = endpoint === undefined ? `https://${bucket}.s3.${region}.amazonaws.com` : `${endpoint}/${bucket}`;
  return async (key: string) => {
    const client = new AwsClient({
      accessKeyId: requireVariable(env, 'AWS_ACCESS_KEY_ID'),
      secretAccessKey: requireVariable(env, 'AWS_SECRET_ACCESS_KEY'),
      ...(env['AWS_SESSION_TOKEN'] === undefined ? {} : { sessionToken: env['AWS_SESSION_TOKEN'] }),
      service: 's3',
      region,
    });
    const url = new URL(`${origin}/${key.split('/').map(encodeURIComponent).join('/')}`);
    url.searchParams.set('X-Amz-Expires', String(secondsValid));
    const expiresAt = new Date(now() + secondsValid * 1000).toISOString();
    const signed = await client.sign(url, { method: 'GET', aws: { signQuery: true } });
    return { url: signed.url, expiresAt };
  };
}
