/**
 * Which addresses messages may go to. Whoever writes a webhook's address could otherwise have this account's own
 * network, the credentials of its metadata services above all, called from inside.
 *
 * @see https://www.iana.org/assignments/iana-ipv4-special-registry and iana-ipv6-special-registry
 */
import { BlockList, isIP, isIPv4 } from 'node:net';

type Range = readonly [network: string, prefix: number];

/** Credentials are to be had here: blocked whatever a channel allows. */
const credentialRanges: readonly Range[] = [
  ['169.254.0.0', 16],
  ['fe80::', 10],
  ['fd00:ec2::', 32],
];

/** Not reached over the internet, but perhaps meant: a channel may allow them. */
const privateRanges: readonly Range[] = [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
  ['::1', 128],
  ['fc00::', 7],
];

/** Nobody's receiver stands here: this network, tests and documentation, relays, multicast, reserved. */
const neverRanges: readonly Range[] = [
  ['0.0.0.0', 8],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const globalIpv6: readonly Range[] = [['2000::', 3]];

function listOf(...ranges: readonly (readonly Range[])[]): BlockList {
  const list = new BlockList();
  for (const [network, prefix] of ranges.flat()) list.addSubnet(network, prefix, isIPv4(network) ? 'ipv4' : 'ipv6');
  return list;
}

const credentials = listOf(credentialRanges);
const privates = listOf(privateRanges);
const never = listOf(neverRanges);
const global = listOf(globalIpv6);

/** Names of metadata services and of this machine, which need no DNS to mean what they mean. */
const names = /^(localhost|.*\.localhost|metadata|metadata\.google\.internal|instance-data(\..*)?|.*\.internal)\.?$/i;

/**
 * Whether nothing may be sent to an address.
 *
 * @param address As a socket connects to it: plain IPv4 or IPv6. What is neither is blocked.
 */
export function isBlockedAddress(address: string, allowPrivate: boolean): boolean {
  const version = isIP(address);
  // A zone says which of this machine's networks is meant.
  if (version === 0 || address.includes('%')) return true;
  const family = version === 4 ? 'ipv4' : 'ipv6';
  if (credentials.check(address, family) || never.check(address, family)) return true;
  if (privates.check(address, family)) return !allowPrivate;
  // IPv4 inside of IPv6, in any of its spellings, lies outside of what is global.
  return version === 6 && !global.check(address, family);
}

/** Whether a host's name alone says that nothing may be sent to it. */
export function isBlockedName(hostname: string, allowPrivate: boolean): boolean {
  return !allowPrivate && names.test(hostname);
}
