/**
 * Requests that two parsers may read differently, after the literature: RFC 9112 sections 2.2, 5, 6, 7 and 11.2
 * (https://www.rfc-editor.org/rfc/rfc9112), "HTTP Desync Attacks" (Kettle 2019, 2021, 2025) and the corpora of
 * https://github.com/narfindustries/http-garbage. Each hides another request, `MARK`, where a parser that is mistaken
 * about the end of the first would find it.
 */
export interface Shape {
  readonly name: string;
  readonly words: string;
}

export interface Words {
  /** Credentials and a host. */
  readonly headers: string;
  /** A path that reads a body. */
  readonly path: string;
  /** A whole request that must never be taken for one. */
  readonly mark: string;
  /** A body that is answered with a picture. */
  readonly body: string;
}

const CRLF = '\r\n';

/** Their framing is wrong: none of them may be served, whatever they ask for. */
export function refusedShapes({ headers, path, mark }: Omit<Words, 'body'>): readonly Shape[] {
  const head = `POST ${path} HTTP/1.1${CRLF}${headers}`;
  const framed = (name: string, lines: string, body = `0${CRLF}${CRLF}${mark}`): Shape => ({
    name,
    words: `${head}${lines}${CRLF}${CRLF}${body}`,
  });
  const chunked = (name: string, body: string): Shape => framed(name, 'transfer-encoding: chunked', `${body}${mark}`);
  const te = 'transfer-encoding: chunked';
  const length = `content-length: ${5 + mark.length}`;
  return [
    // Two ways to say where it ends.
    framed('a length, then chunks', `${length}${CRLF}${te}`),
    framed('chunks, then a length', `${te}${CRLF}${length}`),
    framed('a length of nothing and chunks', `content-length: 0${CRLF}${te}`),
    framed('chunks in other letters and a length', `${length}${CRLF}Transfer-ENCODING: CHUNKED`),
    framed('two lengths that differ', `content-length: 5${CRLF}${length}`),
    framed('two lengths that are the same', `content-length: 5${CRLF}content-length: 5`),
    framed('a list of lengths', 'content-length: 5, 5'),
    // Lengths that are no numbers.
    ...['+5', '-5', '-0', '0x5', '5e0', '5.0', '"5"', '5;5', '5 5', '٥', '', '99999999999999999999999'].map((value) =>
      framed(`a length of ${JSON.stringify(value)}`, `content-length: ${value}`, `hello${mark}`),
    ),
    // Codings nobody knows, or in an order that leaves the end open.
    ...[
      'chunked, identity',
      'identity, chunked',
      'chunked, chunked',
      'gzip',
      'xchunked',
      'chunkedx',
      'chunked;q=1',
      '"chunked"',
      "'chunked'",
      'chunked\x0b',
      '\x0bchunked',
      'chun ked',
      'identity',
      'cow',
      ',',
      '',
    ].map((value) => framed(`a coding of ${JSON.stringify(value)}`, `transfer-encoding: ${value}`)),
    framed('chunks twice, in two headers', `${te}${CRLF}${te}`),
    framed('another coding behind chunks, in two headers', `${te}${CRLF}transfer-encoding: identity`),
    // Header lines of which one parser makes another than the next.
    framed('a space before the colon of a coding', 'transfer-encoding : chunked'),
    framed('a tab before the colon of a length', 'content-length\t: 5', `hello${mark}`),
    framed('a space before the name', ` transfer-encoding: chunked`),
    framed('a coding on a folded line', `transfer-encoding:${CRLF} chunked`),
    framed('a folded header before a coding', `foo: bar${CRLF} baz${CRLF}${te}`),
    framed('a coding behind a bare carriage return', `foo: bar\r${te}`),
    framed('a coding behind a bare line feed', `foo: bar\n${te}`),
    framed('a coding behind a NUL', `foo: bar\0${CRLF}${te}`),
    framed('a NUL in a name', `transfer-encoding\0: chunked`),
    framed('a control character in a name', `transfer\x01encoding: chunked`),
    framed('a name without a colon', `transfer-encoding chunked`),
    framed('no name', `: chunked`),
    framed('a name in brackets', `(transfer-encoding): chunked`),
    framed('a carriage return before the colon', `transfer-encoding\r: chunked`),
    framed('a letter that some fold to ASCII', `tranſfer-encoding: chunked`),
    { name: 'bare line feeds all through', words: `${head}${te}${CRLF}${CRLF}`.replaceAll(CRLF, '\n') + mark },
    { name: 'bare carriage returns all through', words: `${head}${te}${CRLF}${CRLF}`.replaceAll(CRLF, '\r') + mark },
    { name: 'headers that end with a bare line feed', words: `${head}content-length: 5${CRLF}\nhello${mark}` },
    { name: 'headers that end with a bare carriage return', words: `${head}content-length: 5${CRLF}\rhello${mark}` },
    // Chunks.
    ...[
      ['a size that is none', `Z${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['no size', `${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a signed size', `+5${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a negative size', `-5${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a size with a prefix', `0x5${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a size that wraps 64 bits', `10000000000000005${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a size beyond 64 bits', `${'f'.repeat(17)}${CRLF}hello${CRLF}`],
      ['a size behind a space', ` 5${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a size before a space', `5 ${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a size before a tab', `5\t${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a size with an underscore', `0_5${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a size that ends with a line feed', `5\nhello${CRLF}0${CRLF}${CRLF}`],
      ['a size that ends with a carriage return', `5\rXhello${CRLF}0${CRLF}${CRLF}`],
      ['an extension that ends with a line feed', `5;a\nhello${CRLF}0${CRLF}${CRLF}`],
      ['an extension with a carriage return', `5;a\rb${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['an extension with a NUL', `5;a\0${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['a quoted extension with a line in it', `5;a="${CRLF}hello"${CRLF}0${CRLF}${CRLF}`],
      ['an extension of 20 KB', `5;${'a'.repeat(20_000)}${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['less data than it says', `6${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['more data than it says', `4${CRLF}hello${CRLF}0${CRLF}${CRLF}`],
      ['data that ends with a line feed', `5${CRLF}hello\n0${CRLF}${CRLF}`],
      ['data that ends with a carriage return', `5${CRLF}hello\r0${CRLF}${CRLF}`],
      ['a last chunk that ends with a line feed', `5${CRLF}hello${CRLF}0\n\n`],
      ['a trailer that is folded', `0${CRLF}foo: a${CRLF} b${CRLF}${CRLF}`],
      ['a trailer with a bare line feed', `0${CRLF}foo: a\nbar: b${CRLF}${CRLF}`],
      ['trailers of 20 KB', `0${CRLF}foo: ${'a'.repeat(20_000)}${CRLF}${CRLF}`],
    ].map(([name, body]) => chunked(`a chunk with ${name!}`, body!)),
    // The request line.
    { name: 'a target with a NUL', words: `POST ${path}\0 HTTP/1.1${CRLF}${headers}${CRLF}${mark}` },
    { name: 'a target with a bare line feed', words: `POST ${path}\n HTTP/1.1${CRLF}${headers}${CRLF}${mark}` },
    { name: 'a target with a space', words: `POST ${path} x HTTP/1.1${CRLF}${headers}${CRLF}${mark}` },
    { name: 'a method nobody knows', words: `SMUGGLE ${path} HTTP/1.1${CRLF}${headers}${CRLF}${mark}` },
    { name: 'a method in small letters', words: `post ${path} HTTP/1.1${CRLF}${headers}${CRLF}${mark}` },
    { name: 'HTTP/0.9', words: `GET ${path}${CRLF}${CRLF}${mark}` },
    { name: 'HTTP/1.2', words: `POST ${path} HTTP/1.2${CRLF}${headers}${CRLF}${mark}` },
    { name: 'HTTP/2.0', words: `POST ${path} HTTP/2.0${CRLF}${headers}${CRLF}${mark}` },
    { name: 'HTTP/11', words: `POST ${path} HTTP/11${CRLF}${headers}${CRLF}${mark}` },
    { name: 'http/1.1 in small letters', words: `POST ${path} http/1.1${CRLF}${headers}${CRLF}${mark}` },
    {
      name: 'HTTP/1.0 with chunks and a length',
      words: `POST ${path} HTTP/1.0${CRLF}${headers}${length}${CRLF}${te}${CRLF}${CRLF}0${CRLF}${CRLF}${mark}`,
    },
    {
      name: 'HTTP/1.0 with chunks',
      words: `POST ${path} HTTP/1.0${CRLF}${headers}connection: keep-alive${CRLF}${te}${CRLF}${CRLF}0${CRLF}${CRLF}${mark}`,
    },
    {
      name: 'two hosts',
      words: `POST ${path} HTTP/1.1${CRLF}${headers}host: other.example${CRLF}content-length: 0${CRLF}${CRLF}${mark}`,
    },
    {
      name: 'a host with a path',
      words: `POST ${path} HTTP/1.1${CRLF}${headers.replace(/host: [^\r]*/, 'host: x/evil')}content-length: 0${CRLF}${CRLF}${mark}`,
    },
    {
      name: 'a target whose host is another',
      words: `POST http://other.example${path} HTTP/1.1${CRLF}${headers}content-length: 0${CRLF}${CRLF}${mark}`,
    },
    { name: 'CONNECT', words: `CONNECT other.example:443 HTTP/1.1${CRLF}${headers}${CRLF}${mark}` },
  ];
}

/**
 * They look odd, and yet there is but one way to read them: the end of the first is where the second begins. `isDrawn`:
 * what they carry is the body of a request, and not a request that is none here.
 */
export function plainShapes({ headers, path, mark, body }: Words): readonly (Shape & { readonly isDrawn: boolean })[] {
  const head = `POST ${path} HTTP/1.1${CRLF}${headers}`;
  const size = (text: string): string => Buffer.byteLength(text).toString(16);
  const drawn = (name: string, lines: string, sent: string) => ({
    name,
    words: `${head}${lines}${CRLF}${CRLF}${sent}`,
    isDrawn: true,
  });
  const chunked = (name: string, sent: string) => drawn(name, 'transfer-encoding: chunked', sent);
  const hidden = (name: string, words: string) => ({ name, words, isDrawn: false });
  const chunk = `${size(body)}${CRLF}${body}${CRLF}`;
  const end = `0${CRLF}${CRLF}`;
  const counted = `content-length: ${mark.length}${CRLF}${CRLF}${mark}`;
  return [
    drawn('a length with zeros before it', `content-length: 00000${body.length}`, body),
    drawn('a length between spaces', `content-length: \t ${body.length} \t`, body),
    drawn('chunks in capitals', 'Transfer-Encoding: CHUNKED', chunk + end),
    chunked('a size in other letters', `${size(body).toUpperCase()}${CRLF}${body}${CRLF}${end}`),
    chunked('a size behind a kilobyte of zeros', `${'0'.repeat(1024)}${chunk}${end}`),
    chunked('an end of several zeros', `${chunk}000${CRLF}${CRLF}`),
    chunked(
      'chunks of one byte',
      `${body
        .split('')
        .map((byte) => `1${CRLF}${byte}${CRLF}`)
        .join('')}${end}`,
    ),
    chunked('extensions', `${size(body)};a;b=c;d="e;f"${CRLF}${body}${CRLF}0;last${CRLF}${CRLF}`),
    chunked('trailers', `${chunk}0${CRLF}host: other.example${CRLF}x-api-key: another${CRLF}${CRLF}`),
    {
      ...drawn('empty lines before it', '', ''),
      words: `${CRLF}${CRLF}${head}content-length: ${body.length}${CRLF}${CRLF}${body}`,
    },
    hidden('a body that is a request', `${head}${counted}`),
    hidden(
      'a chunk that is a request',
      `${head}transfer-encoding: chunked${CRLF}${CRLF}${size(mark)}${CRLF}${mark}${CRLF}${end}`,
    ),
    hidden(
      'a body that looks like its own end',
      `${head}transfer-encoding: chunked${CRLF}${CRLF}5${CRLF}${end}${CRLF}${end}`,
    ),
    ...['GET', 'DELETE', 'PUT', 'OPTIONS'].map((method) =>
      hidden(`a body of ${method} that is a request`, `${method} ${path} HTTP/1.1${CRLF}${headers}${counted}`),
    ),
  ];
}
