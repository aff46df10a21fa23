import { useState, type CSSProperties, type ReactNode } from 'react';
import { coverArtOf, type Pattern } from './cover-art.ts';

interface CoverProps {
  readonly name: string;
  /** Where a picture of the room may be. */
  readonly pictureUrl?: string | undefined;
  /** The picture is of a room that is on hold or over. */
  readonly dimmed?: boolean;
  readonly children?: ReactNode;
}

/** The picture of a room or, until there is one, a drawn cover from the host's name: colour, pattern and initials. */
export function Cover({ name, pictureUrl, dimmed = false, children }: CoverProps) {
  const art = coverArtOf(name);
  return (
    <div
      className={`cover${dimmed ? ' dimmed' : ''}`}
      style={{ '--cover-hue': art.hue, '--cover-turn': `${art.turn}deg` } as CSSProperties}
    >
      <svg
        className="cover-art"
        viewBox="0 0 320 180"
        preserveAspectRatio="xMidYMid slice"
        aria-hidden="true"
      >
        <g className="cover-pattern">{drawings[art.pattern]}</g>
      </svg>
      <span className="cover-initials" aria-hidden="true">
        {art.initials}
      </span>
      {pictureUrl !== undefined && <Picture url={pictureUrl} />}
      {children}
    </div>
  );
}

/** Shown once it is there, and as long as no other one is: what cannot be loaded leaves what was before. */
function Picture({ url }: { readonly url: string }) {
  const [shownUrl, setShownUrl] = useState<string>();
  return (
    <>
      {shownUrl !== undefined && <img className="cover-picture" src={shownUrl} alt="" />}
      {shownUrl !== url && (
        <img className="cover-picture loading" src={url} alt="" onLoad={() => setShownUrl(url)} />
      )}
    </>
  );
}

export function Avatar({ name }: { readonly name: string }) {
  const art = coverArtOf(name);
  return (
    <span className="avatar" style={{ '--cover-hue': art.hue } as CSSProperties} aria-hidden="true">
      {art.initials}
    </span>
  );
}

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

const drawings: Readonly<Record<Pattern, ReactNode>> = {
  rings: range(7).map((ring) => (
    <circle key={ring} className="stroke" cx="262" cy="150" r={24 + ring * 34} />
  )),
  stripes: range(9).map((stripe) => (
    <path key={stripe} className="stroke wide" d={`M${stripe * 62 - 130} 240 L${stripe * 62 + 70} -60`} />
  )),
  dots: range(84).map((dot) => {
    const column = dot % 12;
    const row = Math.floor(dot / 12);
    return (
      <circle
        key={dot}
        className="fill"
        cx={column * 30 + (row % 2) * 15}
        cy={row * 30}
        r={2 + column * 0.75}
      />
    );
  }),
  arcs: range(6).map((arc) => (
    <path
      key={arc}
      className="stroke wide"
      d={`M${-40 + arc * 74} 190 a${60 + arc * 6} ${60 + arc * 6} 0 0 1 ${120 + arc * 12} 0`}
    />
  )),
  blocks: range(10).map((block) => (
    <rect
      key={block}
      className="fill"
      x={block * 36 - 20}
      y={150 - ((block * 67) % 110)}
      width="26"
      height="160"
      rx="13"
    />
  )),
};
