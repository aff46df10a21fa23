import { useState } from 'react';
import type { PublishTarget } from '@gala/protocol/rest';
import { ApiError } from '@gala/sdk/room';
import { CopyButton } from '../design/copy-button.tsx';
import { Icon } from '../design/icon.tsx';
import { client } from '../shell/client.ts';
import { useWords } from '../shell/words.tsx';
import { ffmpegLine } from './ffmpeg-line.ts';

/** Where and with what to publish. The key is shown once after it was made: the server keeps only its hash. */
export function Publish({ rtmpUrl, rtmpsUrl }: PublishTarget) {
  const { t } = useWords();
  const [streamKey, setStreamKey] = useState<string>();
  return (
    <section className="card publish" aria-labelledby="publish-title">
      <h2 id="publish-title">{t('host.publish.title')}</h2>
      <Secret label={t('host.publish.server')} value={rtmpUrl} testId="rtmp-url" />
      {rtmpsUrl !== undefined && (
        <Secret label={t('host.publish.server.secure')} value={rtmpsUrl} testId="rtmps-url" />
      )}
      {streamKey === undefined ? (
        <div className="field">
          <span>{t('host.publish.key')}</span>
          <p className="masked">
            <span aria-hidden="true">••••••••••••••••</span>
            <small>{t('host.publish.key.hidden')}</small>
          </p>
        </div>
      ) : (
        <Secret
          label={t('host.publish.key')}
          value={streamKey}
          testId="stream-key"
          note={t('host.publish.key.once')}
        />
      )}
      <RotateKey onKey={setStreamKey} />
      <Encoders rtmpUrl={rtmpUrl} streamKey={streamKey ?? t('host.publish.placeholder')} />
    </section>
  );
}

interface SecretProps {
  readonly label: string;
  readonly value: string;
  readonly testId: string;
  readonly note?: string;
}

function Secret({ label, value, testId, note }: SecretProps) {
  const { t } = useWords();
  return (
    <div className="field">
      <span>{label}</span>
      <div className="secret">
        <code data-testid={testId}>{value}</code>
        <CopyButton text={value} label={t('host.copy')} done={t('host.copied')} testId={`copy-${testId}`} />
      </div>
      {note !== undefined && (
        <p className="warning" role="status">
          <Icon name="key" />
          {note}
        </p>
      )}
    </div>
  );
}

function RotateKey({ onKey }: { readonly onKey: (streamKey: string) => void }) {
  const { t, explain } = useWords();
  const [asking, setAsking] = useState(false);
  const [failed, setFailed] = useState<ApiError>();
  const rotate = (): void => {
    setAsking(false);
    setFailed(undefined);
    client.rotateStreamKey().then(
      ({ streamKey }) => onKey(streamKey),
      (error: unknown) => {
        if (!(error instanceof ApiError)) throw error;
        setFailed(error);
      },
    );
  };
  if (asking) {
    return (
      <div className="ask" role="alertdialog" aria-label={t('host.publish.rotate')}>
        <span>{t('host.publish.rotate.ask')}</span>
        <button className="button small" onClick={() => setAsking(false)} autoFocus>
          {t('host.cancel')}
        </button>
        <button className="button danger small" onClick={rotate} data-testid="rotate-key-yes">
          {t('host.publish.rotate.yes')}
        </button>
      </div>
    );
  }
  return (
    <div className="actions">
      <button className="button" onClick={() => setAsking(true)} data-testid="rotate-key">
        <Icon name="key" />
        {t('host.publish.rotate')}
      </button>
      {failed && (
        <p className="form-error" role="alert">
          {explain(failed)}
        </p>
      )}
    </div>
  );
}

function Encoders({ rtmpUrl, streamKey }: { readonly rtmpUrl: string; readonly streamKey: string }) {
  const { t } = useWords();
  const line = ffmpegLine(rtmpUrl, streamKey);
  return (
    <div className="encoders">
      <details open>
        <summary>{t('host.publish.obs')}</summary>
        <p className="hint">{t('host.publish.obs.path')}</p>
        <dl className="obs">
          <dt>{t('host.publish.obs.service')}</dt>
          <dd>{t('host.publish.obs.service.value')}</dd>
          <dt>{t('host.publish.server')}</dt>
          <dd>
            <code>{rtmpUrl}</code>
          </dd>
          <dt>{t('host.publish.key')}</dt>
          <dd>
            <code>{streamKey}</code>
          </dd>
        </dl>
        <p className="hint">{t('host.publish.obs.output')}</p>
      </details>
      <details>
        <summary>{t('host.publish.ffmpeg')}</summary>
        <p className="hint">{t('host.publish.ffmpeg.text')}</p>
        <pre data-testid="ffmpeg-line">{line}</pre>
        <CopyButton text={line} label={t('host.copy')} done={t('host.copied')} />
      </details>
    </div>
  );
}
