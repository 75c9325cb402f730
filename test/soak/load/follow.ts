import type { Ask } from './asks.ts';
import type { Told } from './call.ts';
import { chatOf, singleOf } from './requests.ts';
import { bare, json, NAMELESS_TAGS, task } from './wire.ts';
import type { Wire } from './wire.ts';

/** Sends a request and tells what came of it. */
export type Send = (wire: Wire) => Promise<Told>;

const POLLS = 6;

/** What follows a first answer: a link is fetched, a task waited for or cancelled, a file used and deleted, a picture changed. */
export async function follow(ask: Ask, { verdict, status }: Told, send: Send): Promise<void> {
  if (verdict === null || verdict.faults.length > 0 || status === null || status >= 400) return;
  if (ask.kind === 'images link') return fetchLinks(ask, verdict.words, send);
  if (ask.kind === 'images task' && status === 202) return awaitTask(ask, verdict.words, send);
  if (ask.kind === 'chat turns' && verdict.pictures > 0) return changePicture(ask, verdict.words, send);
  if (ask.kind === 'file') return useFile(ask, verdict.words, send);
}

async function fetchLinks(ask: Ask, words: unknown, send: Send): Promise<void> {
  const { data } = words as { readonly data: readonly { readonly url: string }[] };
  for (const { url } of data) {
    const { pathname, search } = new URL(url);
    // The link is all there is to show.
    await send({ ...bare(ask, 'GET', pathname + search, '/v1/images/files/{id}', 'bare'), headers: {} });
  }
}

async function awaitTask(ask: Ask, words: unknown, send: Send): Promise<void> {
  const { id } = words as { readonly id: string };
  const path = `/v1/images/tasks/${id}`;
  if (ask.cancels) return void (await send(task(ask, 'DELETE', path)));
  for (let polls = 0; polls < POLLS; polls += 1) {
    const { verdict } = await send(task(ask, 'GET', path));
    if (verdict?.outcome !== 'begun') return;
  }
}

async function useFile(ask: Ask, words: unknown, send: Send): Promise<void> {
  const { id } = words as { readonly id: string };
  await send(json(ask, '/v1/images/edits', { ...singleOf(ask.subject), images: [{ file_id: id }] }, 'images'));
  await send(bare(ask, 'DELETE', `/v1/files/${id}`, '/v1/files/{id}', 'file'));
}

/** It goes back as it came: its thought signature, which it has lost on the way, is the gateway's to put back. */
async function changePicture(ask: Ask, words: unknown, send: Send): Promise<void> {
  const { choices } = words as { readonly choices: readonly { readonly message: object }[] };
  const { messages, ...fields } = chatOf(ask.subject);
  const [lot = ''] = /lot .*;$/.exec(ask.subject.prompt) ?? [];
  const wish = { role: 'user', content: `the same in blue, ${lot}` };
  const body = { ...fields, messages: [...messages, choices[0]!.message, wish] };
  // What it was asked for the first time under a key is not what is asked now.
  const anew = { ...ask, isIdempotent: false };
  await send(json(anew, '/v1/chat/completions', body, 'chat', { headers: { 'x-plantain-tags': NAMELESS_TAGS } }));
}
