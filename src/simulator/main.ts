import { parseArgs } from 'node:util';
import { startSimulator } from './server.ts';
import type { SimulatorOptions } from './server.ts';
import { parseSettings } from './settings.ts';

const USAGE = `A Gemini-native upstream that draws simulated pictures, keeps its own bill and misbehaves on request.

  npm run simulator -- [--port 9090] [--latency-ms 0] [--signature-bytes N] [--format png|jpeg] [--pricing google|reseller]
                        [--free-searches 5000]

  --port             on 127.0.0.1; 0 is any free one
  --latency-ms       from a request to its answer
  --signature-bytes  length of each thought signature, base64; as the vendor's (1.1 to 2.9 MB) unless given
  --format           what pictures are sent as; jpeg unless given, as the vendor does
  --pricing          of the bill: by tokens, as Google, or $0.058 a picture, as a reseller
  --free-searches    queries to search engines that each month has free on the bill; 5000 unless given, as at Google

GET /simulator/faults lists how it can misbehave: by header (x-simulator-fault: overloaded), by words in a
prompt (simulate:overloaded) or by rule (POST /simulator/rules). GET /simulator/bill and /simulator/calls tell the rest.
`;

function readOptions(args: string[]): SimulatorOptions | null {
  const { values } = parseArgs({
    args,
    options: {
      port: { type: 'string', default: '9090' },
      'latency-ms': { type: 'string' },
      'signature-bytes': { type: 'string' },
      format: { type: 'string' },
      pricing: { type: 'string' },
      'free-searches': { type: 'string' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return null;
  const port = Number(values.port);
  if (!/^\d{1,5}$/.test(values.port) || port > 65_535) throw new RangeError(`--port is 0 to 65535, not ${values.port}`);
  const given = {
    latencyMs: values['latency-ms'] && Number(values['latency-ms']),
    signatureBytes: values['signature-bytes'] && Number(values['signature-bytes']),
    format: values.format,
    pricing: values.pricing,
    freeSearches: values['free-searches'] && Number(values['free-searches']),
  };
  const settings = Object.entries(given).filter(([, value]) => value !== undefined);
  return { port, ...parseSettings(Object.fromEntries(settings)) };
}

function greeting(url: string): string {
  return `The simulator draws on ${url}. Nothing is real and nothing is paid.

  curl -s '${url}/v1beta/models/gemini-3.1-flash-image:generateContent' -H 'x-goog-api-key: any' \\
    -H 'content-type: application/json' \\
    -d '{"contents":[{"parts":[{"text":"a fox in snow"}]}],"generationConfig":{"seed":7,"responseModalities":["IMAGE"]}}' |
    sed -n 's/.*"data": "\\(.*\\)",\\{0,1\\}$/\\1/p' | base64 -d > fox.jpeg

  curl -s ${url}/simulator/bill      what it would have cost
  curl -s ${url}/simulator/faults    how it can misbehave
`;
}

function explain(error: unknown): string {
  const { code, message } =
    error instanceof Error ? (error as NodeJS.ErrnoException) : { code: '', message: String(error) };
  if (code === 'EADDRINUSE') return 'The port is taken. Choose another one: npm run simulator -- --port 9091\n';
  if (code === 'EACCES') return 'The port needs privileges. Choose one above 1023: npm run simulator -- --port 9090\n';
  return `${message}\nnpm run simulator -- --help tells the options.\n`;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (!options) process.stdout.write(USAGE);
  else {
    const simulator = await startSimulator(options);
    process.stdout.write(greeting(simulator.url));
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void simulator.close());
  }
} catch (error) {
  process.stderr.write(explain(error));
  process.exitCode = 1;
}
