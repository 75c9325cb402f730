import { expect } from 'vitest';
import { KEY } from './gateway.ts';
import type { ImagesReply } from './wire.ts';

export const LATER = { prefer: 'respond-async' };

/** A task as far as tests read it. */
export interface TaskReply {
  readonly id: string;
  readonly object: string;
  readonly status: 'in_progress' | 'completed' | 'failed' | 'cancelled';
  readonly request_id: string;
  readonly created_at: number;
  readonly completed_at: number | null;
  readonly expires_at: number;
  readonly progress: { readonly pictures: number; readonly pictures_done: number; readonly elapsed_seconds: number };
  readonly status_code: number | null;
  readonly cost: number | null;
  readonly error: { readonly message: string; readonly type: string; readonly code: string } | null;
  readonly response: ImagesReply | null;
}

export async function taskOf(reply: Response): Promise<TaskReply> {
  return (await reply.json()) as TaskReply;
}

interface Asked {
  readonly url: string;
}

/** The reply about a task once it has ended. */
export async function whenIn({ url }: Asked, location: string, key = KEY): Promise<Response> {
  for (let polls = 0; polls < 20; polls += 1) {
    const reply = await fetch(url + location, { headers: { authorization: `Bearer ${key}`, prefer: 'wait=10' } });
    expect(reply.status).toBe(200);
    if ((await taskOf(reply.clone())).status !== 'in_progress') return reply;
  }
  throw new Error('the task never ended');
}

/** The answer of a task, once it has one. */
export async function collected(gateway: Asked, location: string, key = KEY): Promise<ImagesReply> {
  const task = await taskOf(await whenIn(gateway, location, key));
  expect(task.status).toBe('completed');
  return task.response!;
}
