import { createRoomClient } from '@gala/sdk/room';

/** The one client of the page: the session's CSRF token lives in it. */
export const client = createRoomClient({ baseUrl: new URL('.', document.baseURI).href });
