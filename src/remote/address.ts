import { BlockList, isIP } from 'node:net';

// What is no place on the public internet: https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-.

const NOT_PUBLIC_4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  // Behind a provider's NAT; at Alibaba the machine's own metadata: 100.100.100.200.
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  // Of the link; at most clouds the machine's own metadata: 169.254.169.254.
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
  // Public by its number, and the machine's own at Azure.
  ['168.63.129.16', 32],
];

/** Of 2000::/3, which is all of IPv6 that is routed: Teredo and its like, documentation, 6to4. */
const NOT_PUBLIC_6: readonly (readonly [string, number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
];

const notPublic = new BlockList();
for (const [net, bits] of NOT_PUBLIC_4) notPublic.addSubnet(net, bits, 'ipv4');
const notPublicSix = new BlockList();
for (const [net, bits] of NOT_PUBLIC_6) notPublicSix.addSubnet(net, bits, 'ipv6');
const unicast = new BlockList();
unicast.addSubnet('2000::', 3, 'ipv6');

/**
 * Whether an address, as a resolver gives it, is one of the public internet. All that wraps an IPv4 address in an IPv6 one
 * (mapped, translated, 6to4) is none: it leads to wherever that leads.
 */
export function isPublicAddress(address: string): boolean {
  const family = isIP(address);
  if (family === 4) return !notPublic.check(address, 'ipv4');
  // A zone belongs to a link.
  if (family !== 6 || address.includes('%')) return false;
  return unicast.check(address, 'ipv6') && !notPublicSix.check(address, 'ipv6');
}
