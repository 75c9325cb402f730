import type { LongString } from '../wire/long-string.ts';
import type { Room } from './byte-budget.ts';

/**
 * Room for what is sent to several readers at once, counted once: what a tier has in memory is one and the same for all.
 * So nobody takes the room of others by reading one picture slowly and often. To be called with room for it at least; what
 * it returns is to be called once, when that reader has done.
 */
export function sharedRooms(): (data: LongString, room: Room) => () => void {
  const sending = new Map<LongString, { readonly room: Room; readers: number }>();
  return (data, room) => {
    const present = sending.get(data);
    room.keep(present === undefined ? data.byteLength : 0);
    const held = present ?? { room, readers: 0 };
    held.readers += 1;
    sending.set(data, held);
    return () => {
      held.readers -= 1;
      if (held.readers > 0) return;
      sending.delete(data);
      held.room.keep(0);
    };
  };
}
