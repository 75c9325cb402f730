import { expect, test } from 'vitest';
import { createRemotePictures } from '../../src/remote/fetch.ts';
import { PUBLIC, startWeb } from '../support/web.ts';

/** Names of others that lead inside, as a resolver says. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  '127.0.0.1.nip.io': ['127.0.0.1'],
  '7f000001.nip.io': ['127.0.0.1'],
  '169-254-169-254.sslip.io': ['169.254.169.254'],
  'localtest.me': ['127.0.0.1', '::1'],
  'metadata.google.internal': ['169.254.169.254'],
  'inside.example.test': ['10.0.0.7'],
  'six.example.test': ['fd00:ec2::254'],
  'mapped.example.test': ['::ffff:169.254.169.254'],
  'nat64.example.test': ['64:ff9b::a9fe:a9fe'],
  // One of several is enough.
  'both.example.test': [PUBLIC, '192.168.0.1'],
  'neither.example.test': [],
};

test.each([
  // What is not https, or not on its port, or not plainly written.
  'http://example.test/x.png',
  'HTTP://example.test/x.png',
  'https://example.test:444/x.png',
  'https://example.test:80/x.png',
  'https://user@example.test/x.png',
  'https://user:pass@example.test/x.png',
  'https://example.test@127.0.0.1/x.png',
  'https://127.0.0.1#@example.test/x.png',
  'https://127.0.0.1\\@example.test/x.png',
  'https:\\\\127.0.0.1\\x.png',
  'https://exam\tple.test/x.png',
  'https://example.test/x y.png',
  'https://',
  'https:///',
  'https://%00/x.png',
  // Numbers, however they are written.
  'https://127.0.0.1/x.png',
  'https://127.1/x.png',
  'https://127.0.1/x.png',
  'https://2130706433/x.png',
  'https://017700000001/x.png',
  'https://0177.0.0.1/x.png',
  'https://0177.0.0.01/x.png',
  'https://0x7f000001/x.png',
  'https://0x7F.0x0.0x0.0x1/x.png',
  'https://0x7f.1/x.png',
  'https://127.0.0.1./x.png',
  'https://１２７.０.０.１/x.png',
  'https://①②⑦.⓪.⓪.①/x.png',
  'https://127。0。0。1/x.png',
  'https://%31%32%37.0.0.1/x.png',
  'https://0/x.png',
  'https://0.0.0.0/x.png',
  'https://10.1.2.3/x.png',
  'https://172.16.9.9/x.png',
  'https://192.168.0.1/x.png',
  'https://3232235521/x.png',
  'https://100.64.1.1/x.png',
  'https://100.100.100.200/latest/meta-data/',
  'https://169.254.169.254/latest/meta-data/',
  'https://2852039166/latest/meta-data/',
  'https://0xA9FEA9FE/latest/meta-data/',
  'https://0251.0376.0251.0376/latest/meta-data/',
  'https://168.63.129.16/x.png',
  'https://198.18.0.1/x.png',
  'https://224.0.0.1/x.png',
  'https://255.255.255.255/x.png',
  'https://256.256.256.256/x.png',
  'https://[::1]/x.png',
  'https://[::]/x.png',
  'https://[0:0:0:0:0:0:0:1]/x.png',
  'https://[::ffff:127.0.0.1]/x.png',
  'https://[::ffff:7f00:1]/x.png',
  'https://[::127.0.0.1]/x.png',
  'https://[64:ff9b::169.254.169.254]/x.png',
  'https://[2002:7f00:1::]/x.png',
  'https://[fe80::1]/x.png',
  'https://[fe80::1%25eth0]/x.png',
  'https://[fc00::1]/x.png',
  'https://[fd00:ec2::254]/x.png',
  'https://[ff02::1]/x.png',
  // Names.
  'https://localhost/x.png',
  'https://LOCALHOST/x.png',
  'https://localhost./x.png',
  'https://redis/x.png',
  'https://unknown.example.test/x.png',
  ...Object.keys(NAMES).map((name) => `https://${name}/x.png`),
  'https://INSIDE.example.test./x.png',
  // Not an address at all.
  '//example.test/x.png',
  'file:///etc/passwd',
  'gopher://example.test/x',
  'https://example.test/'.padEnd(9_000, 'x'),
])('%s is never called', async (url) => {
  const { web, names, resolve, requests } = await startWeb({});
  for (const [name, addresses] of Object.entries(NAMES)) names.set(name, [addresses]);
  const outcomes: string[] = [];
  const pictures = createRemotePictures({
    hosts: [],
    bytes: 1 << 20,
    timeoutMs: 20_000,
    onEnd: (outcome) => outcomes.push(outcome),
    resolve,
    web,
  });
  const asked = pictures.fetch(url, 'images[0].image_url', { owner: 'acme', hold: async () => undefined });
  await expect(asked).rejects.toMatchObject({
    failure: 'invalid_request',
    message: expect.stringMatching(/^images\[0\]\.image_url: the picture could not be fetched\. The address must /),
    detail: { param: 'images[0].image_url', code: 'remote_image_refused' },
  });
  expect(requests).toHaveLength(0);
  expect(outcomes).toEqual(['refused']);
});
