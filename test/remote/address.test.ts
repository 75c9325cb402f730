import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPublicAddress } from '../../src/remote/address.ts';

test.each([
  '1.1.1.1',
  '8.8.8.8',
  '93.184.215.14',
  '100.63.255.255',
  '100.128.0.1',
  '172.15.0.1',
  '172.32.0.1',
  '192.167.0.1',
  '223.255.255.255',
  '2606:2800:21f:cb07:6820:80da:af6b:8b2c',
  '2a00:1450:4001:80e::200e',
  '2001:4860:4860::8888',
])('%s is public', (address) => expect(isPublicAddress(address)).toBe(true));

test.each([
  '0.0.0.0',
  '0.1.2.3',
  '10.0.0.1',
  '100.64.0.1',
  '100.100.100.200',
  '127.0.0.1',
  '127.255.255.254',
  '168.63.129.16',
  '169.254.169.254',
  '172.16.0.1',
  '172.31.255.255',
  '192.0.0.192',
  '192.0.2.1',
  '192.88.99.1',
  '192.168.1.1',
  '198.18.0.1',
  '198.51.100.1',
  '203.0.113.1',
  '224.0.0.1',
  '240.0.0.1',
  '255.255.255.255',
  '::',
  '::1',
  '::127.0.0.1',
  '::ffff:127.0.0.1',
  '::ffff:8.8.8.8',
  '::ffff:0:8.8.8.8',
  '64:ff9b::a9fe:a9fe',
  '64:ff9b:1::1',
  '100::1',
  '2001::1',
  '2001:0:4136:e378:8000:63bf:3fff:fdd2',
  '2001:10::1',
  '2001:db8::1',
  '2002:7f00:1::',
  '2002:a9fe:a9fe::1',
  '3fff::1',
  '5f00::1',
  'fc00::1',
  'fd00:ec2::254',
  'fe80::1',
  'fe80::1%eth0',
  'fec0::1',
  'ff02::1',
  '',
  'localhost',
  '127.1',
  '0x7f.0.0.1',
])('%s is not', (address) => expect(isPublicAddress(address)).toBe(false));

test('an IPv4 address in the dress of an IPv6 one never is', () => {
  const octets = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: 0, max: 255 })));
  fc.assert(
    fc.property(octets, ([a, b, c, d]) => {
      const hex = (high: number, low: number): string => ((high << 8) | low).toString(16);
      const [first, second] = [hex(a!, b!), hex(c!, d!)];
      for (const address of [
        `::ffff:${a}.${b}.${c}.${d}`,
        `::${first}:${second}`,
        `64:ff9b::${first}:${second}`,
        `64:ff9b:1::${first}:${second}`,
        `2002:${first}:${second}::1`,
        `2001:0:${first}:${second}::1`,
      ])
        expect(isPublicAddress(address)).toBe(false);
    }),
  );
});
