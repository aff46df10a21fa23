import { useEffect, useState } from 'react';
import type { HostMedia, RecordedRoom } from '@gala/protocol/rest';
import { ApiError, type AnswerOf } from '@gala/sdk/room';
import { Icon } from '../design/icon.tsx';
import { client } from '../shell/client.ts';
import { Link } from '../shell/link.tsx';
import { usePoll, type Ask } from '../shell/poll.ts';
import { useWords } from '../shell/words.tsx';
import { formatDuration } from '../words/index.ts';

const refreshMs = 5_000;
const listedMax = 20;
const bytesPerMegabyte = 1_000_000;
const askRecordings: Ask<AnswerOf<'listMyRecordings'>> = (signal) =>
  client.listMyRecordings({ limit: listedMax }, { signal });

/** Whether broadcasts are recorded, and what there is of them. */
export default function Recordings() {
  const { t } = useWords();
  const { answer, refresh } = usePoll(askRecordings, refreshMs);
  const rooms = answer?.rooms ?? [];
  return (
    <section className="card recordings" data-testid="recordings">
      <h2>{t('recordings.title')}</h2>
      <RecordSwitch />
      {answer && rooms.length === 0 && <p className="hint">{t('recordings.none')}</p>}
      {rooms.length > 0 && (
        <ul>
          {rooms.map((recorded) => (
            <Recorded key={recorded.room.roomId} recorded={recorded} onDeleted={refresh} />
          ))}
        </ul>
      )}
    </section>
  );
}

/** The other media settings are put back as they were read. */
function RecordSwitch() {
  const { t, explain } = useWords();
  const [media, setMedia] = useState<HostMedia>();
  const [failed, setFailed] = useState<ApiError>();
  useEffect(() => {
    const left = new AbortController();
    client.getMyHostMedia(undefined, { signal: left.signal }).then(
      (answer) => setMedia(answer.media),
      () => undefined,
    );
    return () => left.abort();
  }, []);
  const choose = (record: boolean): void => {
    if (!media) return;
    setFailed(undefined);
    setMedia({ ...media, record });
    client.putMyHostMedia({ ...media, record }).then(
      (answer) => setMedia(answer.media),
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        setMedia(media);
        setFailed(error);
      },
    );
  };
  return (
    <>
      <label className="choice">
        <input
          type="checkbox"
          checked={media?.record ?? false}
          disabled={!media}
          onChange={(event) => choose(event.target.checked)}
          data-testid="record-switch"
        />
        <span>
          {t('recordings.record')}
          <small>{t('recordings.record.text')}</small>
        </span>
      </label>
      {failed && (
        <p className="form-error" role="alert">
          {explain(failed)}
        </p>
      )}
    </>
  );
}

interface RecordedProps {
  readonly recorded: RecordedRoom;
  readonly onDeleted: () => void;
}

function Recorded({ recorded: { room, replay, files }, onDeleted }: RecordedProps) {
  const { t, language } = useWords();
  const startedAtMs = replay?.startedAtMs ?? files[0]?.startedAtMs ?? room.createdAtMs;
  const date = new Intl.DateTimeFormat(language, { dateStyle: 'medium', timeStyle: 'short' });
  const isGrowing = files.some(({ state }) => state === 'recording');
  return (
    <li data-testid="recording">
      <div className="recording-words">
        <strong>{room.title || t('recordings.untitled')}</strong>
        <span className="hint">
          {[
            date.format(startedAtMs),
            isGrowing ? t('recordings.growing') : formatDuration(replay?.durationMs ?? 0),
            ...(isGrowing ? [] : [formatBytes(files, language)]),
          ].join(' · ')}
        </span>
      </div>
      <div className="actions">
        {replay && room.state === 'ended' && (
          <Link to={`/room/${room.roomId}`} className="button small">
            <Icon name="play" />
            {t('recordings.watch')}
          </Link>
        )}
        {!isGrowing && <Downloads files={files} />}
        <DeleteRecordings roomId={room.roomId} onDeleted={onDeleted} />
      </div>
    </li>
  );
}

function Downloads({ files }: Pick<RecordedRoom, 'files'>) {
  const { t } = useWords();
  return files.map(({ url, format, startedAtMs }, index) => (
    <a
      key={`${startedAtMs}.${format}`}
      className="button quiet small"
      href={withDownload(url)}
      title={t('recordings.download')}
    >
      {format.toUpperCase()}
      {files.length > 1 ? ` ${index + 1}` : ''}
    </a>
  ));
}

function DeleteRecordings({
  roomId,
  onDeleted,
}: {
  readonly roomId: number;
  readonly onDeleted: () => void;
}) {
  const { t, explain } = useWords();
  const [asking, setAsking] = useState(false);
  const [failed, setFailed] = useState<ApiError>();
  const remove = (): void => {
    client.deleteRecordings({ roomId }).then(onDeleted, (error: unknown) => {
      if (!(error instanceof ApiError)) throw error;
      setFailed(error);
    });
  };
  if (!asking) {
    return (
      <button className="button danger small" onClick={() => setAsking(true)} data-testid="delete-recording">
        {t('recordings.delete')}
      </button>
    );
  }
  return (
    <div className="ask" role="alertdialog" aria-label={t('recordings.delete.ask')}>
      <span>{failed ? explain(failed) : t('recordings.delete.ask')}</span>
      <button className="button small" onClick={() => setAsking(false)} autoFocus>
        {t('host.cancel')}
      </button>
      <button className="button danger small" onClick={remove} data-testid="delete-recording-yes">
        {t('recordings.delete.yes')}
      </button>
    </div>
  );
}

function withDownload(url: string): string {
  return `${url}${url.includes('?') ? '&' : '?'}download`;
}

function formatBytes(files: RecordedRoom['files'], language: string): string {
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const format = new Intl.NumberFormat(language, {
    style: 'unit',
    unit: 'megabyte',
    maximumFractionDigits: 1,
  });
  return format.format(bytes / bytesPerMegabyte);
}
