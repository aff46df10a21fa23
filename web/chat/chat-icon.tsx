import { Drawing } from '../design/icon.tsx';

/** As those of the design, and fetched with the chat. */
const paths = {
  heart: 'M12 20S4 15.2 4 9.3A4.3 4.3 0 0 1 12 7a4.3 4.3 0 0 1 8 2.3C20 15.2 12 20 12 20Z',
  send: 'M4.5 12 20 4.5 15.5 20l-3.7-6.6zM11.8 13.4 20 4.5',
  more: 'M5.5 12h.01M12 12h.01M18.5 12h.01',
  down: 'M12 5v14M6 13l6 6 6-6',
  plus: 'M12 5v14M5 12h14',
  shield: 'M12 3.5 19 6v5.5c0 4.3-2.8 7.6-7 9-4.2-1.4-7-4.7-7-9V6z',
} as const;

export function ChatIcon({ name }: { readonly name: keyof typeof paths }) {
  return <Drawing path={paths[name]} />;
}
