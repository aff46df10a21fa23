import { lazy, Suspense } from 'react';
import { Notice } from '../design/notice.tsx';
import { Header } from './header.tsx';
import { Link } from './link.tsx';
import { useAddress } from './navigation.ts';
import { hrefOf, parseRoute, pathBelowBase, type Route } from './route.ts';
import { SiteNotice } from './site-notice.tsx';
import { useTitle } from './title.ts';
import { useWords } from './words.tsx';

const HomePage = lazy(() => import('../viewer/home-page.tsx'));
const RoomPage = lazy(() => import('../viewer/room-page.tsx'));
const ProgrammePage = lazy(() => import('../viewer/programme-page.tsx'));
const ConsolePage = lazy(() => import('../console/console-page.tsx'));
const ModeratePage = lazy(() => import('../moderate/moderate-page.tsx'));
const HostPage = lazy(() => import('../studio/host-page.tsx'));

export function App() {
  useAddress();
  const { t } = useWords();
  const route = parseRoute(pathBelowBase(), location.search);
  return (
    <>
      <a className="skip" href={`${location.pathname}${location.search}#content`}>
        {t('nav.skip')}
      </a>
      <Header page={route.page} />
      <main id="content" className="page" tabIndex={-1}>
        <SiteNotice />
        <Suspense fallback={<div className="page-wait" />}>
          <Page route={route} />
        </Suspense>
      </main>
      <footer className="footer">
        <span>{t('footer.text')}</span>
        <a href={hrefOf('/v1/openapi.json')}>{t('footer.api')}</a>
      </footer>
    </>
  );
}

function Page({ route }: { readonly route: Route }) {
  switch (route.page) {
    case 'home':
      return <HomePage />;
    case 'host':
      return <HostPage />;
    case 'moderate':
      return <ModeratePage key={route.roomId} roomId={route.roomId} />;
    case 'console':
      return <ConsolePage roomId={route.roomId} part={route.part} />;
    case 'room':
      return <RoomPage key={route.roomRef} roomRef={route.roomRef} preference={route.preference} />;
    case 'programme':
      return <ProgrammePage key={route.name} name={route.name} preference={route.preference} />;
    default:
      return <UnknownPage />;
  }
}

function UnknownPage() {
  const { t } = useWords();
  useTitle(t('unknown.title'));
  return (
    <Notice title={t('unknown.title')} text={t('unknown.text')} mark="404" testId="unknown-page">
      <Link to="/" className="button primary">
        {t('player.toHome')}
      </Link>
    </Notice>
  );
}
