import { connectEarly } from './player/early.ts';
import { client } from './shell/client.ts';
import { readLanguage } from './shell/language.ts';
import { pathBelowBase, parseRoute } from './shell/route.ts';
import { applyTheme } from './shell/theme.ts';
import { loadDictionary } from './words/index.ts';

/**
 * The first script of every page. A room page asks to enter and opens its stream before React or the player are
 * even loaded: the first frame waits for the slowest of the three, not for their sum.
 */
applyTheme();
const route = parseRoute(pathBelowBase(), location.search);
if (route.page === 'room') {
  connectEarly({ client, roomRef: route.roomRef, preference: route.preference });
  // Warmed beside each other; a failure is met, and named, where they are used.
  import('./player/session.ts').catch(() => undefined);
  import('./player/engine.ts').catch(() => undefined);
  import('./viewer/room-page.tsx').catch(() => undefined);
}
if (route.page === 'home') import('./viewer/home-page.tsx').catch(() => undefined);
const language = readLanguage();
Promise.all([import('./shell/main.tsx'), loadDictionary(language)]).then(
  ([{ mount }, dictionary]) => mount({ language, dictionary }),
  () => {
    // Without the shell there are no words in the reader's language yet.
    document.body.append('Gala could not be loaded. Load the page again. 加载失败，请重新加载。');
  },
);
