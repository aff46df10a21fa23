import type { Room } from '@gala/protocol/rest';
import type { RoomRules } from '@gala/protocol/signals';

/** placeholder until the operations are there */
export function ChatSettings(_: { readonly room: Room; readonly rules: RoomRules }) {
  return null;
}
