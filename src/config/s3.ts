import { parseBase } from './address.ts';
import type { ReadSecret } from './environment.ts';
import type { Report } from './mistakes.ts';
import type { S3Config } from './shape.ts';

const PATH = ['cache', 'bytes'];
/** https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html */
const PATTERN = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9!_.*'()/-]*))?$/;
/** Where a store asks for none, any will do. */
const ANY_REGION = 'us-east-1';

/** Reads `s3://bucket/prefix`, with the rest from the environment under the names that Amazon's own tools use. */
export function readS3(text: string, readSecret: ReadSecret, report: Report): S3Config | null {
  const [, bucket = '', path = ''] = PATTERN.exec(text) ?? [];
  if (bucket === '') report.mistake(PATH, 'must be s3://bucket or s3://bucket/prefix');
  const accessKeyId = needed('AWS_ACCESS_KEY_ID', readSecret, report);
  const secretAccessKey = needed('AWS_SECRET_ACCESS_KEY', readSecret, report);
  const region = given('AWS_REGION', readSecret) ?? ANY_REGION;
  const url = urlOf(bucket, region, given('S3_ENDPOINT', readSecret), report);
  if (bucket === '' || accessKeyId === null || secretAccessKey === null || url === null) return null;
  const prefix = path.replaceAll(/^\/+|\/+$/g, '');
  const sessionToken = given('AWS_SESSION_TOKEN', readSecret);
  return {
    shown: text,
    url,
    prefix: prefix === '' ? '' : `${prefix}/`,
    region,
    accessKeyId,
    secretAccessKey,
    sessionToken,
  };
}

/** Another than Amazon's is asked for its bucket by path: not every one has a name for each bucket. */
function urlOf(bucket: string, region: string, endpoint: string | null, report: Report): string | null {
  if (endpoint === null)
    return bucket.includes('.')
      ? `https://s3.${region}.amazonaws.com/${bucket}`
      : `https://${bucket}.s3.${region}.amazonaws.com`;
  const read = parseBase(endpoint);
  if ('base' in read) return `${read.base}/${bucket}`;
  report.mistakeOfVariable('S3_ENDPOINT', read.problem);
  return null;
}

function needed(name: string, readSecret: ReadSecret, report: Report): string | null {
  const secret = readSecret(name);
  if (secret === 'missing')
    report.mistakeOfVariable(name, 'is missing: cache.bytes needs it to reach the object store');
  return typeof secret === 'object' ? secret.value : null;
}

/** What is not usable is a mistake already. */
function given(name: string, readSecret: ReadSecret): string | null {
  const secret = readSecret(name);
  return typeof secret === 'object' ? secret.value : null;
}
