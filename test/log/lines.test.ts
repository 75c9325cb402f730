import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { lineWriter } from '../../src/log/lines.ts';
import { temporaryDirectory } from '../tenants/temporary.ts';

const MODULE = JSON.stringify(new URL('../../src/log/lines.ts', import.meta.url).href);

test('lines arrive whole and in their order, however many come at once', async () => {
  const file = join(temporaryDirectory(), 'log');
  const fd = openSync(file, 'w');
  onTestFinished(() => closeSync(fd));
  const lines = lineWriter(fd);
  const said = Array.from({ length: 5_000 }, (_, index) => `${index} ${'ä'.repeat(index % 50)}\n`);
  for (const [index, line] of said.entries()) {
    lines.write(line);
    if (index % 500 === 0) await lines.flush();
  }
  await lines.flush();
  expect(readFileSync(file, 'utf8')).toBe(said.join(''));
});

test('what cannot be written is lost and counted, and nobody waits for it', async () => {
  const fd = openSync('/dev/full', 'w');
  onTestFinished(() => closeSync(fd));
  const lines = lineWriter(fd);
  let lost = 0;
  lines.watch((count) => (lost += count));
  for (let count = 0; count < 10; count += 1) lines.write('a line\n');
  await lines.flush();
  expect(lost).toBe(10);
  lines.flushAtExit();
});

test('a disk that has room again is told how many lines it lacks, before those that come', async () => {
  const file = join(temporaryDirectory(), 'log');
  // No file of this process may be longer than a few KB, which is how a full disk looks to it.
  const script = `
    const { lineWriter } = await import(${MODULE});
    const lines = lineWriter(1);
    let lost = 0;
    lines.watch((count) => (lost += count));
    while (lost === 0) { lines.write('x'.repeat(999) + '\\n'); await lines.flush(); }
    process.stderr.write('full');
    process.stdin.once('data', async () => { lines.write('after\\n'); await lines.flush(); process.exit(lost); });`;
  const line = `ulimit -f 8; exec "$0" --input-type=module --eval "$1" >>"$2"`;
  const child = spawn('bash', ['-c', line, process.execPath, script, file], { stdio: ['pipe', 'inherit', 'pipe'] });
  await once(child.stderr, 'data');
  truncateSync(file, 0);
  child.stdin.write('go');
  const [lost] = (await once(child, 'close')) as [number];
  const told = readFileSync(file, 'utf8').split('\n').slice(-3);
  expect(JSON.parse(told[0]!)).toMatchObject({ level: 40, lines: lost, msg: expect.stringContaining('were lost') });
  expect(told.slice(1)).toEqual(['after', '']);
});

test('at the end of a process that nobody waits for, what is said last is still written', () => {
  const script = `
    const { lineWriter } = await import(${MODULE});
    const lines = lineWriter(1);
    process.once('exit', lines.flushAtExit);
    lines.write('first\\n');
    await lines.flush();
    lines.write('second\\n'); lines.write('last\\n');
    process.exit(0);`;
  const said = execFileSync(process.execPath, ['--input-type=module', '--eval', script], { encoding: 'utf8' });
  // What was on its way already may come after what is written in its stead.
  expect(said.split('\n').toSorted()).toEqual(['', 'first', 'last', 'second']);
});
