import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { service } from './services.ts';

const isThere = (program: string): boolean => spawnSync(program, ['-v'], { stdio: 'ignore' }).status === 0;
const both = isThere('nginx') && isThere('haproxy') ? true : null;

/** Suites that put real proxies before the gateway. */
export const withProxies = service('nginx and haproxy', both, 'On Debian: apt-get install nginx haproxy.');

export interface FrontProxy {
  readonly url: string;
  close(): Promise<void>;
}

interface Place {
  readonly port: number;
  /** The gateway's. */
  readonly behind: number;
  readonly directory: string;
}

/** As most people have it: with nginx's own buffering, and connections to the gateway that are kept. */
function nginxConf({ port, behind, directory }: Place): string {
  // Its workers are nobody's where root starts it, and may not read what is a test's.
  const user = process.getuid?.() === 0 ? 'user root;' : '';
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `${name}_temp_path ${directory}/${name};`)
    .join(' ');
  return `${user} daemon off; worker_processes 1; pid ${directory}/pid; error_log ${directory}/errors;
events { worker_connections 256; }
http {
  access_log off; ${temporary}
  upstream plantain { server 127.0.0.1:${behind}; keepalive 8; }
  server {
    listen 127.0.0.1:${port};
    client_max_body_size 64m;
    location / {
      proxy_pass http://plantain;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout 300s;
    }
  }
}
`;
}

function haproxyConf({ port, behind }: Place): string {
  return `defaults
  mode http
  option forwardfor
  option abortonclose
  timeout connect 5s
  timeout client 300s
  timeout server 300s
frontend callers
  bind 127.0.0.1:${port}
  default_backend plantain
backend plantain
  http-reuse always
  server one 127.0.0.1:${behind}
`;
}

const PROXIES = {
  nginx: { config: nginxConf, words: (file: string, directory: string) => ['-c', file, '-p', directory] },
  haproxy: { config: haproxyConf, words: (file: string) => ['-f', file, '-db'] },
} as const;
export type ProxyName = keyof typeof PROXIES;

export async function startFrontProxy(name: ProxyName, gatewayUrl: string): Promise<FrontProxy> {
  const directory = mkdtempSync(join(tmpdir(), 'plantain-proxy-'));
  const port = await freePort();
  const file = join(directory, 'config');
  const { config, words } = PROXIES[name];
  writeFileSync(file, config({ port, behind: Number(new URL(gatewayUrl).port), directory }));
  const child = spawn(name, words(file, directory), { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const closed = once(child, 'close');
  while (!(await takes(port))) {
    if (child.exitCode !== null) throw new Error(`${name} did not start: ${said}`);
    await sleep(20);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      child.kill('SIGTERM');
      await closed;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function takes(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
