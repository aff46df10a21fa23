import { useCallback } from 'react';
import { TableHead } from '../design/table-head.tsx';
import { client } from '../shell/client.ts';
import { usePoll } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';
import { useModerateWords } from './moderate-words.tsx';
import { Section, useChange } from './section.tsx';

const refreshMs = 5_000;
const shownMax = 200;

/** Who may not speak, or not be here, and until when. */
export function SanctionList({ hostRef }: { readonly hostRef: string }) {
  const say = useModerateWords();
  const ask = useCallback(
    (signal: AbortSignal) => client.listSanctions({ hostRef, limit: shownMax }, { signal }),
    [hostRef],
  );
  const { answer, error, refresh } = usePoll(ask, refreshMs);
  const [failed, run] = useChange(refresh);
  const sanctions = answer?.sanctions ?? [];
  return (
    <Section title={say('sanctions')} error={error} failed={failed} testId="sanctions">
      {answer && sanctions.length === 0 && <p className="hint">{say('sanctions.none')}</p>}
      {sanctions.length > 0 && (
        <div className="table-scroll">
          <table className="table">
            <TableHead
              columns={[
                { name: say('sanctions.who') },
                { name: say('sanctions.what') },
                { name: say('sanctions.until') },
                { name: say('sanctions.why') },
              ]}
              actions={say('sanctions.lift')}
            />
            <tbody>
              {sanctions.map(({ userId, name, kind, untilMs, reason }) => (
                <tr key={`${userId} ${kind}`} data-testid="sanction">
                  <th scope="row">
                    <bdi>{name || userId}</bdi>
                  </th>
                  <td>{say(`sanctions.${kind}`)}</td>
                  <td>
                    <Until untilMs={untilMs} />
                  </td>
                  <td>{reason}</td>
                  <td className="row-actions">
                    <button
                      className="button small"
                      onClick={() =>
                        run(() => client.unsanctionUser({ hostRef, userRef: userId, sanctionKind: kind }))
                      }
                    >
                      {say('sanctions.lift')}
                    </button>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Section>
  );
}

function Until({ untilMs }: { readonly untilMs: number }) {
  const say = useModerateWords();
  const { language } = useWords();
  if (untilMs === 0) return say('sanctions.forever');
  const time = new Date(untilMs);
  const locale = language === 'en' ? 'en-GB' : language;
  const words = new Intl.DateTimeFormat(locale, { dateStyle: 'short', timeStyle: 'short' }).format(time);
  return <time dateTime={time.toISOString()}>{words}</time>;
}
