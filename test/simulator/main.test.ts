import { spawn } from 'node:child_process';
import { afterEach, describe, expect, it } from 'vitest';
import { startSimulator } from '../../src/simulator/server.ts';

const MAIN = new URL('../../src/simulator/main.ts', import.meta.url).pathname;
const started: ReturnType<typeof spawn>[] = [];
afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

function start(...args: string[]): {
  stdout: () => string;
  stderr: () => string;
  ended: Promise<number | null>;
  kill: (signal: NodeJS.Signals) => void;
} {
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  started.push(child);
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  return { stdout: () => stdout, stderr: () => stderr, ended, kill: (signal) => child.kill(signal) };
}

describe('npm run simulator', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('prints its address, draws, and ends on %s', async (signal) => {
    const run = start('--port', '0', '--signature-bytes', '64', '--format', 'png');
    await expect.poll(run.stdout).toContain('curl');
    const url = /http:\/\/127\.0\.0\.1:\d+/.exec(run.stdout())?.[0] ?? '';
    const response = await fetch(`${url}/v1/models/gemini-3.1-flash-image:generateContent?key=any`, {
      method: 'POST',
      body: JSON.stringify({ contents: [{ parts: [{ text: 'a fox' }] }] }),
    });
    expect(await response.text()).toContain('image/png');
    run.kill(signal);
    expect(await run.ended).toBe(0);
  });

  it('prints a curl line that saves a picture', async () => {
    const run = start('--port', '0');
    await expect.poll(run.stdout).toContain('faults');
    const line = /curl[^]*?fox\.jpeg/.exec(run.stdout())?.[0].replace('> fox.jpeg', '| head -c 3 | od -An -tx1') ?? '';
    const shell = spawn('bash', ['-c', line]);
    let printed = '';
    shell.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
    await new Promise((resolve) => shell.on('close', resolve));
    expect(printed.trim()).toBe('ff d8 ff');
  });

  it('says when its port is taken and how to choose another', async () => {
    const simulator = await startSimulator();
    const run = start('--port', new URL(simulator.url).port);
    expect(await run.ended).toBe(1);
    expect(run.stderr()).toMatch(/taken.*--port/);
    await simulator.close();
  });

  it.each([[['--port', 'x']], [['--latency-ms', 'soon']], [['--format', 'gif']], [['--nonsense']]])(
    'refuses %j in one sentence',
    async (args) => {
      const run = start(...args);
      expect(await run.ended).toBe(1);
      expect(run.stderr()).not.toContain('    at ');
      expect(run.stderr()).toContain('--help');
    },
  );

  it('tells its options with --help', async () => {
    const run = start('--help');
    expect(await run.ended).toBe(0);
    expect(run.stdout()).toContain('--signature-bytes');
  });
});
