/** Values as real secrets look, none of which opens anything. Made of pieces, so that no scanner takes this file for a leak. */
import { createHash } from 'node:crypto';

const noise = (seed: string, length: number) =>
  createHash('sha512').update(seed).digest('base64url').replaceAll(/[-_]/g, 'x').repeat(4).slice(0, length);
const upper = (seed: string, length: number) => noise(seed, 400).toUpperCase().slice(0, length);
const pem = (kind: string) =>
  `-----BEGIN ${kind}-----\n${noise(kind, 64)}\n${noise(`${kind}2`, 64)}\n${noise(`${kind}3`, 40)}==\n-----END ${kind}-----\n`;

export const canaries: { readonly [name: string]: string } = {
  'aws-access-key': `AK${'IA'}${upper('a', 16)}`,
  'aws-session-key': `AS${'IA'}${upper('b', 16)}`,
  'aws-secret-key': `${noise('c', 20)}/${noise('d', 9)}+${noise('e', 9)}`,
  'github-token': `gh${'p_'}${noise('f', 36)}`,
  'github-app': `gh${'s_'}${noise('g', 36)}`,
  'github-fine': `github_${'pat_'}${noise('h', 22)}_${noise('i', 59)}`,
  'gitlab-token': `gl${'pat-'}${noise('j', 20)}`,
  'slack-bot': `xo${'xb-'}123456789012-1234567890123-${noise('k', 24)}`,
  'slack-user': `xo${'xp-'}123456789012-${noise('l', 32)}`,
  'slack-hook': `https://hooks.slack.${'com/services'}/T${upper('m', 8)}/B${upper('n', 8)}/${noise('o', 24)}`,
  'stripe-live': `sk_${'live_'}${noise('p', 24)}`,
  'stripe-restricted': `rk_${'live_'}${noise('q', 24)}`,
  'google-key': `AI${'za'}${noise('r', 35)}`,
  'google-refresh': `1//0${noise('s', 40)}`,
  'openai-key': `sk-${'proj-'}${noise('t', 48)}`,
  'anthropic-key': `sk-${'ant-'}api03-${noise('u', 60)}`,
  'npm-token': `np${'m_'}${noise('v', 36)}`,
  'pypi-token': `py${'pi-'}AgEIcHlwaS5vcmc${noise('w', 60)}`,
  'sendgrid-key': `S${'G.'}${noise('x', 22)}.${noise('y', 43)}`,
  'twilio-key': `S${'K'}${createHash('md5').update('z').digest('hex')}`,
  'mailgun-key': `key-${createHash('md5').update('mg').digest('hex')}`,
  'datadog-key': createHash('md5').update('dd').digest('hex'),
  jwt: `ey${'JhbGciOiJIUzI1NiJ9'}.${noise('1', 60)}.${noise('2', 43)}`,
  'rsa-pem': pem('RSA PRIVATE KEY'),
  'ec-pem': pem('EC PRIVATE KEY'),
  'ssh-pem': pem('OPENSSH PRIVATE KEY'),
  'url-userinfo': `postgres://loader:${noise('3', 20)}%40x@db.example.test:5432/wh?sslmode=require`,
  'basic-auth': `Basic ${Buffer.from(`user:${noise('4', 16)}`).toString('base64')}`,
  'azure-connection': `DefaultEndpointsProtocol=https;AccountName=x;AccountKey=${noise('5', 86)}==`,
  'json-credentials': JSON.stringify({ username: `user-${noise('6', 12)}`, password: `p"\\${noise('7', 18)}` }),
  quoted: `it's "${noise('8', 14)}" \\ {%}<&>`,
  unicode: `пароль-密碼-${noise('9', 12)}-🔑`,
  passphrase: `correct horse ${noise('10', 8)} staple`,
};
